// `weft devices`: what --device can name on this machine.
#include <memory>

#include <fmt/format.h>

#include "backend/cpu/processor.h"
#include "cli/commands.h"
#include "cli/devices_report.h"

namespace weft::cli {
namespace {

Result<ExitCode> run(bool json) {
  WEFT_ASSIGN(const std::vector<gpu::AdapterInfo> adapters, gpu::list_adapters());
  const Processor processor{.name = backend::processor_name(), .cores = backend::usable_cores()};
  if (json) {
    fmt::print("{}\n", devices_json(adapters, processor).dump());
  } else {
    fmt::print("{}", devices_text(adapters, processor));
  }
  return kOk;
}

Action add(CLI::App& app) {
  const auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "Print one JSON array");
  return [json] { return run(*json); };
}

}  // namespace

const Command kDevices = {
    .name = "devices",
    .summary = "List the GPUs and the processor that --device can name",
    .examples =
        "  weft devices\n"
        "  weft devices --json\n",
    .add = add,
};

}  // namespace weft::cli
