// What a command of the program is. One file a command: it defines one `const Command`, which
// commands.cpp lists.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "base/error.h"

namespace weft::cli {

enum ExitCode : int {
  kOk = 0,
  kFailed = 1,         // the error is on stderr
  kUsage = 2,          // so is what is wrong with the command line
  kInterrupted = 130,  // Ctrl-C
};

// Runs after the command line was parsed. An error is printed, and the exit code is kFailed.
using Action = std::function<Result<ExitCode>()>;

struct Command {
  const char* name;
  const char* summary;   // one line of `weft --help`
  const char* examples;  // of `weft NAME --help`: whole command lines, each with a newline
  // Adds its options to `app`, which outlives the action.
  Action (*add)(CLI::App& app);
};

}  // namespace weft::cli
