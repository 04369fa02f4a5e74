#include "kernels/unroll.h"

#include <algorithm>
#include <regex>

#include <fmt/format.h>

#include "base/check.h"

namespace weft::kernels {
namespace {

// Takes the first line, with its end, off `text`.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
  text.remove_prefix(line.size());
  return line;
}

// Takes all up to the brace that closes the loop off `text`, and that line too.
std::string_view take_body(std::string_view& text) {
  const std::string_view begin = text;
  for (int depth = 1;;) {
    CHECK(!text.empty());
    const std::string_view line = take_line(text);
    depth += static_cast<int>(std::ranges::count(line, '{') - std::ranges::count(line, '}'));
    if (depth == 0) return begin.substr(0, begin.size() - text.size() - line.size());
  }
}

}  // namespace

std::string unroll(std::string_view wgsl,
                   std::span<const std::pair<std::string_view, uint32_t>> constants) {
  static const std::regex kHeader(
      R"(\s*for \(var (\w+) = 0u; \1 < (\w+); \1\+\+\) \{  //! unroll\n)");
  std::string result;
  while (!wgsl.empty()) {
    const std::string_view line = take_line(wgsl);
    if (!line.ends_with("//! unroll\n")) {
      result.append(line);
      continue;
    }
    std::cmatch match;
    CHECK(std::regex_match(line.data(), line.data() + line.size(), match, kHeader));
    const std::string bound = match[2];
    const auto count =
        std::ranges::find(constants, bound, &std::pair<std::string_view, uint32_t>::first);
    CHECK(count != constants.end());
    const std::string body = unroll(take_body(wgsl), constants);
    for (uint32_t i = 0; i < count->second; ++i) {
      result += fmt::format("{{ const {} = {}u;\n{}}}\n", match[1].str(), i, body);
    }
  }
  return result;
}

}  // namespace weft::kernels
