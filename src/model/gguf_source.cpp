#include "model/gguf_source.h"

#include <algorithm>
#include <cmath>

#include "formats/quote.h"

namespace weft::model {

using formats::quote;
using formats::TensorView;

std::string GgufSource::key(std::string_view suffix) const {
  return fmt::format("{}.{}", architecture_, suffix);
}

Result<uint32_t> GgufSource::count(std::string_view suffix, uint32_t most,
                                   std::optional<uint32_t> fallback) const {
  const std::string name = key(suffix);
  uint32_t value = fallback.value_or(0);
  if (!fallback || file_.find(name) != nullptr) {
    WEFT_ASSIGN(value, file_.get_u32(name));
  }
  if (value >= 1 && value <= most) return value;
  return fail("Key {} is {}, and 1 to {} are supported.", quote(name), value, most);
}

Result<float> GgufSource::positive(std::string_view suffix, std::optional<float> fallback) const {
  const std::string name = key(suffix);
  if (fallback && file_.find(name) == nullptr) return *fallback;
  WEFT_ASSIGN(const float value, file_.get_f32(name));
  if (std::isfinite(value) && value > 0) return value;
  return fail("Key {} is {}, and a finite number above 0 was wanted.", quote(name), value);
}

Result<void> GgufSource::expect_only_keys(std::span<const std::string_view> known) const {
  const std::string prefix = key("");
  for (const formats::GgufEntry& entry : file_.metadata()) {
    if (!entry.key.starts_with(prefix)) continue;
    if (std::ranges::find(known, entry.key.substr(prefix.size())) != known.end()) continue;
    return fail("Key {} is not known for architecture '{}', and may change what it computes.",
                quote(entry.key), architecture_);
  }
  return {};
}

Result<Weight> GgufSource::take(const std::string& name, uint32_t n_dims, uint32_t rows,
                                uint32_t cols) {
  const TensorView* tensor = file_.find_tensor(name);
  if (tensor == nullptr) return fail("Tensor {} is missing.", quote(name));
  const std::array<uint64_t, 4> wanted{cols, rows, 1, 1};
  if (tensor->dims != wanted) {
    return fail("Tensor {} has shape [{}], and the header implies [{}].", quote(name),
                fmt::join(tensor->dims.begin(), tensor->dims.begin() + tensor->n_dims, ", "),
                fmt::join(wanted.begin(), wanted.begin() + n_dims, ", "));
  }
  taken_.insert(name);
  return Weight{.tensor = *tensor, .rows = rows, .cols = cols};
}

Result<Weight> GgufSource::matrix(const std::string& name, uint32_t rows, uint32_t cols) {
  return take(name, 2, rows, cols);
}

Result<Weight> GgufSource::vector(const std::string& name, uint32_t size) {
  WEFT_ASSIGN(Weight weight, take(name, 1, 1, size));
  if (weight.tensor.type != formats::TensorType::kF32) {
    return fail("Tensor {} has type {}, and a vector of f32 was wanted.", quote(name),
                formats::info(weight.tensor.type).name);
  }
  return weight;
}

Result<std::optional<Weight>> GgufSource::vector_if_present(const std::string& name,
                                                            uint32_t size) {
  if (file_.find_tensor(name) == nullptr) return std::nullopt;
  return vector(name, size);
}

Result<void> GgufSource::expect_no_more_tensors() const {
  for (const TensorView& tensor : file_.tensors()) {
    if (taken_.contains(tensor.name)) continue;
    return fail("Tensor {} has no place in architecture '{}'.", quote(tensor.name), architecture_);
  }
  return {};
}

}  // namespace weft::model
