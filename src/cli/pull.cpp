// `weft pull hf:ORG/REPO[:FILE]`: fetches a model from Hugging Face's hub.
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/size_text.h"
#include "hub/download.h"
#include "hub/repository.h"
#include "hub/store.h"

namespace weft::cli {
namespace {

struct PullOptions {
  std::string name;
  std::filesystem::path folder;
  unsigned connections = 4;
};

Result<ExitCode> run(const PullOptions& options) {
  WEFT_ASSIGN(const hub::HubName name, hub::parse_hub_name(options.name));
  WEFT_ASSIGN(const hub::Hub server, hub::Hub::from_environment());
  std::filesystem::path folder = options.folder;
  if (folder.empty()) {
    WEFT_ASSIGN(folder, hub::own_models());
  }
  folder = folder / name.organisation / name.repository;
  WEFT_ASSIGN(const auto all, hub::list_files(server, name));
  WEFT_ASSIGN(const auto files, hub::choose_files(all, name));
  uint64_t total = 0;
  for (const hub::RepositoryFile& file : files) total += file.size_bytes;

  Progress progress;
  uint64_t before = 0;
  for (const hub::RepositoryFile& file : files) {
    WEFT_ASSIGN(const std::filesystem::path path, hub::safe_path(file.path));
    const std::string label = fmt::format("{} of {}", path.filename().string(), size_text(total));
    WEFT_TRY(hub::download({.url = hub::url_of(server, name, file),
                            .token = server.token,
                            .size_bytes = file.size_bytes,
                            .digest = file.digest,
                            .to = folder / path,
                            .connections = options.connections},
                           [&](uint64_t done) { progress.update(label, before + done, total); }));
    before += file.size_bytes;
  }
  progress.clear();
  const bool is_gguf = files.front().path.ends_with(".gguf");
  const std::filesystem::path path = is_gguf ? folder / files.front().path : folder;
  fmt::print("{}: {}, checksums right\n", path.string(), size_text(total));
  return kOk;
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<PullOptions>();
  app.add_option("NAME", options->name,
                 "hf:ORG/REPO, hf:ORG/REPO:FILE or a part of a file's name, hf:ORG/REPO:Q4_K_M")
      ->required();
  app.add_option("--model-dir", options->folder,
                 "Put it below this folder (default: models/ in Weft's cache folder)");
  app.add_option("--connections", options->connections, "Pieces that are fetched at the same time")
      ->check(CLI::Range(1U, 32U))
      ->capture_default_str();
  return [options] { return run(*options); };
}

}  // namespace

const Command kPull = {
    .name = "pull",
    .summary = "Fetch a model from Hugging Face",
    .examples =
        "  weft pull hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M\n"
        "  weft pull hf:HuggingFaceTB/SmolLM2-135M-Instruct\n"
        "  HF_TOKEN=hf_... weft pull hf:google/gemma-3-1b-it\n",
    .add = add,
};

}  // namespace weft::cli
