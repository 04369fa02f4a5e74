#include "text/stop_strings.h"

#include <algorithm>
#include <utility>

namespace weft::text {

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
}

std::string StopStrings::push(std::string_view piece) {
  if (found_) return {};
  held_.append(piece);
  if (const auto match = first_match()) {
    found_ = held_.substr(match->begin, match->size);
    held_.resize(match->begin);
    return std::exchange(held_, {});
  }
  const size_t safe = held_.size() - possible_beginning();
  std::string text = held_.substr(0, safe);
  held_.erase(0, safe);
  return text;
}

std::string StopStrings::finish() { return std::exchange(held_, {}); }

std::optional<StopStrings::Match> StopStrings::first_match() const {
  std::optional<Match> best;
  for (const std::string& stop : stops_) {
    const size_t begin = held_.find(stop);
    if (begin == std::string::npos) continue;
    const size_t end = begin + stop.size();
    const size_t best_end = best ? best->begin + best->size : std::string::npos;
    if (end < best_end || (end == best_end && begin < best->begin)) best = {begin, stop.size()};
  }
  return best;
}

// The size of the longest end of held_ that a stop string begins with.
size_t StopStrings::possible_beginning() const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    size_t size = std::min(stop.size() - 1, held_.size());
    while (size > longest && !held_.ends_with(std::string_view(stop).substr(0, size))) --size;
    longest = std::max(longest, size);
  }
  return longest;
}

}  // namespace weft::text
