// `weft completion SHELL`: a completion script made from the tree of commands and options.
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"

namespace weft::cli {
namespace {

// In single quotes, as all three shells read them.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// For zsh, which gives [ ] and : a meaning within an option's description.
std::string zsh_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : options_of(app)) {
    for (std::string& name : names_of(*option)) flags.push_back(std::move(name));
  }
  return flags;
}

std::string bash_script(const CLI::App& root) {
  std::vector<std::string> first = flags_of(root);
  std::string cases;
  for (const Command* command : commands()) {
    first.push_back(command->name);
    cases += fmt::format("      {}) words={} ;;\n", command->name,
                         shell_quoted(fmt::format(
                             "{}", fmt::join(flags_of(*root.get_subcommand(command->name)), " "))));
  }
  return fmt::format(R"sh(# bash completion for weft: eval "$(weft completion bash)"
_weft() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words=''
  if (( COMP_CWORD == 1 )); then
    words={}
  elif [[ $current == -* ]]; then
    case ${{COMP_WORDS[1]}} in
{}    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _weft weft
)sh",
                     shell_quoted(fmt::format("{}", fmt::join(first, " "))), cases);
}

std::string zsh_script(const CLI::App& root) {
  std::string list;
  std::string cases;
  for (const Command* command : commands()) {
    list += fmt::format("    {}\n",
                        shell_quoted(fmt::format("{}:{}", command->name, command->summary)));
    cases += fmt::format("    {}) _arguments", command->name);
    for (const CLI::Option* option : options_of(*root.get_subcommand(command->name))) {
      for (const std::string& name : names_of(*option)) {
        const std::string text =
            fmt::format("{}[{}]{}", name, zsh_escaped(option->get_description()),
                        takes_value(*option) ? ":value:_files" : "");
        cases += fmt::format(" \\\n      {}", shell_quoted(text));
      }
    }
    cases += " \\\n      '*:file:_files' ;;\n";
  }
  return fmt::format(R"sh(#compdef weft
# zsh completion for weft: save as _weft in a folder of $fpath, or eval "$(weft completion zsh)"
_weft() {{
  local -a commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
{}  esac
}}
compdef _weft weft
)sh",
                     list, cases);
}

std::string fish_script(const CLI::App& root) {
  std::string out = "# fish completion for weft: weft completion fish | source\n";
  for (const Command* command : commands()) {
    out += fmt::format("complete -c weft -n __fish_use_subcommand -f -a {} -d {}\n", command->name,
                       shell_quoted(command->summary));
    for (const CLI::Option* option : options_of(*root.get_subcommand(command->name))) {
      out += fmt::format("complete -c weft -n '__fish_seen_subcommand_from {}'", command->name);
      for (const std::string& name : option->get_snames()) out += " -s " + name;
      for (const std::string& name : option->get_lnames()) out += " -l " + name;
      if (takes_value(*option)) out += " -r";
      out += fmt::format(" -d {}\n", shell_quoted(option->get_description()));
    }
  }
  return out;
}

Action add_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return [shell, root = app.get_parent()]() -> Result<ExitCode> {
    const std::string script = *shell == "bash"  ? bash_script(*root)
                               : *shell == "zsh" ? zsh_script(*root)
                                                 : fish_script(*root);
    std::fputs(script.c_str(), stdout);
    return kOk;
  };
}

}  // namespace

const Command kCompletion = {
    .name = "completion",
    .summary = "Print a completion script for a shell",
    .examples =
        "  eval \"$(weft completion bash)\"\n"
        "  weft completion fish | source\n",
    .add = add_completion,
};

}  // namespace weft::cli
