#include "model/importance.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "formats/mapped_file.h"
#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::GgufFile;
using formats::quote;
using formats::TensorType;
using formats::TensorView;

constexpr std::string_view kSums = ".in_sum2";   // squares of activations: [columns, matrices]
constexpr std::string_view kCounts = ".counts";  // how many there were: [1, matrices]

Result<void> expect_squares(std::string_view tensor, std::span<const float> values) {
  for (const float value : values) {
    if (std::isfinite(value) && value >= 0) continue;
    return fail("Tensor {} has the value {}, and none below 0 was wanted.", quote(tensor), value);
  }
  return {};
}

Result<std::vector<float>> floats_of(const TensorView& tensor) {
  if (tensor.type != TensorType::kF32) {
    return fail("Tensor {} has type {}, and f32 was wanted.", quote(tensor.name),
                formats::info(tensor.type).name);
  }
  std::vector<float> out(tensor.elements());
  std::memcpy(out.data(), tensor.data.data(), tensor.data.size());
  WEFT_TRY(expect_squares(tensor.name, out));
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

// Numbers of 32 bits and texts one behind the other.
class LegacyReader {
 public:
  explicit LegacyReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  [[nodiscard]] bool is_done() const { return rest_.empty(); }

  Result<int32_t> count() {
    int32_t value = 0;
    WEFT_ASSIGN(const auto bytes, take(sizeof(value)));
    std::memcpy(&value, bytes.data(), sizeof(value));
    if (value >= 0) return value;
    return fail("A count is {}.", value);
  }

  Result<std::string> text() {
    WEFT_ASSIGN(const int32_t size, count());
    WEFT_ASSIGN(const auto bytes, take(static_cast<size_t>(size)));
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  Result<std::vector<float>> floats() {
    WEFT_ASSIGN(const int32_t size, count());
    WEFT_ASSIGN(const auto bytes, take(static_cast<size_t>(size) * sizeof(float)));
    std::vector<float> out(static_cast<size_t>(size));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }

 private:
  Result<std::span<const std::byte>> take(size_t size) {
    if (size > rest_.size()) {
      return fail("The file ends {} bytes too early.", size - rest_.size());
    }
    const auto bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return bytes;
  }

  std::span<const std::byte> rest_;
};

bool is_gguf(std::span<const std::byte> bytes) {
  constexpr std::string_view kMagic = "GGUF";
  return bytes.size() >= kMagic.size() &&
         std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

}  // namespace

Result<Importance> Importance::open(const std::filesystem::path& path) {
  WEFT_ASSIGN(const auto mapped, formats::MappedFile::open(path));
  Importance out;
  out.name_ = path.filename().string();
  if (is_gguf(mapped.bytes())) {
    WEFT_ASSIGN(const GgufFile file, GgufFile::open(path));
    WEFT_TRY(out.read_gguf(file));
    return out;
  }
  auto done = out.read_legacy(mapped.bytes());
  if (done) return out;
  return std::unexpected(std::move(done).error().within(
      fmt::format("While reading the importance matrix '{}'.", path.string())));
}

Result<void> Importance::read_gguf(const GgufFile& file) {
  WEFT_ASSIGN(const std::string_view type, file.get_string_or("general.type", ""));
  if (type != "imatrix") {
    return fail("'{}' is no importance matrix: its key 'general.type' is {}.", file.name(),
                quote(type));
  }
  WEFT_ASSIGN(chunks_, file.get_u32_or("imatrix.chunk_count", 0));
  if (file.find("imatrix.datasets") != nullptr) {
    WEFT_ASSIGN(const auto datasets, file.get_strings("imatrix.datasets"));
    if (!datasets.empty()) dataset_ = datasets.front();
  }
  for (const TensorView& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kSums)) continue;
    WEFT_ASSIGN(std::vector<float> means, means_of(file, tensor));
    values_.emplace(tensor.name.substr(0, tensor.name.size() - kSums.size()), std::move(means));
  }
  return {};
}

// A count of tensors; for each its name, how many times it was used, and the columns' mean squares
// times that; then, in all but the oldest files, the number of chunks and the data's name.
Result<void> Importance::read_legacy(std::span<const std::byte> bytes) {
  LegacyReader reader(bytes);
  WEFT_ASSIGN(const int32_t n_tensors, reader.count());
  for (int32_t i = 0; i < n_tensors; ++i) {
    WEFT_ASSIGN(const std::string tensor, reader.text());
    WEFT_ASSIGN(const int32_t uses, reader.count());
    WEFT_ASSIGN(std::vector<float> values, reader.floats());
    WEFT_TRY(expect_squares(tensor, values));
    for (float& value : values) value /= static_cast<float>(std::max(uses, 1));
    if (!values_.emplace(tensor, std::move(values)).second) {
      return fail("Tensor {} is there twice.", quote(tensor));
    }
  }
  if (reader.is_done()) return {};
  WEFT_ASSIGN(const int32_t chunks, reader.count());
  chunks_ = static_cast<uint32_t>(chunks);
  WEFT_ASSIGN(dataset_, reader.text());
  if (!reader.is_done()) return fail("There are bytes behind the end.");
  return {};
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
