// Makes safetensors files, right and wrong ones.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weft::testing {

// The size of `header`, `header`, and `data`: unchecked.
[[nodiscard]] std::vector<std::byte> safetensors_bytes(std::string_view header,
                                                       std::vector<std::byte> data);

}  // namespace weft::testing
