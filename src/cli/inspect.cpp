// `weft inspect FILE`: metadata, tensors and memory of a GGUF file.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/inspect_report.h"

namespace weft::cli {
namespace {

struct Inspect {
  std::filesystem::path file;
  bool json = false;
};

Result<ExitCode> run(const Inspect& inspect) {
  WEFT_ASSIGN(const formats::GgufFile file, formats::GgufFile::open(inspect.file));
  if (inspect.json) {
    using Json = nlohmann::ordered_json;
    fmt::print("{}\n", inspect_json(file).dump(-1, ' ', true, Json::error_handler_t::replace));
  } else {
    fmt::print("{}", inspect_text(file));
  }
  return kOk;
}

Action add(CLI::App& app) {
  const auto inspect = std::make_shared<Inspect>();
  app.add_option("FILE", inspect->file, "A GGUF file")->required();
  app.add_flag("--json", inspect->json, "Print one JSON object");
  return [inspect] { return run(*inspect); };
}

}  // namespace

const Command kInspect = {
    .name = "inspect",
    .summary = "Show metadata, tensors and memory of a model file",
    .examples =
        "  weft inspect model.gguf\n"
        "  weft inspect model.gguf --json\n",
    .add = add,
};

}  // namespace weft::cli
