// `weft run`: one prompt, one answer.
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/generate.h"
#include "cli/load_model.h"
#include "cli/options.h"
#include "cli/trace_file.h"
#include "engine/chat.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;

struct RunOptions {
  ModelOptions model;
  engine::Request request;
  std::optional<std::string> positional, prompt, file;
  std::string system;
  bool raw = false;
  bool json = false;
  bool stats = false;
  std::filesystem::path trace;  // empty: none
};

std::string without_last_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Result<std::string> read_prompt(const RunOptions& options) {
  if (options.positional) return *options.positional;
  if (options.prompt) return *options.prompt;
  if (options.file && *options.file != "-") {
    WEFT_ASSIGN(std::string text, read_text_file(*options.file));
    return without_last_newline(std::move(text));
  }
  return without_last_newline(std::string(std::istreambuf_iterator<char>(std::cin), {}));
}

// What CLI11 cannot see; empty where all is well.
std::string_view wrong_usage(const RunOptions& options) {
  const int sources =
      options.positional.has_value() + options.prompt.has_value() + options.file.has_value();
  if (sources > 1) return "The prompt was given more than once: as argument, -p or -f.";
  if (sources == 0 && is_terminal(stdin)) {
    return "What is the prompt? Give it as argument, with -p or -f, or on the standard input.";
  }
  if (options.raw && !options.system.empty())
    return "--raw uses no template, so no --system either.";
  if (options.request.logprobs && !options.json) return "--logprobs needs --json.";
  return {};
}

Result<std::vector<Token>> encode(const RunOptions& options, const std::string& prompt,
                                  const engine::TextModel& text) {
  if (options.raw) return engine::encode_raw(text, prompt);
  std::vector<engine::Message> messages;
  if (!options.system.empty()) messages.push_back({.role = "system", .content = options.system});
  messages.push_back({.role = "user", .content = prompt});
  return engine::encode_chat(text, messages);
}

Json json_of(const sample::Logprob& logprob, const text::Tokenizer& tokenizer) {
  const bool named = logprob.token < tokenizer.size();
  return {{"token", logprob.token},
          {"text", named ? tokenizer.token_bytes(logprob.token) : std::string_view()},
          {"logprob", logprob.logprob}};
}

void print_json(const Answer& answer, const engine::LoadedModel& model) {
  const engine::FinishEvent& finish = answer.finish;
  const Rates rates = rates_of(finish);
  const backend::Info& info = model.backend().info();
  Json out = {{"text", answer.text},
              {"tokens", answer.tokens},
              {"finish_reason", name_of(finish.reason)},
              {"finish_detail", finish.detail},
              {"seed", finish.seed},
              {"usage",
               {{"prompt_tokens", finish.usage.prompt_tokens},
                {"cached_tokens", finish.usage.cached_tokens},
                {"generated_tokens", finish.usage.generated_tokens}}},
              {"timings",
               {{"queued_s", finish.timings.queued_s},
                {"prefill_s", finish.timings.prefill_s},
                {"decode_s", finish.timings.decode_s},
                {"prefill_tok_s", rates.prefill_tok_s},
                {"decode_tok_s", rates.decode_tok_s}}},
              {"model", model.spec().name},
              {"backend", info.backend},
              {"device", info.device}};
  for (const sample::Logprobs& one : answer.logprobs) {
    Json entry = json_of(one.chosen, *model.tokenizer());
    entry["top"] = Json::array();
    for (const sample::Logprob& top : one.top) {
      entry["top"].push_back(json_of(top, *model.tokenizer()));
    }
    out["logprobs"].push_back(std::move(entry));
  }
  fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<ExitCode> run(RunOptions& options) {
  if (const std::string_view wrong = wrong_usage(options); !wrong.empty())
    return usage_error(wrong);
  WEFT_ASSIGN(const std::string prompt, read_prompt(options));
  // Raw, it may be the model's bos alone.
  if (prompt.empty() && !options.raw) return fail("The prompt is empty.");
  WEFT_ASSIGN(std::optional<TraceFile> trace_file, TraceFile::create(options.trace));
  Progress progress;
  WEFT_ASSIGN(const auto model, load_model(options.model, progress));
  WEFT_ASSIGN(options.request.prompt, encode(options, prompt, model->text()));

  InterruptWatch interrupts;
  const auto print = [&options](std::string_view text) {
    if (options.json) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  if (trace_file) WEFT_TRY(model->backend().start_trace(backend::TraceDetail::kKernels));
  const auto run_engine = [&] {
    engine::Engine engine(model->backend(), model->tokenizer(), {});
    return generate(engine, options.request, interrupts, print);
  };
  WEFT_ASSIGN(const Answer answer, run_engine());
  if (trace_file) {
    WEFT_TRY(std::move(*trace_file)
                 .write(model->backend().take_trace(), model->backend().info().device));
  }
  if (options.json) {
    print_json(answer, *model);
  } else if (!answer.text.ends_with('\n')) {
    print("\n");
  }
  if (options.stats || (!options.json && is_terminal(stderr) && is_terminal(stdout))) {
    print_notice(describe(answer.finish));
  }
  return answer.finish.reason == engine::FinishReason::kCancel ? kInterrupted : kOk;
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<RunOptions>();
  app.add_option("PROMPT", options->positional, "The prompt");
  app.add_option("-p,--prompt", options->prompt, "The prompt");
  app.add_option("-f,--file", options->file, "Read the prompt from a file; -: standard input");
  app.add_option("--system,--system-prompt", options->system, "A system message before the prompt");
  app.add_flag("--raw", options->raw, "The prompt as it is, without the model's chat template");
  app.add_flag("--json", options->json,
               "Print one object: text, tokens, finish reason, usage, timings");
  app.add_option("--logprobs", options->request.logprobs,
                 "With --json: log-probabilities of each token and of the N most likely");
  app.add_flag("--stats", options->stats, "Print speeds to stderr, also where it is no terminal");
  app.add_option("--trace", options->trace,
                 "Write what happens when to FILE, for ui.perfetto.dev; slower on a GPU");
  add_answer_options(app, options->request);
  add_model_options(app, options->model);
  return [options] { return run(*options); };
}

}  // namespace

const Command kRun = {
    .name = "run",
    .summary = "Answer one prompt",
    .examples =
        "  weft run \"Why is the sky blue?\"\n"
        "  weft run -m model.gguf -f question.txt -n 200 --temp 0\n"
        "  git diff | weft run --system \"Write a commit message.\"\n"
        "  weft run --raw -p \"The capital of France is\" -n 8 --json\n"
        "  weft run \"Why is the sky blue?\" -n 20 --trace trace.json\n",
    .add = add,
};

}  // namespace weft::cli
