#include "model/write_folder.h"

#include <functional>
#include <numeric>

#include "base/file.h"
#include "base/half.h"
#include "formats/quote.h"
#include "model/arch/arch.h"
#include "model/convert.h"
#include "model/folder_config.h"
#include "model/folder_tensors.h"
#include "model/load.h"

namespace weft::model {
namespace {

using formats::quote;
using formats::TensorType;

void append(TensorType type, std::span<const float> values, std::vector<std::byte>& out) {
  const auto put = [&out](const auto& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  for (const float value : values) {
    if (type == TensorType::kF32) put(value);
    if (type == TensorType::kF16) put(float_to_half(value));
    if (type == TensorType::kBF16) put(float_to_bf16(value));
  }
}

Result<void> write_tensors(std::span<const FolderTensor> tensors, const std::filesystem::path& path,
                           const FolderOptions& options) {
  std::vector<formats::SafeTensorInfo> infos;
  uint64_t done = 0, total = 0;  // numbers
  for (const FolderTensor& tensor : tensors) {
    infos.push_back(tensor.info);
    total += std::reduce(tensor.info.shape.begin(), tensor.info.shape.end(), uint64_t{1},
                         std::multiplies());
  }
  WEFT_ASSIGN(auto out, formats::SafetensorsFileWriter::create(path, infos));
  std::vector<float> values;
  std::vector<std::byte> bytes;
  for (const FolderTensor& tensor : tensors) {
    for (uint64_t piece = 0; piece < tensor.pieces; ++piece) {
      WEFT_TRY(tensor.read(piece, values));
      bytes.clear();
      append(tensor.info.type, values, bytes);
      WEFT_TRY(out.write(bytes));
      done += values.size();
      if (options.on_progress) options.on_progress(done, total);
    }
  }
  return out.commit();
}

Result<void> expect_empty(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail("Folder {} cannot be made: {}.", quote(folder.string()), error.message());
  if (std::filesystem::is_empty(folder, error)) return {};
  return fail("Folder {} is not empty: name another one.", quote(folder.string()));
}

Result<void> expect_same(const ModelSpec& spec, const std::filesystem::path& folder) {
  WEFT_ASSIGN(const HfFolder written, HfFolder::open(folder));
  WEFT_ASSIGN(const ModelSpec got, spec_from_folder(written));
  return expect_same_network(spec, got, "A folder");
}

}  // namespace

Result<void> write_folder(const formats::GgufFile& file, const std::filesystem::path& folder,
                          const FolderOptions& options) {
  WEFT_ASSIGN(const ModelSpec spec, spec_from_gguf(file));
  WEFT_ASSIGN(const Architecture* architecture, find_architecture(file));
  // GGUF files of Mixtral say that they are `llama`.
  const bool is_mixtral = architecture == &kLlama && spec.layers.front().mlp.mixture;
  if (is_mixtral) architecture = &kMixtral;
  WEFT_ASSIGN(const nlohmann::ordered_json config, config_of(file, *architecture, spec));
  const std::vector<FolderTensor> tensors = folder_tensors(file, *architecture, spec, options.type);
  WEFT_TRY(expect_empty(folder));
  WEFT_TRY(write_tensors(tensors, folder / "model.safetensors", options));
  const std::string text = config.dump(2) + "\n";
  WEFT_TRY(write_file(folder / "config.json", std::as_bytes(std::span(text))));
  auto same = expect_same(spec, folder);
  std::error_code ignored;
  if (!same) std::filesystem::remove(folder / "config.json", ignored);
  return same;
}

}  // namespace weft::model
