// `weft list`, `weft show` and `weft rm`: the models that this machine has.
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_choice.h"
#include "cli/model_summary.h"
#include "cli/size_text.h"
#include "formats/quote.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ModelsOptions {
  ModelChoice choice;
  bool json = false;
  bool yes = false;
};

Json model_json(const hub::FoundModel& model) {
  return {{"name", model.name},
          {"path", model.path.string()},
          {"store", hub::name(model.store)},
          {"size_bytes", model.size_bytes}};
}

void print_json(const Json& json) {
  fmt::print("{}\n", json.dump(-1, ' ', true, Json::error_handler_t::replace));
}

// A name of a file system, fit for a terminal.
std::string shown(const std::string& text) {
  const std::string quoted = formats::quote(text);
  return quoted == "'" + text + "'" ? text : quoted;
}

Result<ExitCode> list(const ModelsOptions& options) {
  const std::vector<hub::FoundModel> models = found_models(options.choice.folders);
  if (options.json) {
    Json all = Json::array();
    for (const hub::FoundModel& model : models) all.push_back(model_json(model));
    print_json(all);
    return kOk;
  }
  for (const hub::FoundModel& model : models) {
    fmt::print("{:<64} {:>9}  {}\n", shown(model.name), size_text(model.size_bytes),
               hub::name(model.store));
  }
  if (models.empty()) print_notice("There are no models yet: see 'weft pull --help'.");
  return kOk;
}

Result<ExitCode> show(const ModelsOptions& options) {
  WEFT_ASSIGN(const std::filesystem::path path, model_path(options.choice));
  WEFT_ASSIGN(const Json summary, model_summary(path));
  if (options.json) {
    print_json(summary);
    return kOk;
  }
  for (const auto& [key, value] : summary.items()) {
    const bool is_size = key == "size_bytes";
    const std::string text = is_size             ? size_text(value.get<uint64_t>())
                             : value.is_string() ? shown(value.get<std::string>())
                                                 : value.dump();
    fmt::print("{:<16} {}\n", is_size ? "size" : key, text);
  }
  return kOk;
}

Result<ExitCode> remove(const ModelsOptions& options) {
  WEFT_ASSIGN(const hub::FoundModel model,
              hub::find_model(found_models({}), options.choice.model, hub::NameForm::kParts));
  if (!options.yes) {
    if (!is_terminal(stdin)) {
      return usage_error("Deleting a model is asked about at a terminal; elsewhere, say --yes.");
    }
    fmt::print(stderr, "Delete {} ({})? [y/N] ", shown(model.path.string()),
               size_text(model.size_bytes));
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != "y" && answer != "Y") return kOk;
  }
  WEFT_TRY(hub::remove_model(model));
  fmt::print("{} is gone, {}.\n", shown(model.path.string()), size_text(model.size_bytes));
  return kOk;
}

Action add_list(CLI::App& app) {
  const auto options = std::make_shared<ModelsOptions>();
  add_model_dir(app, options->choice.folders);
  app.add_flag("--json", options->json, "Print one JSON array");
  return [options] { return list(*options); };
}

Action add_show(CLI::App& app) {
  const auto options = std::make_shared<ModelsOptions>();
  app.add_option("MODEL", options->choice.model, "A name that 'weft list' shows, or a path")
      ->required();
  add_model_dir(app, options->choice.folders);
  app.add_flag("--json", options->json, "Print one JSON object");
  return [options] { return show(*options); };
}

Action add_remove(CLI::App& app) {
  const auto options = std::make_shared<ModelsOptions>();
  app.add_option("MODEL", options->choice.model, "A name that 'weft list' shows")->required();
  app.add_flag("-y,--yes", options->yes, "Do not ask");
  return [options] { return remove(*options); };
}

}  // namespace

const Command kList = {
    .name = "list",
    .summary = "List the models that are on this machine, other programs' too",
    .examples =
        "  weft list\n"
        "  weft list --model-dir /data/models --json\n",
    .add = add_list,
};

const Command kShow = {
    .name = "show",
    .summary = "Say what a model is: architecture, size, context",
    .examples =
        "  weft show llama3.2:1b\n"
        "  weft show SmolLM2-135M-Instruct.Q4_1 --json\n",
    .add = add_show,
};

const Command kRemove = {
    .name = "rm",
    .summary = "Delete a model that 'weft pull' fetched",
    .examples = "  weft rm bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q4_K_M\n",
    .add = add_remove,
};

}  // namespace weft::cli
