#include "cli/peak.h"

#include <charconv>

namespace weft::cli {
namespace {

struct Published {
  std::string_view name;  // in the device's
  Peak peak;
};

// From the data sheets.
constexpr Published kPublished[] = {
    {"H200", {4800, 989}},           {"H100 PCIe", {2000, 756}}, {"H100 80GB HBM3", {3350, 989}},
    {"A100-SXM4-80GB", {2039, 312}}, {"L40S", {864, 362}},       {"RTX 4090", {1008, 165}},
};

bool parse(std::string_view text, double& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0;
}

}  // namespace

std::optional<Peak> published_peak(std::string_view device) {
  for (const Published& known : kPublished) {
    if (device.contains(known.name)) return known.peak;
  }
  return std::nullopt;
}

Result<Peak> parse_peak(std::string_view text) {
  const size_t comma = text.find(',');
  Peak peak{};
  if (comma == std::string_view::npos || !parse(text.substr(0, comma), peak.gb_s) ||
      !parse(text.substr(comma + 1), peak.tflop_s)) {
    return fail("A peak is two numbers above 0, GB/s and TFLOP/s as in '4800,989', not '{}'.",
                text);
  }
  return peak;
}

}  // namespace weft::cli
