#include "model/importance.h"

#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "formats/gguf.h"
#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::GgufFile;
using formats::quote;
using formats::TensorType;
using formats::TensorView;

constexpr std::string_view kSums = ".in_sum2";   // squares of activations: [columns, matrices]
constexpr std::string_view kCounts = ".counts";  // how many there were: [1, matrices]

Result<std::vector<float>> floats_of(const TensorView& tensor) {
  if (tensor.type != TensorType::kF32) {
    return fail("Tensor {} has type {}, and f32 was wanted.", quote(tensor.name),
                formats::info(tensor.type).name);
  }
  std::vector<float> out(tensor.elements());
  std::memcpy(out.data(), tensor.data.data(), tensor.data.size());
  for (const float value : out) {
    if (!std::isfinite(value) || value < 0) {
      return fail("Tensor {} has the value {}, and none below 0 was wanted.", quote(tensor.name),
                  value);
    }
  }
  return out;
}

// Mean squares; a matrix that was never used counts all columns alike.
Result<std::vector<float>> means_of(const GgufFile& file, const TensorView& sums) {
  const std::string base = sums.name.substr(0, sums.name.size() - kSums.size());
  const TensorView* counts = file.find_tensor(base + std::string(kCounts));
  if (counts == nullptr || counts->elements() != sums.rows()) {
    return fail("Tensor {} has {} rows, and there are not as many counts.", quote(sums.name),
                sums.rows());
  }
  WEFT_ASSIGN(std::vector<float> means, floats_of(sums));
  WEFT_ASSIGN(const std::vector<float> n, floats_of(*counts));
  for (size_t i = 0; i < means.size(); ++i) {
    const float count = n[i / sums.cols()];
    means[i] = count > 0 ? means[i] / count : 1;
  }
  return means;
}

}  // namespace

Result<Importance> Importance::open(const std::filesystem::path& path) {
  WEFT_ASSIGN(const GgufFile file, GgufFile::open(path));
  WEFT_ASSIGN(const std::string_view type, file.get_string_or("general.type", ""));
  if (type != "imatrix") {
    return fail("'{}' is no importance matrix: its key 'general.type' is {}.", path.string(),
                quote(type));
  }
  Importance out;
  out.name_ = path.filename().string();
  WEFT_ASSIGN(out.chunks_, file.get_u32_or("imatrix.chunk_count", 0));
  if (file.find("imatrix.datasets") != nullptr) {
    WEFT_ASSIGN(const auto datasets, file.get_strings("imatrix.datasets"));
    if (!datasets.empty()) out.dataset_ = datasets.front();
  }
  for (const TensorView& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kSums)) continue;
    WEFT_ASSIGN(std::vector<float> means, means_of(file, tensor));
    out.values_.emplace(tensor.name.substr(0, tensor.name.size() - kSums.size()), std::move(means));
  }
  return out;
}

Result<std::span<const float>> Importance::of(const formats::GgufTensorInfo& tensor) const {
  const auto found = values_.find(tensor.name);
  if (found == values_.end()) return std::span<const float>();
  uint64_t wanted = tensor.dims.front();
  for (size_t i = 2; i < tensor.dims.size(); ++i) wanted *= tensor.dims[i];
  if (found->second.size() == wanted) return std::span<const float>(found->second);
  return fail("The importance matrix '{}' has {} numbers for tensor {}, and {} were wanted.", name_,
              found->second.size(), quote(tensor.name), wanted);
}

}  // namespace weft::model
