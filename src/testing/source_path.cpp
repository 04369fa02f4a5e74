#include "testing/source_path.h"

namespace weft::testing {

std::filesystem::path source_path(std::string_view name) {
  return std::filesystem::path(WEFT_SOURCE_FOLDER) / name;
}

}  // namespace weft::testing
