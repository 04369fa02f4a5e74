// `weft convert IN OUT`: a Hugging Face folder as a GGUF file, and back.
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
#include "engine/write_folder_text.h"
#include "model/write_folder.h"

namespace weft::cli {
namespace {

struct ConvertOptions {
  std::filesystem::path in, out;
  std::optional<std::string> type;
};

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

Result<ExitCode> to_gguf(const ConvertOptions& options) {
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

Result<std::optional<formats::TensorType>> float_type(const ConvertOptions& options) {
  if (!options.type) return std::nullopt;
  WEFT_ASSIGN(const model::QuantizeType type, model::find_quantize_type(*options.type));
  if (type.file_type == model::FileType::kF32) return formats::TensorType::kF32;
  if (type.file_type == model::FileType::kF16) return formats::TensorType::kF16;
  if (type.file_type == model::FileType::kBF16) return formats::TensorType::kBF16;
  return fail("A folder's matrices are F32, F16 or BF16, and --type is {}.", *options.type);
}

Result<ExitCode> to_folder(const ConvertOptions& options) {
  WEFT_ASSIGN(const formats::GgufFile file, formats::GgufFile::open(options.in));
  Progress progress;
  model::FolderOptions writing{.on_progress = [&](uint64_t done, uint64_t all) {
    progress.update("converting", done, all);
  }};
  WEFT_ASSIGN(writing.type, float_type(options));
  WEFT_TRY(model::write_folder(file, options.out, writing));
  progress.clear();
  if (const auto written = engine::write_folder_text(file, options.out); !written) {
    print_notice(fmt::format("The folder has no tokenizer. {}", written.error().message()));
  }
  fmt::print("{}: {} tensors\n", options.out.string(), file.tensors().size());
  return kOk;
}

// A GGUF file becomes a folder where OUT is not called a GGUF file.
Result<ExitCode> run(const ConvertOptions& options) {
  const bool is_back = !is_folder(options.in) && options.out.extension() != ".gguf";
  return is_back ? to_folder(options) : to_gguf(options);
}

Action add(CLI::App& app) {
  const auto options = std::make_shared<ConvertOptions>();
  app.add_option("IN", options->in,
                 "A Hugging Face folder (config.json, safetensors, tokenizer.json) or a GGUF file")
      ->required();
  app.add_option(
         "OUT", options->out,
         "The GGUF file to write, which appears when it is whole; of a GGUF file, any other name "
         "is that of a folder")
      ->required();
  app.add_option("--type", options->type,
                 "Type of the matrices: F16, BF16, Q8_0, Q4_K_M, ... (see 'weft quantize --help'); "
                 "without it, they stay as they are. Of a folder F32, F16 or BF16, without it BF16 "
                 "for those that are quantised")
      ->check(why_no_quantize_type);
  return [options] { return run(*options); };
}

}  // namespace

const Command kConvert = {
    .name = "convert",
    .summary = "Make a GGUF file of a Hugging Face folder, or a folder of a GGUF file",
    .examples =
        "  weft convert Llama-3.2-1B-Instruct/ llama.gguf\n"
        "  weft convert Llama-3.2-1B-Instruct/ llama-q4.gguf --type Q4_K_M\n"
        "  weft convert llama.gguf Llama-folder --type F16\n",
    .add = add,
};

}  // namespace weft::cli
