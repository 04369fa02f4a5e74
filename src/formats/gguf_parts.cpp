#include "formats/gguf_parts.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace weft::formats {
namespace {

constexpr size_t kDigits = 5;

// Five digits that are a number above 0.
std::optional<uint32_t> number_in(std::string_view text) {
  const bool all_digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  if (!all_digits || number == 0) return std::nullopt;
  return number;
}

}  // namespace

std::string GgufPart::path(uint32_t of_number) const {
  return fmt::format("{}-{:05}-of-{:05}.gguf", base, of_number, count);
}

std::optional<GgufPart> gguf_part(const std::filesystem::path& path) {
  const std::string text = path.string();
  constexpr std::string_view kForm = "-00000-of-00000.gguf";
  if (text.size() <= kForm.size()) return std::nullopt;
  const std::string_view end = std::string_view(text).substr(text.size() - kForm.size());
  const std::string_view between = end.substr(1 + kDigits, 4);
  if (end[0] != '-' || between != "-of-" || !end.ends_with(".gguf")) return std::nullopt;
  const auto number = number_in(end.substr(1, kDigits));
  const auto count = number_in(end.substr(1 + kDigits + between.size(), kDigits));
  if (!number || !count || *number > *count) return std::nullopt;
  return GgufPart{text.substr(0, text.size() - kForm.size()), *number, *count};
}

std::vector<std::filesystem::path> gguf_files(const std::filesystem::path& path) {
  const auto part = gguf_part(path);
  if (!part) return {path};
  std::vector<std::filesystem::path> out;
  for (uint32_t i = 1; i <= part->count; ++i) out.emplace_back(part->path(i));
  return out;
}

}  // namespace weft::formats
