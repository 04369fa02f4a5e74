#include "model/source.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "formats/quote.h"

namespace weft::model {

using formats::quote;
using formats::TensorType;
using formats::TensorView;
namespace {

// Into `n` views of equal size and `n_dims` dimensions.
std::vector<TensorView> split(const TensorView& all, uint32_t n, uint32_t n_dims) {
  const size_t bytes = all.data.size() / n;
  std::vector<TensorView> parts(n, all);
  for (size_t i = 0; i < n; ++i) {
    parts[i].n_dims = n_dims;
    parts[i].dims[n_dims] = 1;
    parts[i].data = all.data.subspan(i * bytes, bytes);
    parts[i].offset += i * bytes;
  }
  return parts;
}

}  // namespace

Result<uint32_t> Source::count(std::string_view key, uint32_t most,
                               std::optional<uint32_t> fallback) const {
  uint32_t value = fallback.value_or(0);
  if (!fallback || file_.has(key)) {
    WEFT_ASSIGN(value, file_.u32(key));
  }
  if (value >= 1 && value <= most) return value;
  return fail("{} is {}, and 1 to {} are supported.", file_.describe(key), value, most);
}

Result<float> Source::positive(std::string_view key, std::optional<float> fallback) const {
  if (fallback && !file_.has(key)) return *fallback;
  WEFT_ASSIGN(const float value, file_.f32(key));
  if (std::isfinite(value) && value > 0) return value;
  return fail("{} is {}, and a finite number above 0 was wanted.", file_.describe(key), value);
}

Result<float> Source::positive_or_zero(std::string_view key) const {
  if (!file_.has(key)) return 0.0F;
  WEFT_ASSIGN(const float value, file_.f32(key));
  return value == 0 ? Result<float>(value) : positive(key);
}

Result<uint32_t> Source::count_or_zero(std::string_view key) const {
  return file_.has(key) ? file_.u32(key) : Result<uint32_t>(0U);
}

Result<bool> Source::flag_or(std::string_view key, bool fallback) const {
  return file_.has(key) ? file_.flag(key) : Result<bool>(fallback);
}

Result<bool> Source::has_tensor(const std::string& name) const {
  WEFT_ASSIGN(const auto tensor, file_.find_tensor(name));
  return tensor.has_value();
}

Result<TensorView> Source::take(const std::string& name, std::span<const uint64_t> dims) {
  WEFT_ASSIGN(const std::optional<TensorView> tensor, file_.find_tensor(name));
  if (!tensor) return fail("Tensor {} is missing.", quote(file_.tensor_name(name)));
  std::array<uint64_t, 4> wanted{1, 1, 1, 1};
  std::ranges::copy(dims, wanted.begin());
  if (tensor->dims != wanted) {
    return fail("Tensor {} has shape [{}], and the header implies [{}].", quote(tensor->name),
                fmt::join(tensor->dims.begin(), tensor->dims.begin() + tensor->n_dims, ", "),
                fmt::join(dims, ", "));
  }
  taken_.insert(tensor->name);
  return *tensor;
}

// Weights that are stored transposed have no blocks: elements can be moved one by one.
Weight Source::transposed(const Weight& weight) {
  const size_t size = formats::info(weight.tensor.type).block_bytes;
  const std::span<std::byte> made = make(weight.tensor.data.size());
  for (size_t row = 0; row < weight.rows; ++row) {
    for (size_t col = 0; col < weight.cols; ++col) {
      std::ranges::copy(weight.tensor.data.subspan((row * weight.cols + col) * size, size),
                        made.begin() + static_cast<ptrdiff_t>((col * weight.rows + row) * size));
    }
  }
  Weight out{.tensor = weight.tensor, .rows = weight.cols, .cols = weight.rows};
  std::swap(out.tensor.dims[0], out.tensor.dims[1]);
  out.tensor.data = made;
  return out;
}

Result<Weight> Source::matrix(const std::string& name, uint32_t rows, uint32_t cols) {
  const bool is_transposed = file_.is_transposed(name);
  if (is_transposed) std::swap(rows, cols);
  WEFT_ASSIGN(TensorView tensor, take(name, std::array<uint64_t, 2>{cols, rows}));
  const Weight stored{.tensor = std::move(tensor), .rows = rows, .cols = cols};
  return is_transposed ? transposed(stored) : stored;
}

Result<std::vector<Weight>> Source::matrices(const std::string& name, uint32_t n, uint32_t rows,
                                             uint32_t cols) {
  const bool is_transposed = file_.is_transposed(name);
  if (is_transposed) std::swap(rows, cols);
  WEFT_ASSIGN(const TensorView all, take(name, std::array<uint64_t, 3>{cols, rows, n}));
  std::vector<Weight> parts;
  for (const TensorView& part : split(all, n, 2)) {
    const Weight stored{.tensor = part, .rows = rows, .cols = cols};
    parts.push_back(is_transposed ? transposed(stored) : stored);
  }
  return parts;
}

Result<std::vector<Weight>> Source::vectors(const std::string& name, uint32_t n, uint32_t size) {
  WEFT_ASSIGN(const TensorView all, take(name, std::array<uint64_t, 2>{size, n}));
  WEFT_TRY(expect_vector_type(all));
  std::vector<Weight> parts;
  for (TensorView& part : split(all, n, 1)) {
    parts.push_back({.tensor = std::move(part), .rows = 1, .cols = size});
  }
  return parts;
}

Result<std::optional<Weight>> Source::matrix_if_present(const std::string& name, uint32_t rows,
                                                        uint32_t cols) {
  WEFT_ASSIGN(const bool is_there, has_tensor(name));
  if (!is_there) return std::nullopt;
  return matrix(name, rows, cols);
}

Result<void> Source::expect_vector_type(const TensorView& tensor) const {
  const bool is_half = tensor.type == TensorType::kF16 || tensor.type == TensorType::kBF16;
  if (tensor.type == TensorType::kF32 || (!is_gguf() && is_half)) return {};
  return fail("Tensor {} has type {}, and a vector of f32 was wanted.", quote(tensor.name),
              formats::info(tensor.type).name);
}

Result<Weight> Source::vector(const std::string& name, uint32_t size) {
  WEFT_ASSIGN(TensorView tensor, take(name, std::array<uint64_t, 1>{size}));
  WEFT_TRY(expect_vector_type(tensor));
  return Weight{.tensor = std::move(tensor), .rows = 1, .cols = size};
}

Result<std::optional<Weight>> Source::vector_if_present(const std::string& name, uint32_t size) {
  WEFT_ASSIGN(const bool is_there, has_tensor(name));
  if (!is_there) return std::nullopt;
  return vector(name, size);
}

void Source::ignore_layers_from(uint32_t first) {
  constexpr std::string_view kBlock = "blk.";
  for (const std::string_view name : file_.tensor_names()) {
    if (!name.starts_with(kBlock)) continue;
    uint32_t layer = 0;
    std::from_chars(name.data() + kBlock.size(), name.data() + name.size(), layer);
    if (layer >= first) taken_.emplace(name);
  }
}

Result<void> Source::expect_no_more_tensors() const {
  for (const std::string_view name : file_.tensor_names()) {
    if (taken_.contains(std::string(name))) continue;
    return fail("Tensor {} has no place in architecture '{}'.", quote(name), file_.architecture());
  }
  return {};
}

std::span<std::byte> Source::make(size_t size_bytes) {
  auto memory = std::make_shared<std::vector<std::byte>>(size_bytes);
  const std::span<std::byte> bytes(*memory);
  made_.push_back(std::move(memory));
  return bytes;
}

}  // namespace weft::model
