// Part of quantize.cpp: a codebook of 16 levels in the order that a search wants, and back to their
// numbers in the file.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "formats/codebooks.h"
#include "formats/group_search.h"

namespace weft::formats {

class LevelNumbers {
 public:
  constexpr explicit LevelNumbers(const std::array<int8_t, 16>& codebook) : sorted_(codebook) {
    std::ranges::sort(sorted_);
    for (uint8_t i = 16; i-- > 0;) numbers_[static_cast<uint8_t>(codebook[i])] = i;
  }

  [[nodiscard]] Levels levels() const {
    return {.low = sorted_.front(), .high = sorted_.back(), .table = sorted_.data()};
  }
  // `level` is one of the codebook's; of two that are alike, the first.
  [[nodiscard]] int number_of(int level) const { return numbers_[static_cast<uint8_t>(level)]; }

 private:
  std::array<int8_t, 16> sorted_;
  std::array<uint8_t, 256> numbers_{};
};

inline constexpr LevelNumbers kIQ4LevelNumbers(kIQ4Levels);
inline constexpr LevelNumbers kE2M1LevelNumbers(kTwiceE2M1);

}  // namespace weft::formats
