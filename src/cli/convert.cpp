// `weft convert IN OUT`: a Hugging Face folder as a GGUF file.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/gguf_source.h"
#include "cli/options.h"
#include "cli/size_text.h"

namespace weft::cli {
namespace {

struct ConvertOptions {
  std::filesystem::path in, out;
  std::optional<std::string> type;
};

Result<ExitCode> run(const ConvertOptions& options) {
  model::WriteOptions writing;
  if (options.type) {
    WEFT_ASSIGN(writing.type, model::find_quantize_type(*options.type));
  }
  WEFT_TRY(expect_other_file(options.in, options.out));
  WEFT_ASSIGN(GgufSource source, open_gguf_source(options.in));
  Progress progress;
  uint64_t bytes = 0;
  uint64_t tensors = 0;
  const model::WriteListener listener{
      .on_progress = [&](uint64_t done, uint64_t all) { progress.update("converting", done, all); },
      .on_tensor =
          [&](const model::TensorChange& tensor) {
            ++tensors;
            bytes += tensor.bytes_after;
          }};
  WEFT_TRY(model::write_image(std::move(source.image), writing, options.out, listener));
  progress.clear();
  fmt::print("{}: {} tensors, {}\n", options.out.string(), tensors, size_text(bytes));
  return kOk;
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<ConvertOptions>();
  app.add_option("IN", options->in,
                 "A Hugging Face folder: config.json, safetensors, tokenizer.json")
      ->required();
  app.add_option("OUT", options->out, "The GGUF file to write; it appears when it is whole")
      ->required();
  app.add_option("--type", options->type,
                 "Type of the matrices: F16, BF16, Q8_0, Q4_K_M, ... (see 'weft quantize --help'); "
                 "without it, they stay as they are")
      ->check(why_no_quantize_type);
  return [options] { return run(*options); };
}

}  // namespace

const Command kConvert = {
    .name = "convert",
    .summary = "Make a GGUF file of a Hugging Face folder",
    .examples =
        "  weft convert Llama-3.2-1B-Instruct/ llama.gguf\n"
        "  weft convert Llama-3.2-1B-Instruct/ llama-q4.gguf --type Q4_K_M\n",
    .add = add,
};

}  // namespace weft::cli
