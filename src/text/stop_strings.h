// Finds the end of a text that stops at certain strings, while the text arrives in pieces.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::text {

class StopStrings {
 public:
  // Empty strings never match.
  explicit StopStrings(std::vector<std::string> stops);

  // Takes the next piece; returns the text that is known to lie before any stop string. What could
  // be the beginning of one is held back. Once a stop string is complete, nothing more comes. How
  // the text is cut into pieces changes nothing: the stop string that is complete first counts,
  // and of several that end together the longest.
  [[nodiscard]] std::string push(std::string_view piece);

  // At the end of the text: what was held back.
  [[nodiscard]] std::string finish();

  // The stop string that was found.
  [[nodiscard]] const std::optional<std::string>& found() const { return found_; }

 private:
  struct Match {
    size_t begin;
    size_t size;
  };
  [[nodiscard]] std::optional<Match> first_match() const;
  [[nodiscard]] size_t possible_beginning() const;

  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> found_;
};

}  // namespace weft::text
