// `weft eval`: what a model computes, as numbers to compare: perplexity, raw logits.
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/checked.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/load_model.h"
#include "cli/npy.h"
#include "cli/options.h"
#include "cli/version.h"
#include "engine/evaluate.h"

namespace weft::cli {
namespace {

constexpr uint32_t kPerplexityContext = 512;  // llama.cpp's default

struct PerplexityCommand {
  engine::ModelOptions model;
  std::filesystem::path text;
  uint32_t chunks = 0;
  bool json = false;
};

struct LogitsCommand {
  engine::ModelOptions model;
  std::vector<Token> tokens;
  std::filesystem::path out;
  bool all = false;
};

Result<ExitCode> run_perplexity(PerplexityCommand command) {
  const auto start = std::chrono::steady_clock::now();
  WEFT_ASSIGN(const std::string text, read_text_file(command.text));
  if (!command.model.context) command.model.context = kPerplexityContext;
  Progress progress;
  WEFT_ASSIGN(const auto model, load_model(command.model, progress));
  if (!model->text().tokenizer) return std::unexpected(model->text().tokenizer.error());
  const text::Tokenizer* tokenizer = model->tokenizer();
  WEFT_ASSIGN(const std::vector<Token> tokens,
              tokenizer->encode(text, text::Special::as_text, text::Bounds::of_model));

  const engine::PerplexityOptions options{
      .context = *command.model.context,
      .max_chunks = command.chunks,
      .bos = tokenizer->adds_bos() ? tokenizer->bos() : std::nullopt};
  WEFT_ASSIGN(const engine::Perplexity result,
              engine::perplexity(model->backend(), tokens, options,
                                 [&](const engine::Perplexity& so_far, uint32_t chunks) {
                                   progress.update(fmt::format("perplexity {:.4f}", so_far.value),
                                                   so_far.chunks, chunks);
                                 }));
  progress.clear();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (!command.json) {
    fmt::print("perplexity {:.4f} +/- {:.4f} ({} chunks of {} tokens, {:.1f} s)\n", result.value,
               result.standard_error, result.chunks, options.context, seconds.count());
    return kOk;
  }
  const backend::Info& info = model->backend().info();
  const nlohmann::ordered_json line = {{"ppl", result.value},
                                       {"ppl_error", result.standard_error},
                                       {"chunks", result.chunks},
                                       {"tokens", tokens.size()},
                                       {"scored", result.scored},
                                       {"context", options.context},
                                       {"seconds", seconds.count()},
                                       {"device", info.device},
                                       {"backend", info.backend},
                                       {"model", model->spec().name},
                                       {"quantization", model->spec().quantization()},
                                       {"commit", commit()}};
  fmt::print("{}\n", line.dump());
  return kOk;
}

Result<ExitCode> run_logits(LogitsCommand command) {
  if (!command.model.context) command.model.context = narrow<uint32_t>(command.tokens.size());
  Progress progress;
  WEFT_ASSIGN(const auto model, load_model(command.model, progress));
  const uint32_t vocab = model->spec().vocab;
  for (const Token token : command.tokens) {
    if (token >= vocab) return fail("Token {} is not in the vocabulary of {}.", token, vocab);
  }
  const size_t first = command.all ? 0 : command.tokens.size() - 1;
  WEFT_ASSIGN(const std::vector<float> logits,
              engine::sequence_logits(model->backend(), command.tokens, first));
  WEFT_TRY(write_npy(command.out, logits, command.tokens.size() - first, vocab));
  return kOk;
}

Action add(CLI::App& app) {
  const auto ppl = std::make_shared<PerplexityCommand>();
  CLI::App* ppl_app =
      app.add_subcommand("ppl", "Perplexity of a text, as llama.cpp's perplexity tool defines it");
  add_model_options(*ppl_app, ppl->model);
  ppl_app->add_option("FILE", ppl->text, "A text file")->required();
  ppl_app->add_option("--chunks", ppl->chunks, "Score only the first N chunks; 0: all");
  ppl_app->add_flag("--json", ppl->json, "Print one JSON object");

  const auto logits = std::make_shared<LogitsCommand>();
  CLI::App* logits_app =
      app.add_subcommand("logits", "Raw logits of a sequence of tokens as a NumPy file (f32)");
  add_model_options(*logits_app, logits->model);
  logits_app->add_option("--tokens", logits->tokens, "Token ids: 504,3575,282")
      ->delimiter(',')
      ->required();
  logits_app->add_option("-o,--output", logits->out, "The .npy file to write")->required();
  logits_app->add_flag("--all", logits->all, "Of every position, not only of the last");

  app.require_subcommand(1);
  return [ppl, logits, ppl_app] {
    return ppl_app->parsed() ? run_perplexity(*ppl) : run_logits(*logits);
  };
}

}  // namespace

const Command kEval = {
    .name = "eval",
    .summary = "Measure a model: perplexity, raw logits",
    .examples =
        "  weft eval ppl text.txt -c 512 --json\n"
        "  weft eval logits -m model.gguf --tokens 504,3575,282 -o out.npy --all\n",
    .add = add,
};

}  // namespace weft::cli
