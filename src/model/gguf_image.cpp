#include "model/gguf_image.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/checked.h"
#include "formats/gguf.h"
#include "formats/quote.h"
#include "model/quantize_rows.h"

namespace weft::model {
namespace {

using formats::GgufFile;
using formats::GgufTensorInfo;
using formats::TensorType;
using formats::TensorView;

// A count that files may also give layer by layer, which mixtures do not look at.
uint32_t count_or(const GgufFile& file, const std::string& key, uint32_t otherwise) {
  const Result<uint32_t> value = file.get_u32(key);
  return value && *value > 0 ? *value : otherwise;
}

uint32_t layers_in(const GgufFile& file) {
  std::set<std::string> layers;
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.name.starts_with("blk."))
      layers.insert(tensor.name.substr(0, tensor.name.find('.', 4)));
  }
  return narrow<uint32_t>(layers.size());
}

MixtureModel mixture_of(const GgufFile& file, const std::string& architecture) {
  MixtureModel out{.architecture = architecture,
                   .n_layers = layers_in(file),
                   .n_experts = count_or(file, architecture + ".expert_count", 0)};
  out.n_heads = count_or(file, architecture + ".attention.head_count", 1);
  out.n_kv_heads = count_or(file, architecture + ".attention.head_count_kv", out.n_heads);
  out.tied = file.find_tensor("output.weight") == nullptr;
  return out;
}

TensorType type_for(const GgufImage& image, const WriteOptions& options,
                    const GgufTensorInfo& tensor) {
  if (!options.type || !is_quantizable(tensor)) return tensor.type;
  if (options.pure) return pure_type(*options.type, tensor);
  return mixed_type(*options.type, image.mixture, tensor);
}

void set_quantization(const WriteOptions& options, formats::GgufMetadata& metadata) {
  if (!options.type) return;
  metadata.set("general.quantization_version", 2U);  // of ggml's block formats
  metadata.set("general.file_type", static_cast<uint32_t>(options.type->file_type));
  if (options.importance == nullptr) return;
  const Importance& importance = *options.importance;
  metadata.set("quantize.imatrix.file", importance.name());
  metadata.set("quantize.imatrix.dataset", importance.dataset());
  metadata.set("quantize.imatrix.entries_count", narrow<uint32_t>(importance.size()));
  metadata.set("quantize.imatrix.chunks_count", importance.chunks());
}

Result<void> write_tensor(const ImageTensor& tensor, TensorType to, const WriteOptions& options,
                          const std::function<void(uint64_t)>& on_bytes,
                          formats::GgufFileWriter& out, TensorChange& change) {
  std::vector<std::byte> made;
  WEFT_ASSIGN(const std::span<const std::byte> data, tensor.data(made));
  if (to == tensor.info.type) {
    WEFT_TRY(out.write(data));
    if (on_bytes) on_bytes(data.size());
    return {};
  }
  RowQuantizer quantizer{.tensor = tensor.info, .data = data, .to = to, .threads = options.threads};
  if (options.importance != nullptr) {
    WEFT_ASSIGN(quantizer.importance, options.importance->of(tensor.info));
  }
  return quantizer.run(
      [&](std::span<const std::byte> blocks, uint64_t bytes_read) -> Result<void> {
        if (on_bytes) on_bytes(bytes_read);
        return out.write(blocks);
      },
      change);
}

}  // namespace

Result<GgufImage> image_of(const GgufFile& file) {
  constexpr std::string_view kOfThisFile[] = {"general.alignment", "split.no", "split.count",
                                              "split.tensors.count"};
  WEFT_ASSIGN(const std::string_view architecture, file.get_string("general.architecture"));
  GgufImage image{.mixture = mixture_of(file, std::string(architecture))};
  for (const formats::GgufEntry& entry : file.metadata()) {
    const bool is_left_out = std::ranges::find(kOfThisFile, entry.key) != std::end(kOfThisFile);
    if (!is_left_out) image.metadata.set(entry);
  }
  for (const TensorView& tensor : file.tensors()) {
    image.tensors.push_back(
        {.info = {.name = tensor.name,
                  .type = tensor.type,
                  .dims = {tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims}},
         .data = [data = tensor.data](std::vector<std::byte>&)
             -> Result<std::span<const std::byte>> { return data; }});
  }
  return image;
}

double TensorChange::rms_error() const {
  return elements == 0 ? 0 : std::sqrt(squared_error / static_cast<double>(elements));
}

double TensorChange::relative_error() const {
  return squares == 0 ? 0 : std::sqrt(squared_error / squares);
}

Result<void> write_image(GgufImage image, const WriteOptions& options,
                         const std::filesystem::path& path, const WriteListener& listener) {
  image.mixture.has_importance = options.importance != nullptr;
  set_quantization(options, image.metadata);
  std::vector<TensorChange> changes;
  std::vector<GgufTensorInfo> infos;
  uint64_t total = 0;
  for (const ImageTensor& tensor : image.tensors) {
    GgufTensorInfo info = tensor.info;
    info.type = type_for(image, options, tensor.info);
    WEFT_ASSIGN(const uint64_t before, tensor.info.size_bytes());
    WEFT_ASSIGN(const uint64_t after, info.size_bytes());
    changes.push_back({.name = info.name,
                       .from = tensor.info.type,
                       .to = info.type,
                       .elements = before / formats::info(tensor.info.type).block_bytes *
                                   formats::info(tensor.info.type).block_elements,
                       .bytes_before = before,
                       .bytes_after = after});
    total += before;
    infos.push_back(std::move(info));
  }
  WEFT_ASSIGN(auto out, formats::GgufFileWriter::create(path, image.metadata, infos));
  uint64_t done = 0;
  const auto on_bytes = [&](uint64_t bytes) {
    done += bytes;
    if (listener.on_progress) listener.on_progress(done, total);
  };
  for (size_t i = 0; i < image.tensors.size(); ++i) {
    WEFT_TRY(write_tensor(image.tensors[i], changes[i].to, options, on_bytes, out, changes[i]));
    if (listener.on_tensor) listener.on_tensor(changes[i]);
  }
  if (image.check) {
    WEFT_ASSIGN(const GgufFile written, GgufFile::open(out.temporary()));
    WEFT_TRY(image.check(written));
  }
  return out.commit();
}

}  // namespace weft::model
