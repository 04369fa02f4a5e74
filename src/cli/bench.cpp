// `weft bench`: tokens a second of prefill and decode, and where the time goes.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/checked.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/load_model.h"
#include "cli/options.h"
#include "cli/peak.h"
#include "cli/profile_report.h"
#include "cli/trace_file.h"
#include "cli/version.h"
#include "engine/profile.h"
#include "engine/throughput.h"

namespace weft::cli {
namespace {

using engine::ThroughputCase;
using Json = nlohmann::ordered_json;

struct BenchOptions {
  ModelOptions model;
  std::vector<uint32_t> prompts{512};
  std::vector<uint32_t> generated{128};
  std::vector<uint32_t> depths{0};
  std::vector<uint32_t> batches{1};
  uint32_t reps = 5;
  bool json = false;
  bool profile = false;
  std::filesystem::path trace;  // empty: none
  std::optional<Peak> peak;     // unset: published_peak()
};

struct Rates {
  double median, min, max;  // tokens a second, over all sequences
  double thread_share;      // CPU time of the thread that submits, of all the time
};

std::vector<ThroughputCase> cases_of(const BenchOptions& options) {
  std::vector<ThroughputCase> cases;
  const auto add = [&](ThroughputCase::Phase phase, const std::vector<uint32_t>& lengths) {
    for (const uint32_t tokens : lengths) {
      if (tokens == 0) continue;  // as in llama-bench: -n 0 leaves decode out
      for (const uint32_t depth : options.depths) {
        for (const uint32_t batch : options.batches) {
          cases.push_back({.phase = phase, .tokens = tokens, .depth = depth, .batch = batch});
        }
      }
    }
  };
  add(ThroughputCase::Phase::kPrefill, options.prompts);
  add(ThroughputCase::Phase::kDecode, options.generated);
  return cases;
}

// The model's context is as long, and its cache as large, as the largest case needs.
Result<void> fit_model_options(const std::vector<ThroughputCase>& cases,
                               engine::ModelOptions& model) {
  uint32_t context = 0;
  uint64_t kv_tokens = 0;
  for (const ThroughputCase& test : cases) {
    context = std::max(context, test.context());
    const uint64_t each = round_up(test.context(), backend::kBlockTokens);
    kv_tokens = std::max(kv_tokens, test.batch * each);
    model.max_sequences = std::max(model.max_sequences, test.batch);
  }
  if (!std::in_range<uint32_t>(kv_tokens)) {
    return fail("A KV cache of {} tokens is too large.", kv_tokens);
  }
  model.context = context;
  model.kv_tokens = static_cast<uint32_t>(kv_tokens);
  return {};
}

// Runs until caches are warm and the GPU has left its idle clock: 0.5 s or more, until two runs of
// the case's length (or a quarter of a second) take about as long, at most 2 s. Short steps alone
// would leave a GPU idle: each run is twice as long as the one before.
Result<void> warm_up(backend::Backend& backend, const ThroughputCase& test) {
  using Clock = std::chrono::steady_clock;
  constexpr double kLeast = 0.5;
  constexpr double kMost = 2.0;
  constexpr double kLongRun = 0.25;
  constexpr double kAlike = 1.03;
  ThroughputCase run = test;
  run.tokens = std::min(test.tokens, 32U);
  run.depth = std::min(test.depth, 32U);
  const auto start = Clock::now();
  for (double before = 0;;) {
    WEFT_ASSIGN(const engine::RunTime time, engine::time_once(backend, run));
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    const bool is_long = run.tokens == test.tokens || time.wall_s >= kLongRun;
    const bool is_settled =
        is_long && before < kAlike * time.wall_s && time.wall_s < kAlike * before;
    if (elapsed > kMost || (elapsed > kLeast && is_settled)) return {};
    before = is_long ? time.wall_s : 0;
    if (!is_long) run.tokens = std::min(test.tokens, 2 * run.tokens);
  }
}

Result<Rates> measure(backend::Backend& backend, const ThroughputCase& test, uint32_t reps,
                      Progress& progress) {
  WEFT_TRY(warm_up(backend, test));
  std::vector<double> rates;
  engine::RunTime total{};
  for (uint32_t rep = 0; rep < reps; ++rep) {
    progress.update(fmt::format("{}, run {} of {}", test.name(), rep + 1, reps), 0, 0);
    WEFT_ASSIGN(const engine::RunTime time, engine::time_once(backend, test));
    rates.push_back(static_cast<double>(test.tokens) * test.batch / time.wall_s);
    total.wall_s += time.wall_s;
    total.thread_s += time.thread_s;
  }
  progress.clear();
  std::ranges::sort(rates);
  const size_t middle = rates.size() / 2;
  const double median =
      rates.size() % 2 == 1 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
  return Rates{.median = median,
               .min = rates.front(),
               .max = rates.back(),
               .thread_share = total.thread_s / total.wall_s};
}

// What a case ran under.
Json conditions_of(const engine::LoadedModel& model, const ThroughputCase& test) {
  const backend::Info& info = model.backend().info();
  const backend::KvTypes& kv = model.backend().options().kv_types;
  return {{"depth", test.depth},
          {"batch", test.batch},
          {"type_k", name(kv.keys)},
          {"type_v", name(kv.values)},
          {"kv_bytes", info.memory.kv},
          {"device", info.device},
          {"backend", info.backend},
          {"model", model.spec().name},
          {"quantization", model.spec().quantization()},
          {"threads", info.threads},
          {"commit", commit()}};
}

void print_rates(const engine::LoadedModel& model, const ThroughputCase& test, const Rates& rates,
                 const BenchOptions& options) {
  if (options.json) {
    Json line = {{"case", test.name()},
                 {"tok_s", rates.median},
                 {"tok_s_min", rates.min},
                 {"tok_s_max", rates.max},
                 {"thread_share", rates.thread_share},
                 {"reps", options.reps}};
    line.update(conditions_of(model, test));
    fmt::print("{}\n", line.dump());
  } else {
    fmt::print("{:<8} {:>7} {:>6} {:>12.2f} {:>12.2f} {:>12.2f}\n", test.name(), test.depth,
               test.batch, rates.median, rates.min, rates.max);
  }
  std::fflush(stdout);
}

void print_profile(const engine::LoadedModel& model, const ThroughputCase& test,
                   const engine::Profile& profile, const BenchOptions& options) {
  const std::optional<Peak> peak =
      options.peak ? options.peak : published_peak(model.backend().info().device);
  if (!options.json) {
    fmt::print("{}", profile_text(test, profile, peak));
  } else {
    Json line = {{"case", test.name()}};
    line.update(conditions_of(model, test));
    line.update(profile_json(profile, peak));
    fmt::print("{}\n", line.dump());
  }
  std::fflush(stdout);
}

// One run of each case, one after the other.
Result<void> trace_cases(backend::Backend& backend, const std::vector<ThroughputCase>& cases,
                         TraceFile file) {
  WEFT_TRY(backend.start_trace(backend::TraceDetail::kKernels));
  for (const ThroughputCase& test : cases) WEFT_TRY(engine::time_once(backend, test));
  return std::move(file).write(backend.take_trace(), backend.info().device);
}

Result<ExitCode> run(BenchOptions options) {
  const std::vector<ThroughputCase> cases = cases_of(options);
  if (cases.empty()) return usage_error("Nothing to measure: give -p or -n a length above 0.");
  WEFT_TRY(fit_model_options(cases, options.model));
  WEFT_ASSIGN(std::optional<TraceFile> trace_file, TraceFile::create(options.trace));
  Progress progress;
  WEFT_ASSIGN(const auto model, load_model(options.model, progress));
  backend::Backend& backend = model->backend();

  if (!options.json) {
    const backend::Info& info = backend.info();
    fmt::print("{}, {} on {} ({})\n", model->spec().name, model->spec().quantization(), info.device,
               info.threads > 0 ? fmt::format("{} threads", info.threads) : info.backend);
    fmt::print("{:<8} {:>7} {:>6} {:>12} {:>12} {:>12}\n", "case", "depth", "batch", "tok/s", "min",
               "max");
  }
  for (const ThroughputCase& test : cases) {
    WEFT_ASSIGN(const Rates rates, measure(backend, test, options.reps, progress));
    print_rates(*model, test, rates, options);
  }
  for (const ThroughputCase& test : cases) {
    if (!options.profile) break;
    WEFT_ASSIGN(const engine::Profile profile, engine::profile(backend, test));
    print_profile(*model, test, profile, options);
  }
  if (trace_file) WEFT_TRY(trace_cases(backend, cases, std::move(*trace_file)));
  return kOk;
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<BenchOptions>();
  add_model_options(app, options->model);
  const auto add_list = [&app](const char* name, std::vector<uint32_t>& values,
                               const CLI::Range& range, const char* description) {
    app.add_option(name, values, description)->delimiter(',')->check(range)->capture_default_str();
  };
  const CLI::Range length(0U, 1U << 24U);
  add_list("-p,--n-prompt", options->prompts, length, "Lengths of prompts to time; 0: none");
  add_list("-n,--n-gen", options->generated, length, "Numbers of tokens to generate; 0: none");
  add_list("-d,--n-depth", options->depths, length, "Tokens already in the context");
  add_list("-B,--n-sequences", options->batches, CLI::Range(1U, 1U << 12U),
           "Sequences that run together");
  app.add_option("-r,--repetitions", options->reps, "Runs of each case")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  app.add_flag("--json", options->json, "One JSON object a line for each case");
  app.add_flag("--profile", options->profile, "Then list the kernels of each case by their time");
  app.add_option_function<std::string>(
         "--peak", [options](const std::string& text) { options->peak = parse_peak(text).value(); },
         "With --profile: the device's peak, GB/s and TFLOP/s, where Weft does not know it")
      ->check([](const std::string& text) {
        const Result<Peak> peak = parse_peak(text);
        return peak ? std::string() : peak.error().message();
      });
  app.add_option("--trace", options->trace,
                 "Then run each case once more, and write what happens when to FILE, for "
                 "ui.perfetto.dev");
  return [options] { return run(*options); };
}

}  // namespace

const Command kBench = {
    .name = "bench",
    .summary = "Measure tokens a second of prefill and decode",
    .examples =
        "  weft bench\n"
        "  weft bench -m model.gguf -p 512,2048 -n 128 -d 0,4096 -r 3 --json\n"
        "  weft bench --device gpu -p 0 -n 128 -B 1,8,32 --profile --peak 1008,165\n"
        "  weft bench -p 0 -n 16 -r 1 --trace trace.json\n",
    .add = add,
};

}  // namespace weft::cli
