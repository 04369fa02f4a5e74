#include "cli/console.h"

#include <cstdlib>

#include <unistd.h>

namespace weft::cli {
namespace {

bool takes_colour(std::FILE* stream) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(stream) && (no_colour == nullptr || *no_colour == '\0');
}

void print_coloured(const char* colour, std::string_view sentence) {
  const bool coloured = takes_colour(stderr);
  fmt::print(stderr, "{}weft:{} {}\n", coloured ? colour : "", coloured ? "\033[0m" : "", sentence);
}

}  // namespace

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

void print_error(std::string_view sentence) { print_coloured("\033[1;31m", sentence); }

void print_notice(std::string_view sentence) { print_coloured("\033[1m", sentence); }

ExitCode usage_error(std::string_view sentence) {
  print_error(sentence);
  return kUsage;
}

void Progress::update(std::string_view label, uint64_t done, uint64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!is_terminal(stderr) || (visible_ && now - drawn_ < std::chrono::milliseconds(50))) return;
  drawn_ = now;
  visible_ = true;
  fmt::print(stderr, "\r\033[K{}", label);
  if (total != 0) {
    fmt::print(stderr, " {:3.0f} %",
               100.0 * static_cast<double>(done) / static_cast<double>(total));
  }
  std::fflush(stderr);
}

void Progress::clear() {
  if (!visible_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  visible_ = false;
}

}  // namespace weft::cli
