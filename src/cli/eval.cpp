// `weft eval`: what a model computes, as numbers to compare: perplexity, divergence, raw logits.
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
#include "engine/divergence.h"
#include "engine/evaluate.h"
#include "engine/logits_base.h"

namespace weft::cli {
namespace {

constexpr uint32_t kPerplexityContext = 512;  // llama.cpp's default

struct PerplexityCommand {
  ModelOptions model;
  std::filesystem::path text;
  uint32_t chunks = 0;
  std::filesystem::path save_logits;  // empty: nowhere
  bool json = false;
};

struct DivergenceCommand {
  ModelOptions model;
  std::filesystem::path base;
  bool json = false;
};

struct LogitsCommand {
  ModelOptions model;
  std::vector<Token> tokens;
  std::filesystem::path out;
  bool all = false;
};

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::optional<Token> bos_of_chunks(const text::Tokenizer& tokenizer) {
  return tokenizer.adds_bos() ? tokenizer.bos() : std::nullopt;
}

// `line` and what every evaluation says of the model.
void print_json(nlohmann::ordered_json line, const engine::LoadedModel& model, double seconds) {
  const backend::Info& info = model.backend().info();
  line.update({{"seconds", seconds},
               {"device", info.device},
               {"backend", info.backend},
               {"model", model.spec().name},
               {"quantization", model.spec().quantization()},
               {"commit", commit()}});
  fmt::print("{}\n", line.dump());
}

Result<engine::Perplexity> measure(const PerplexityCommand& command, engine::LoadedModel& model,
                                   std::span<const Token> tokens,
                                   const engine::ChunkOptions& options, Progress& progress) {
  const auto show = [&](const engine::Perplexity& so_far, uint32_t chunks) {
    progress.update(fmt::format("perplexity {:.4f}", so_far.value), so_far.chunks, chunks);
  };
  if (command.save_logits.empty())
    return engine::perplexity(model.backend(), tokens, options, show);
  WEFT_ASSIGN(const uint32_t chunks, engine::chunks_of(tokens, options));
  WEFT_ASSIGN(auto keep,
              engine::LogitsBaseWriter::create(
                  command.save_logits,
                  {.context = options.context, .vocab = model.spec().vocab, .chunks = chunks},
                  tokens.first(size_t{chunks} * options.context)));
  WEFT_ASSIGN(auto result, engine::perplexity(model.backend(), tokens, options, show, &keep));
  WEFT_TRY(keep.commit());
  return result;
}

Result<ExitCode> run_perplexity(PerplexityCommand command) {
  const Stopwatch watch;
  WEFT_ASSIGN(const std::string text, read_text_file(command.text));
  if (!command.model.context) command.model.context = kPerplexityContext;
  Progress progress;
  WEFT_ASSIGN(const auto model, load_model(command.model, progress));
  if (!model->text().tokenizer) return std::unexpected(model->text().tokenizer.error());
  const text::Tokenizer* tokenizer = model->tokenizer();
  WEFT_ASSIGN(const std::vector<Token> tokens,
              tokenizer->encode(text, text::Special::as_text, text::Bounds::of_model));

  const engine::ChunkOptions options{.context = *command.model.context,
                                     .max_chunks = command.chunks,
                                     .bos = bos_of_chunks(*tokenizer)};
  WEFT_ASSIGN(const engine::Perplexity result, measure(command, *model, tokens, options, progress));
  progress.clear();
  if (command.json) {
    print_json({{"ppl", result.value},
                {"ppl_error", result.standard_error},
                {"chunks", result.chunks},
                {"tokens", tokens.size()},
                {"scored", result.scored},
                {"context", options.context}},
               *model, watch.seconds());
  } else {
    fmt::print("perplexity {:.4f} +/- {:.4f} ({} chunks of {} tokens, {:.1f} s)\n", result.value,
               result.standard_error, result.chunks, options.context, watch.seconds());
  }
  return kOk;
}

Result<ExitCode> run_divergence(DivergenceCommand command) {
  const Stopwatch watch;
  WEFT_ASSIGN(const engine::LogitsBase base, engine::LogitsBase::open(command.base));
  if (!command.model.context) command.model.context = base.shape().context;
  Progress progress;
  WEFT_ASSIGN(const auto model, load_model(command.model, progress));
  if (!model->text().tokenizer) return std::unexpected(model->text().tokenizer.error());
  WEFT_ASSIGN(const engine::Divergence result,
              engine::divergence(model->backend(), base, bos_of_chunks(*model->tokenizer()),
                                 [&](double kld, uint32_t done) {
                                   progress.update(fmt::format("KL divergence {:.6f}", kld), done,
                                                   base.shape().chunks);
                                 }));
  progress.clear();
  if (command.json) {
    print_json({{"kld", result.kld.value},
                {"kld_error", result.kld.standard_error},
                {"kld_median", result.median_kld},
                {"kld_99", result.kld_99},
                {"kld_max", result.max_kld},
                {"same_top", result.same_top.value},
                {"same_top_error", result.same_top.standard_error},
                {"rms_delta_p", result.rms_delta_p.value},
                {"rms_delta_p_error", result.rms_delta_p.standard_error},
                {"ppl", result.perplexity.value},
                {"ppl_base", result.base_perplexity.value},
                {"chunks", result.chunks},
                {"scored", result.scored},
                {"context", base.shape().context}},
               *model, watch.seconds());
    return kOk;
  }
  const auto line = [](std::string_view name, const engine::Estimate& estimate) {
    fmt::print("{:<20} {:>10.6f} +/- {:.6f}\n", name, estimate.value, estimate.standard_error);
  };
  line("perplexity", result.perplexity);
  line("perplexity of base", result.base_perplexity);
  line("mean KLD", result.kld);
  fmt::print("{:<20} {:>10.6f}\n{:<20} {:>10.6f}\n{:<20} {:>10.6f}\n", "median KLD",
             result.median_kld, "99 % of KLD below", result.kld_99, "largest KLD", result.max_kld);
  line("same top", result.same_top);
  line("RMS of delta p", result.rms_delta_p);
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
  ppl_app->add_option(
      "--save-logits", ppl->save_logits,
      "Keep the log-probabilities for `weft eval kld --base`: vocabulary x 2 bytes a "
      "scored token");
  ppl_app->add_flag("--json", ppl->json, "Print one JSON object");

  const auto kld = std::make_shared<DivergenceCommand>();
  CLI::App* kld_app = app.add_subcommand(
      "kld", "KL divergence from another model's predictions, as llama.cpp's tool defines it");
  add_model_options(*kld_app, kld->model);
  kld_app
      ->add_option("--base", kld->base,
                   "File of `weft eval ppl --save-logits` or llama-perplexity "
                   "--kl-divergence-base: its text is used")
      ->required();
  kld_app->add_flag("--json", kld->json, "Print one JSON object");

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
  return [ppl, kld, logits, ppl_app, kld_app] {
    if (ppl_app->parsed()) return run_perplexity(*ppl);
    return kld_app->parsed() ? run_divergence(*kld) : run_logits(*logits);
  };
}

}  // namespace

const Command kEval = {
    .name = "eval",
    .summary = "Measure a model: perplexity, KL divergence, raw logits",
    .examples =
        "  weft eval ppl text.txt -c 512 --json\n"
        "  weft eval ppl text.txt -m model-f32.gguf --save-logits base.bin\n"
        "  weft eval kld -m model-q4_k_m.gguf --base base.bin\n"
        "  weft eval logits -m model.gguf --tokens 504,3575,282 -o out.npy --all\n",
    .add = add,
};

}  // namespace weft::cli
