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

Result<json> parse_object(std::string_view text, const std::filesystem::path& path) {
  WEFT_ASSIGN(json value, formats::parse_json(text, quote(path.string())));
  if (!value.is_object()) return fail("{} is no object.", quote(path.string()));
  return value;
}

Result<json> read_object(const std::filesystem::path& path) {
  WEFT_ASSIGN(const std::string text, read_text_file(path));
  return parse_object(text, path);
}

// What config.json says of quantised weights.
std::optional<json> quantization_of(const json& config) {
  const auto found = config.find("quantization_config");
  return found == config.end() || found->is_null() ? std::nullopt : std::optional(*found);
}

}  // namespace

Result<HfFolder> HfFolder::open(const std::filesystem::path& path) {
  WEFT_ASSIGN(json config, read_object(path / "config.json"));
  WEFT_ASSIGN(formats::SafetensorsFolder weights, formats::SafetensorsFolder::open(path));
  std::optional<json> quantization = quantization_of(config);
  // Older writers of GPTQ made a file of its own.
  const std::filesystem::path beside = path / "quantize_config.json";
  std::error_code ignored;
  if (!quantization && std::filesystem::exists(beside, ignored)) {
    WEFT_ASSIGN(quantization, read_object(beside));
  }
  return make(std::move(config), quantization, std::move(weights));
}

Result<HfFolder> HfFolder::parse(std::string_view config, formats::SafetensorsFolder weights) {
  WEFT_ASSIGN(json parsed, parse_object(config, "config.json"));
  const std::optional<json> quantization = quantization_of(parsed);
  return make(std::move(parsed), quantization, std::move(weights));
}

Result<HfFolder> HfFolder::make(json config, const std::optional<json>& quantization,
                                formats::SafetensorsFolder weights) {
  auto decoded =
      quantization ? decode_weights(*quantization, weights) : decode_named_weights(weights);
  if (!decoded) {
    return std::unexpected(std::move(decoded).error().within(
        fmt::format("While reading the model '{}'.", weights.path().string())));
  }
  return HfFolder(std::move(config), std::move(weights), std::move(*decoded));
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
