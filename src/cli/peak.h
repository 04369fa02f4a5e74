// What a device can do at most, for a profile's shares.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"

namespace weft::cli {

struct Peak {
  double gb_s;     // of its memory
  double tflop_s;  // of dense f16 products with f32 sums

  bool operator==(const Peak&) const = default;
};

// As its maker publishes it; nothing for a device that is not known.
[[nodiscard]] std::optional<Peak> published_peak(std::string_view device);

// "GB/S,TFLOP/S"
[[nodiscard]] Result<Peak> parse_peak(std::string_view text);

}  // namespace weft::cli
