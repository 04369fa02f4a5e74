// What commands say to people: errors, notices and progress on stderr; plain where that is no
// terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace weft::cli {

[[nodiscard]] bool is_terminal(std::FILE* stream);

// "weft: SENTENCE", in colour where stderr takes it (a terminal, and NO_COLOR is unset).
void print_error(std::string_view sentence);
void print_notice(std::string_view sentence);

// For what is wrong with a command line and CLI11 cannot see: prints it, returns kUsage.
[[nodiscard]] ExitCode usage_error(std::string_view sentence);

// One line on stderr that is drawn over, and is gone when the object is; silent where stderr is no
// terminal.
class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  // "LABEL 42 %"; the share is left out where total is 0. Drawn at most 20 times a second.
  void update(std::string_view label, uint64_t done, uint64_t total);
  void clear();

 private:
  std::chrono::steady_clock::time_point drawn_;
  bool visible_ = false;
};

}  // namespace weft::cli
