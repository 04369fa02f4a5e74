// What `weft pull` takes: hf:ORG/REPO[:FILE], on Hugging Face's hub or another server with its
// interface.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weft::hub {

struct HubName {
  std::string organisation, repository;
  std::string file;  // a path in the repository, or a part of a name such as "Q4_K_M"; may be empty

  [[nodiscard]] std::string id() const { return organisation + "/" + repository; }
};

inline constexpr std::string_view kHubPrefix = "hf:";
[[nodiscard]] Result<HubName> parse_hub_name(std::string_view text);

// An error for a path that might leave the folder that it is put into, or that a terminal or a file
// system might take for something else: "..", empty parts, backslashes, control characters.
[[nodiscard]] Result<std::filesystem::path> safe_path(std::string_view path);

}  // namespace weft::hub
