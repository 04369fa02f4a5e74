// `weft inspect MODEL`: metadata, tensors and memory of a model.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/inspect_report.h"
#include "cli/model_choice.h"

namespace weft::cli {
namespace {

struct Inspect {
  ModelChoice model;
  bool json = false;
};

template <class Model>
void print(const Model& model, bool json) {
  using Json = nlohmann::ordered_json;
  if (json) {
    fmt::print("{}\n", inspect_json(model).dump(-1, ' ', true, Json::error_handler_t::replace));
  } else {
    fmt::print("{}", inspect_text(model));
  }
}

Result<ExitCode> run(const Inspect& inspect) {
  WEFT_ASSIGN(const std::filesystem::path path, model_path(inspect.model));
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    WEFT_ASSIGN(const model::HfFolder folder, model::HfFolder::open(path));
    print(folder, inspect.json);
  } else {
    WEFT_ASSIGN(const formats::GgufFile file, formats::GgufFile::open(path));
    print(file, inspect.json);
  }
  return kOk;
}

Action add(CLI::App& app) {
  const auto inspect = std::make_shared<Inspect>();
  app.add_option("MODEL", inspect->model.model,
                 "A GGUF file, a Hugging Face folder, or a name that 'weft list' shows")
      ->required();
  add_model_dir(app, inspect->model.folders);
  app.add_flag("--json", inspect->json, "Print one JSON object");
  return [inspect] { return run(*inspect); };
}

}  // namespace

const Command kInspect = {
    .name = "inspect",
    .summary = "Show metadata, tensors and memory of a model file",
    .examples =
        "  weft inspect model.gguf\n"
        "  weft inspect Llama-3.2-1B-Instruct/ --json\n",
    .add = add,
};

}  // namespace weft::cli
