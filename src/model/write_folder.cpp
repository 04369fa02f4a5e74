#include "model/write_folder.h"

#include <algorithm>

#include "base/checked.h"
#include "base/file.h"
#include "base/half.h"
#include "formats/dequantize.h"
#include "formats/quote.h"
#include "formats/safetensors_file_writer.h"
#include "model/arch/arch.h"
#include "model/convert.h"
#include "model/folder_config.h"
#include "model/load.h"

namespace weft::model {
namespace {

using formats::quote;
using formats::TensorType;
using formats::TensorView;

constexpr uint64_t kRunElements = 1 << 22;  // that are in memory together

// These are made from the header's numbers again.
bool is_table(std::string_view name) { return name.starts_with("rope_f"); }

TensorType type_for(const TensorView& tensor, const FolderOptions& options) {
  if (tensor.n_dims == 1) return TensorType::kF32;
  if (options.type) return *options.type;
  const bool is_float = tensor.type == TensorType::kF32 || tensor.type == TensorType::kF16 ||
                        tensor.type == TensorType::kBF16;
  return is_float ? tensor.type : TensorType::kBF16;
}

// The row of a GGUF file that comes to place `row` of a folder, of heads of `head_dim` rows whose
// halves the file has interleaved (GgufRows::permutes_qk).
uint64_t source_row(uint64_t row, uint64_t head_dim) {
  const uint64_t i = row % head_dim;
  const uint64_t half = head_dim / 2;
  return row - i + (i < half ? 2 * i : 2 * (i - half) + 1);
}

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

class FolderWriter {
 public:
  FolderWriter(const formats::GgufFile& file, const Architecture& architecture,
               const ModelSpec& spec, const FolderOptions& options)
      : file_(file), architecture_(architecture), spec_(spec), options_(options) {}

  Result<void> write(const std::filesystem::path& path) {
    std::vector<formats::SafeTensorInfo> infos;
    for (const TensorView& tensor : file_.tensors()) {
      if (is_table(tensor.name)) continue;
      tensors_.push_back(&tensor);
      total_ += tensor.data.size();
      std::vector<uint64_t> shape(tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims);
      std::ranges::reverse(shape);
      infos.push_back({.name = hf_tensor(architecture_.layout, tensor.name),
                       .type = type_for(tensor, options_),
                       .shape = std::move(shape)});
    }
    WEFT_ASSIGN(auto out, formats::SafetensorsFileWriter::create(path, infos));
    for (size_t i = 0; i < tensors_.size(); ++i) {
      WEFT_TRY(write_tensor(*tensors_[i], infos[i].type, out));
    }
    return out.commit();
  }

 private:
  Result<void> write_tensor(const TensorView& tensor, TensorType type,
                            formats::SafetensorsFileWriter& out) {
    const auto has = [&](std::string_view part) { return tensor.name.contains(part); };
    const GgufRows& rows = architecture_.gguf_rows;
    const bool is_permuted = rows.permutes_qk && (has(".attn_q.") || has(".attn_k."));
    const uint64_t head_dim = is_permuted ? spec_.layers.front().attention.head_dim : 0;
    const float offset = has("norm.weight") ? rows.norm_offset : 0;
    // The elements of a permuted bias move as rows do.
    const bool is_vector = tensor.n_dims == 1;
    const uint64_t n_rows = is_vector && is_permuted ? tensor.cols() : tensor.rows();
    const uint64_t cols = tensor.elements() / n_rows;
    const uint64_t run = std::max<uint64_t>(1, kRunElements / cols);
    const size_t row_bytes = tensor.data.size() / n_rows;
    std::vector<float> values(cols);
    std::vector<std::byte> bytes;
    for (uint64_t first = 0; first < n_rows; first += run) {
      bytes.clear();
      const uint64_t end = std::min(n_rows, first + run);
      for (uint64_t row = first; row < end; ++row) {
        const uint64_t from = head_dim == 0 ? row : source_row(row, head_dim);
        WEFT_TRY(formats::dequantize(tensor.type, tensor.data.subspan(from * row_bytes, row_bytes),
                                     values));
        for (float& value : values) value -= offset;
        append(type, values, bytes);
      }
      WEFT_TRY(out.write(bytes));
      done_ += (end - first) * row_bytes;
      if (options_.on_progress) options_.on_progress(done_, total_);
    }
    return {};
  }

  const formats::GgufFile& file_;
  const Architecture& architecture_;
  const ModelSpec& spec_;
  const FolderOptions& options_;
  std::vector<const TensorView*> tensors_;
  uint64_t done_ = 0, total_ = 0;  // bytes of the file
};

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
  WEFT_ASSIGN(const nlohmann::ordered_json config, config_of(file, *architecture, spec));
  WEFT_TRY(expect_empty(folder));
  WEFT_TRY(FolderWriter(file, *architecture, spec, options).write(folder / "model.safetensors"));
  const std::string text = config.dump(2) + "\n";
  WEFT_TRY(write_file(folder / "config.json", std::as_bytes(std::span(text))));
  auto same = expect_same(spec, folder);
  std::error_code ignored;
  if (!same) std::filesystem::remove(folder / "config.json", ignored);
  return same;
}

}  // namespace weft::model
