// `weft quantize IN OUT TYPE`: a model with its matrices in another type.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/gguf_source.h"
#include "cli/options.h"
#include "cli/size_text.h"
#include "formats/quote.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;
using model::TensorChange;

struct QuantizeOptions {
  std::filesystem::path in, out, importance;
  std::string type;
  unsigned threads = 0;
  bool pure = false;
  bool json = false;
};

// Sums over the tensors whose type changed, and sizes of all.
struct Total {
  TensorChange changed{};
  uint64_t bytes_before = 0, bytes_after = 0;

  void add(const TensorChange& tensor) {
    bytes_before += tensor.bytes_before;
    bytes_after += tensor.bytes_after;
    if (tensor.from == tensor.to) return;
    changed.elements += tensor.elements;
    changed.squared_error += tensor.squared_error;
    changed.squares += tensor.squares;
    changed.largest_error = std::max(changed.largest_error, tensor.largest_error);
  }
};

Json errors_json(const TensorChange& tensor) {
  return {{"rms_error", tensor.rms_error()},
          {"relative_error", tensor.relative_error()},
          {"largest_error", tensor.largest_error}};
}

void print_heading() {
  fmt::print("{:<32} {:>7}    {:<7} {:>10} {:>11}\n", "tensor", "from", "to", "RMS error",
             "relative");
}

void print_tensor(const TensorChange& tensor, bool json) {
  const std::string_view from = formats::info(tensor.from).name;
  const std::string_view to = formats::info(tensor.to).name;
  if (json) {
    Json line = {{"tensor", tensor.name},
                 {"from", from},
                 {"to", to},
                 {"bytes_before", tensor.bytes_before},
                 {"bytes_after", tensor.bytes_after}};
    if (tensor.from != tensor.to) line.update(errors_json(tensor));
    fmt::print("{}\n", line.dump(-1, ' ', true, Json::error_handler_t::replace));
  } else if (tensor.from == tensor.to) {
    fmt::print("{:<32} {:>7}\n", formats::quote(tensor.name), to);
  } else {
    fmt::print("{:<32} {:>7} -> {:<7} {:>10.3e} {:>9.4f} %\n", formats::quote(tensor.name), from,
               to, tensor.rms_error(), 100 * tensor.relative_error());
  }
}

void print_total(const Total& total, const QuantizeOptions& options) {
  if (options.json) {
    Json line = {{"total", options.out.string()},
                 {"type", options.type},
                 {"bytes_before", total.bytes_before},
                 {"bytes_after", total.bytes_after}};
    line.update(errors_json(total.changed));
    fmt::print("{}\n", line.dump(-1, ' ', true, Json::error_handler_t::replace));
    return;
  }
  fmt::print("{}: {} of {}, error {:.3e}, {:.4f} % of the values quantised\n", options.out.string(),
             size_text(total.bytes_after), size_text(total.bytes_before), total.changed.rms_error(),
             100 * total.changed.relative_error());
}

Result<ExitCode> run(QuantizeOptions& options) {
  WEFT_ASSIGN(const model::QuantizeType type, model::find_quantize_type(options.type));
  options.type = type.name;
  std::optional<model::Importance> importance;
  if (!options.importance.empty()) {
    WEFT_ASSIGN(importance, model::Importance::open(options.importance));
  }
  WEFT_TRY(expect_other_file(options.in, options.out));
  WEFT_ASSIGN(GgufSource source, open_gguf_source(options.in));
  Progress progress;
  Total total;
  bool is_first = true;
  const model::WriteListener listener{
      .on_progress = [&](uint64_t done, uint64_t all) { progress.update("quantising", done, all); },
      .on_tensor =
          [&](const TensorChange& tensor) {
            total.add(tensor);
            progress.clear();
            if (std::exchange(is_first, false) && !options.json) print_heading();
            print_tensor(tensor, options.json);
          }};
  WEFT_TRY(model::write_image(std::move(source.image),
                              {.type = type,
                               .pure = options.pure,
                               .importance = importance ? &*importance : nullptr,
                               .threads = options.threads},
                              options.out, listener));
  progress.clear();
  print_total(total, options);
  return kOk;
}

std::string type_names() {
  std::string names;
  for (const model::QuantizeType& type : model::quantize_types()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", type.name);
  }
  return names;
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<QuantizeOptions>();
  app.add_option("IN", options->in, "A GGUF file, or a Hugging Face folder")->required();
  app.add_option("OUT", options->out, "The file to write; it appears when it is whole")->required();
  app.add_option("TYPE", options->type, type_names())->required()->check(why_no_quantize_type);
  app.add_option("--imatrix", options->importance,
                 "An importance matrix of the model, from llama.cpp's llama-imatrix (GGUF, or the "
                 "older .dat)");
  app.add_flag("--pure", options->pure,
               "One type for all matrices, not llama.cpp's mixture of that name");
  app.add_option("-t,--threads", options->threads, "CPU threads; 0: one a processor")
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str();
  app.add_flag("--json", options->json, "Print one JSON object a tensor, then one of the total");
  return [options] { return run(*options); };
}

}  // namespace

const Command kQuantize = {
    .name = "quantize",
    .summary = "Make a model smaller: its matrices in a type of fewer bits",
    .examples =
        "  weft quantize model-f16.gguf model-q4.gguf Q4_K_M\n"
        "  weft quantize model-f16.gguf small.gguf IQ4_XS --imatrix imatrix.gguf\n"
        "  weft quantize Llama-3.2-1B-Instruct/ model-q8.gguf Q8_0 --json\n",
    .add = add,
};

}  // namespace weft::cli
