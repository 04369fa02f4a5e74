#include "formats/json.h"

#include <unordered_set>
#include <vector>

#include "formats/quote.h"

namespace weft::formats {

Result<nlohmann::json> parse_json(std::string_view text, std::string_view what) {
  using nlohmann::json;
  std::vector<std::unordered_set<std::string>> keys;  // of each object around the parser
  std::string problem;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (!problem.empty()) return false;
    if (depth > kMaxJsonDepth) problem = fmt::format("nests deeper than {}", kMaxJsonDepth);
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(parsed.get_ref<const std::string&>()).second) {
      problem = fmt::format("has the key {} twice", quote(parsed.get_ref<const std::string&>()));
    }
    return true;
  };
  try {
    json value = json::parse(text, watch);
    if (!problem.empty()) return fail("{} {}.", what, problem);
    return value;
  } catch (const json::exception& error) {
    return fail("{} is no JSON: {}.", what, quote(error.what()));
  }
}

}  // namespace weft::formats
