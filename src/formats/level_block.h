// The types whose elements are a scale times one of few whole numbers: TQ1_0 to IQ3_S, of which
// most keep points of a codebook. Taken apart they are all alike, for whom the files' own order of
// bits is of no use.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "formats/blocks.h"
#include "formats/tensor_type.h"

namespace weft::formats {

// 256 elements: d * scales[i / 16] * levels[i], which a float holds exactly. Levels are
//   TQ1_0                   -1, 0, 1
//   TQ2_0                   -1, 0, 1, and 2, which no quantiser writes
//   IQ1_S, IQ1_M            +-1, +-7, +-9
//   IQ2_XXS, IQ2_XS, IQ2_S  +-8, +-25, +-43
//   IQ3_XXS                 +-2, +-6, +-10, +-14, +-18, +-22, +-26, +-31
//   IQ3_S                   +-1, +-3, +-5, +-7, +-9, +-11, +-13, +-15
struct LevelBlock {
  float d;
  std::array<int8_t, 16> scales;  // 1 to 31
  std::array<int8_t, 256> levels;
};
static_assert(sizeof(LevelBlock) == 276);

[[nodiscard]] LevelBlock levels_of(const BlockTQ1_0& block);
[[nodiscard]] LevelBlock levels_of(const BlockTQ2_0& block);
[[nodiscard]] LevelBlock levels_of(const BlockIQ1_S& block);
[[nodiscard]] LevelBlock levels_of(const BlockIQ1_M& block);
[[nodiscard]] LevelBlock levels_of(const BlockIQ2_XXS& block);
[[nodiscard]] LevelBlock levels_of(const BlockIQ2_XS& block);
[[nodiscard]] LevelBlock levels_of(const BlockIQ2_S& block);
[[nodiscard]] LevelBlock levels_of(const BlockIQ3_XXS& block);
[[nodiscard]] LevelBlock levels_of(const BlockIQ3_S& block);

[[nodiscard]] bool has_levels(TensorType type);

// `out` has a place for each of `blocks`, which are whole ones of a type that has_levels().
void take_levels(TensorType type, std::span<const std::byte> blocks, std::span<LevelBlock> out);

}  // namespace weft::formats
