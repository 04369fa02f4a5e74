// Loops written out. A shader compiler keeps an array in registers where all of its indices are
// constants; of matrices of a subgroup some leave longer loops as they are, at a fifth of the
// speed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weft::kernels {

// Replaces each loop
//     for (var i = 0u; i < kCount; i++) {  //! unroll
//       BODY
//     }
// by kCount blocks { const i = 0u; BODY }, where kCount is one of `constants`. Loops may be nested.
[[nodiscard]] std::string unroll(std::string_view wgsl,
                                 std::span<const std::pair<std::string_view, uint32_t>> constants);

}  // namespace weft::kernels
