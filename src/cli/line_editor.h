// Lines that a person types, or that a pipe brings.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/interrupt.h"

namespace weft::cli {

class LineEditor {
 public:
  // Lines typed before are kept in `history`, where it is not empty.
  explicit LineEditor(std::filesystem::path history);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  // The next line, edited at a terminal, without its newline; nothing at the end of input. Ctrl-C
  // empties the line.
  [[nodiscard]] std::optional<std::string> read(const char* prompt, InterruptWatch& interrupts);

 private:
  std::filesystem::path history_;
  bool interactive_;
};

}  // namespace weft::cli
