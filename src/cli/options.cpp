#include "cli/options.h"

#include <charconv>
#include <string>
#include <vector>

#include "model/quantize_recipe.h"

namespace weft::cli {
namespace {

// "TOKEN(+|-)BIAS", as llama.cpp writes it: 15043+1.5; "-inf" forbids the token.
sample::LogitBias parse_logit_bias(const std::string& text) {
  sample::LogitBias out{};
  const char* end = text.data() + text.size();
  const auto token = std::from_chars(text.data(), end, out.token);
  if (token.ec == std::errc() && token.ptr != end && (*token.ptr == '+' || *token.ptr == '-')) {
    const char* number = *token.ptr == '+' ? token.ptr + 1 : token.ptr;
    const auto bias = std::from_chars(number, end, out.bias);
    if (bias.ec == std::errc() && bias.ptr == end) return out;
  }
  throw CLI::ValidationError("--logit-bias", fmt::format("'{}' is not like 15043+1.5", text));
}

void add_sampling_options(CLI::App& app, sample::Params& params) {
  const auto add = [&app](const char* name, auto& value, const char* description) {
    app.add_option(name, value, description)->capture_default_str();
  };
  add("--temp", params.temperature, "Temperature; 0: always the most likely token");
  add("--top-k", params.top_k, "Keep the K most likely tokens; 0: all");
  add("--top-p", params.top_p, "Keep the most likely tokens that have this share; 1: all");
  add("--min-p", params.min_p, "Keep tokens with this share of the most likely one's; 0: all");
  add("--typical", params.typical_p, "Keep the most typical tokens that have this share; 1: all");
  add("--repeat-last-n", params.repeat_last_n, "Tokens that penalties look back on; -1: all");
  add("--repeat-penalty", params.repeat_penalty, "Penalty on tokens seen before; 1: none");
  add("--presence-penalty", params.presence_penalty, "Subtracted from logits of tokens seen");
  add("--frequency-penalty", params.frequency_penalty, "The same, once for each time seen");
  app.add_option_function<std::vector<std::string>>(
         "--logit-bias",
         [&params](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             params.logit_bias.push_back(parse_logit_bias(text));
           }
         },
         "TOKEN+BIAS or TOKEN-BIAS, such as 15043+1.5; -inf forbids a token; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option_function<int64_t>(
      "-s,--seed",
      [&params](int64_t seed) {
        params.seed.reset();
        if (seed != -1) params.seed = static_cast<uint64_t>(seed);
      },
      "Seed: the same one gives the same text; -1: a random one (default)");
}

void add_kv_type(CLI::App& app, const char* flag, const char* what, backend::KvType& type) {
  app.add_option_function<std::string>(
         flag, [&type](const std::string& name) { type = backend::find_kv_type(name).value(); },
         fmt::format("How {} are kept: f16, or q8_0 in half the memory (CPU only)", what))
      ->check([](const std::string& name) {
        const Result<backend::KvType> found = backend::find_kv_type(name);
        return found ? std::string() : found.error().message();
      })
      ->default_str(std::string(name(type)));
}

}  // namespace

std::string why_no_quantize_type(const std::string& name) {
  const Result<model::QuantizeType> type = model::find_quantize_type(name);
  return type ? "" : type.error().message();
}

void add_model_options(CLI::App& app, ModelOptions& options) {
  add_model_choice(app, options.choice);
  app.add_option(
         "--quantize", options.quantize,
         "Load the model in another type: Q8_0, Q4_K_M, ... (see 'weft quantize --help'); the "
         "copy stays in the cache folder for the next time")
      ->check(why_no_quantize_type);
  app.add_option("--device", options.device,
                 "auto, cpu, gpu, gpu:N, or a part of an adapter's name (see 'weft devices')")
      ->check([](const std::string& name) { return name.empty() ? "it names no device" : ""; })
      ->capture_default_str();
  app.add_option("-c,--ctx-size", options.context,
                 fmt::format("Context in tokens; 0: as the model was trained "
                             "(default: that, at most {})",
                             engine::kDefaultContext));
  add_kv_type(app, "--cache-type-k", "keys", options.kv_types.keys);
  add_kv_type(app, "--cache-type-v", "values", options.kv_types.values);
  app.add_option("-b,--batch-size", options.batch, "Most tokens of one step")
      ->check(CLI::Range(1U, 1U << 16U))
      ->capture_default_str();
  app.add_option("-t,--threads", options.threads,
                 "CPU threads; 0: one for each physical core that may be used")
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str();
}

void add_answer_options(CLI::App& app, engine::Request& request) {
  app.add_option_function<int64_t>(
         "-n,--n-predict",
         [&request](int64_t n) {
           request.max_tokens.reset();
           if (n != -1) request.max_tokens = static_cast<uint32_t>(n);
         },
         "Most tokens to generate; -1: until the model ends or the context is full (default)")
      ->check(CLI::Range(int64_t{-1}, int64_t{UINT32_MAX}))
      ->check([](const std::string& n) { return n == "0" ? "0 tokens are no answer" : ""; });
  app.add_option("--stop", request.stop_strings, "End before this text; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  app.add_flag("--ignore-eos", request.ignore_eos, "Go on where the model would end");
  add_sampling_options(app, request.sampling);
}

}  // namespace weft::cli
