// libFuzzer: any text as the hub's list of a repository's files, and what is chosen from it.
#include <cstdint>

#include "base/check.h"
#include "hub/repository.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weft::hub;
  const auto files = read_list(std::string(reinterpret_cast<const char*>(data), size));
  if (!files) return 0;
  for (const RepositoryFile& file : *files) CHECK(safe_path(file.path).has_value());
  for (const char* name : {"hf:org/repo", "hf:org/repo:Q8_0"}) {
    const auto chosen = choose_files(*files, *parse_hub_name(name));
    if (chosen) CHECK(!chosen->empty());
  }
  return 0;
}
