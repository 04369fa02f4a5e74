#include "model/hf_folder.h"

#include <algorithm>

#include "base/checked.h"
#include "base/file.h"
#include "formats/json.h"
#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::quote;
using nlohmann::json;

Result<std::optional<formats::TensorView>> view_of(const std::string& name,
                                                   formats::TensorType type,
                                                   std::vector<uint64_t> shape,
                                                   std::span<const std::byte> data,
                                                   uint64_t offset) {
  // The kernel of a convolution within channels: [channels, 1, taps].
  if (shape.size() == 3 && shape[1] == 1) shape.erase(shape.begin() + 1);
  formats::TensorView view{.name = name,
                           .type = type,
                           .n_dims = 0,
                           .dims = {1, 1, 1, 1},
                           .data = data,
                           .offset = offset};
  if (shape.size() > view.dims.size()) {
    return fail("Tensor {} has {} dimensions, and at most {} are supported.", quote(name),
                shape.size(), view.dims.size());
  }
  view.n_dims = std::max<uint32_t>(1, narrow<uint32_t>(shape.size()));
  std::ranges::reverse_copy(shape, view.dims.begin());
  return view;
}

// What config.json says of quantised weights, or the file of its own that older writers of GPTQ
// made; nothing where there is neither.
Result<std::optional<json>> find_quantization(const json& config,
                                              const std::filesystem::path& folder) {
  const auto found = config.find("quantization_config");
  if (found != config.end() && !found->is_null()) return *found;
  const std::filesystem::path beside = folder / "quantize_config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(beside, ignored)) return std::nullopt;
  WEFT_ASSIGN(const std::string text, read_text_file(beside));
  WEFT_ASSIGN(json quantization, formats::parse_json(text, quote(beside.string())));
  return quantization;
}

}  // namespace

Result<HfFolder> HfFolder::open(const std::filesystem::path& path) {
  const std::filesystem::path config_path = path / "config.json";
  WEFT_ASSIGN(const std::string text, read_text_file(config_path));
  WEFT_ASSIGN(json config, formats::parse_json(text, quote(config_path.string())));
  if (!config.is_object()) return fail("{} is no object.", quote(config_path.string()));
  WEFT_ASSIGN(formats::SafetensorsFolder weights, formats::SafetensorsFolder::open(path));
  WEFT_ASSIGN(const std::optional<json> quantization, find_quantization(config, path));
  DecodedWeights decoded;
  if (quantization) {
    auto done = decode_weights(*quantization, weights);
    if (!done) {
      return std::unexpected(std::move(done).error().within(
          fmt::format("While reading the model '{}'.", path.string())));
    }
    decoded = std::move(*done);
  }
  return HfFolder(std::move(config), std::move(weights), std::move(decoded));
}

bool HfFolder::has(std::string_view tensor) const {
  if (decoded_.weights.contains(tensor)) return true;
  return !decoded_.parts.contains(tensor) && weights_.find(tensor) != nullptr;
}

bool HfFolder::is_decoded(std::string_view tensor) const {
  return decoded_.weights.contains(tensor);
}

std::vector<std::string_view> HfFolder::tensor_names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, weight] : decoded_.weights) names.push_back(name);
  for (const formats::SafetensorsFile& file : weights_.files()) {
    for (const formats::SafeTensor& tensor : file.tensors()) {
      if (!decoded_.parts.contains(tensor.name)) names.push_back(tensor.name);
    }
  }
  return names;
}

Result<std::optional<formats::TensorView>> HfFolder::find(std::string_view tensor) const {
  const auto decoded = decoded_.weights.find(tensor);
  if (decoded != decoded_.weights.end()) {
    const DecodedWeight& weight = decoded->second;
    return view_of(decoded->first, weight.type, weight.shape, weight.data, 0);
  }
  if (!has(tensor)) return std::nullopt;
  const formats::SafeTensor& found = *weights_.find(tensor);
  const auto type = formats::tensor_type_of(found);
  if (!type) return fail("Tensor {} has the unsupported type {}.", quote(found.name), found.dtype);
  return view_of(found.name, *type, found.shape, found.data, found.offset);
}

}  // namespace weft::model
