// The files of a model's repository on the hub, and which of them make a model.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "hub/digest.h"
#include "hub/http.h"
#include "hub/hub_name.h"

namespace weft::hub {

// Where the hub is, and who asks.
struct Hub {
  std::string endpoint;  // "https://huggingface.co"
  std::string token;     // may be empty

  // From HF_ENDPOINT and HF_TOKEN. An error for an endpoint that is no http or https URL, and for a
  // token that would go over http to another machine.
  [[nodiscard]] static Result<Hub> from_environment();
};

struct RepositoryFile {
  std::string path;
  uint64_t size_bytes;
  Digest digest;
};

[[nodiscard]] Result<std::vector<RepositoryFile>> list_files(const Hub& hub, const HubName& name);

// What the hub answers to that question, as text.
[[nodiscard]] Result<std::vector<RepositoryFile>> read_list(const std::string& text);

[[nodiscard]] std::string url_of(const Hub& hub, const HubName& name, const RepositoryFile& file);

// What to download: the one GGUF file that name.file names or is a part of the name of, with all
// parts where it is split; without name.file the only GGUF file or the one of Q4_K_M; in a
// repository without GGUF files all that a folder needs. Files of eyes (mmproj) and of importance
// matrices count where they are named. An error lists what there is.
[[nodiscard]] Result<std::vector<RepositoryFile>> choose_files(
    std::span<const RepositoryFile> files, const HubName& name);

}  // namespace weft::hub
