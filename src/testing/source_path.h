// Files of the checkout that tests read. (__FILE__ will not do: under ccache it is relative to the
// folder of the build.)
#pragma once

#include <filesystem>
#include <string_view>

namespace weft::testing {

// The file `name` of src/, such as "formats/gguf_fuzz_seeds/small.gguf".
[[nodiscard]] std::filesystem::path source_path(std::string_view name);

}  // namespace weft::testing
