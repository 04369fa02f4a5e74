#include "cli/program.h"

#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/version.h"

namespace weft::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes:\n"
    "  0    done\n"
    "  1    it failed; stderr says why\n"
    "  2    the command line is wrong\n"
    "  130  interrupted (Ctrl-C)\n";

// A full disk or a closed pipe shows only here.
Result<void> flush_output() {
  const bool flushed = std::fflush(stdout) == 0;
  if (!flushed || std::ferror(stdout) != 0) return fail("Could not write to the standard output.");
  return {};
}

int fail_with(const Error& error) {
  print_error(error.message());
  return kFailed;
}

// --help, --version and everything wrong with the command line arrive here as exceptions of CLI11.
int report(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    app.exit(error);
    const Result<void> written = flush_output();
    return written ? static_cast<int>(kOk) : fail_with(written.error());
  }
  std::string command = app.get_name();
  if (const auto chosen = app.get_subcommands(); !chosen.empty()) {
    command += " " + chosen.front()->get_name();
  }
  std::string sentence = error.what();
  if (!sentence.ends_with('.')) sentence += '.';
  print_error(fmt::format("{} See '{} --help'.", sentence, command));
  return kUsage;
}

// Libraries throw where memory runs out, and fmt::print where it cannot write.
Result<ExitCode> run_action(const Action& action) {
  try {
    WEFT_ASSIGN(const ExitCode code, action());
    WEFT_TRY(flush_output());
    return code;
  } catch (const std::bad_alloc&) {
    return fail("There is not enough memory.");
  } catch (const std::exception& error) {
    return fail("{}.", error.what());
  }
}

}  // namespace

std::map<const CLI::App*, Action> add_commands(CLI::App& app) {
  std::map<const CLI::App*, Action> actions;
  for (const Command* command : commands()) {
    CLI::App* sub = app.add_subcommand(command->name, command->summary);
    sub->option_defaults()->take_last();  // so that an alias's flags can be overridden
    actions.emplace(sub, command->add(*sub));
    sub->footer(fmt::format("Examples:\n{}\n{}", command->examples, kExitCodes));
  }
  return actions;
}

int run_program(int argc, const char* const* argv) {
  CLI::App app("Weft runs language models on any GPU through WebGPU, or on the CPU.", "weft");
  app.set_version_flag("--version", fmt::format("weft {} ({})", version(), commit()));
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.footer(fmt::format("'weft COMMAND --help' explains a command.\n\n{}", kExitCodes));
  app.require_subcommand(0, 1);
  const std::map<const CLI::App*, Action> actions = add_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report(app, error);
  }
  if (app.get_subcommands().empty()) return usage_error("Which command? See 'weft --help'.");
  const Result<ExitCode> code = run_action(actions.at(app.get_subcommands().front()));
  return code ? static_cast<int>(*code) : fail_with(code.error());
}

}  // namespace weft::cli
