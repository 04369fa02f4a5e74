#include "cli/line_editor.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>

#include <editline/readline.h>

#include "cli/console.h"

namespace weft::cli {
namespace {

constexpr int kHistoryLines = 1000;

}  // namespace

LineEditor::LineEditor(std::filesystem::path history)
    : history_(std::move(history)), interactive_(is_terminal(stdin) && is_terminal(stdout)) {
  if (!interactive_) return;
  rl_initialize();
  using_history();
  stifle_history(kHistoryLines);
  if (!history_.empty()) read_history(history_.c_str());
}

LineEditor::~LineEditor() {
  if (!interactive_ || history_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(history_.parent_path(), ignored);
  write_history(history_.c_str());
}

std::optional<std::string> LineEditor::read(const char* prompt, InterruptWatch& interrupts) {
  if (!interactive_) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  while (true) {
    const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt), &std::free);
    if (line != nullptr) {
      if (*line != '\0') add_history(line.get());
      return line.get();
    }
    if (!interrupts.take()) return std::nullopt;
    std::fputs("\n", stdout);
  }
}

}  // namespace weft::cli
