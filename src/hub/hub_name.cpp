#include "hub/hub_name.h"

#include <algorithm>

#include "formats/quote.h"

namespace weft::hub {
namespace {

using formats::quote;

bool is_safe_part(std::string_view part) {
  constexpr size_t kLongest = 200;  // file systems take 255, and suffixes are added
  const auto is_bad = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\' || c == '/' || c == ':';
  };
  return !part.empty() && part.size() <= kLongest && !part.starts_with('.') &&
         std::ranges::none_of(part, is_bad);
}

// As the hub allows them: letters, digits, '-', '_', '.'.
bool is_name(std::string_view part) {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return is_safe_part(part) && std::ranges::all_of(part, is_good);
}

}  // namespace

Result<HubName> parse_hub_name(std::string_view text) {
  const auto wrong = [text] {
    return fail("{} is no name like hf:ORG/REPO or hf:ORG/REPO:FILE.", quote(text));
  };
  if (!text.starts_with(kHubPrefix)) return wrong();
  const std::string_view rest = text.substr(kHubPrefix.size());
  const size_t colon = rest.find(':');
  const std::string_view id = rest.substr(0, colon);
  const size_t slash = id.find('/');
  if (slash == std::string_view::npos) return wrong();
  HubName name{.organisation = std::string(id.substr(0, slash)),
               .repository = std::string(id.substr(slash + 1)),
               .file = {}};
  if (!is_name(name.organisation) || !is_name(name.repository)) return wrong();
  if (colon != std::string_view::npos) {
    name.file = rest.substr(colon + 1);
    WEFT_TRY(safe_path(name.file));
  }
  return name;
}

Result<std::filesystem::path> safe_path(std::string_view path) {
  std::filesystem::path out;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (!is_safe_part(part)) return fail("{} is no path of a file in a repository.", quote(path));
    out /= part;
    begin = end + 1;
  }
  return out;
}

}  // namespace weft::hub
