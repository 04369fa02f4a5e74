// The program: parses a command line and runs the command it names.
#pragma once

#include <map>

#include "cli/command.h"

namespace weft::cli {

// Gives `app` every command; returns their actions.
[[nodiscard]] std::map<const CLI::App*, Action> add_commands(CLI::App& app);

[[nodiscard]] int run_program(int argc, const char* const* argv);

}  // namespace weft::cli
