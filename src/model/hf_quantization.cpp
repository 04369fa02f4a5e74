#include "model/hf_quantization.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/checked.h"
#include "base/parallel.h"
#include "formats/dequantize.h"
#include "formats/grouped_weight.h"
#include "formats/quote.h"
#include "formats/scaled_weight.h"
#include "model/quantization_config.h"

namespace weft::model {
namespace {

using formats::quote;
using formats::SafeTensor;
using formats::SafetensorsFolder;
using formats::TensorType;
using nlohmann::json;

constexpr uint32_t kTaskRows = 128;  // AWQ has as many in a cache line

std::string shown(std::span<const uint64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

class Decoder {
 public:
  Decoder(const QuantizationConfig& config, const SafetensorsFolder& folder)
      : config_(config), folder_(folder) {}

  Result<DecodedWeights> decode() {
    switch (config_.method) {
      case QuantizationMethod::kGroups:
        WEFT_TRY(for_each(".qweight", &Decoder::add_grouped));
        break;
      case QuantizationMethod::kFloat8:
        WEFT_TRY(for_each(".weight", &Decoder::add_float8));
        break;
      case QuantizationMethod::kMxfp4:
        WEFT_TRY(for_each("_blocks", &Decoder::add_mxfp4));
        break;
      case QuantizationMethod::kInt8Blocks:
        WEFT_TRY(for_each("_q", &Decoder::add_int8_blocks));
        break;
    }
    return std::move(out_);
  }

 private:
  // Calls `take` for each tensor whose name ends so.
  Result<void> for_each(std::string_view suffix,
                        Result<void> (Decoder::*take)(const SafeTensor&, const std::string& stem)) {
    for (const formats::SafetensorsFile& file : folder_.files()) {
      for (const SafeTensor& tensor : file.tensors()) {
        if (!tensor.name.ends_with(suffix)) continue;
        WEFT_TRY((this->*take)(tensor, tensor.name.substr(0, tensor.name.size() - suffix.size())));
      }
    }
    return {};
  }

  // A tensor that is taken for another; an error where it has another type or shape.
  Result<const SafeTensor*> part(const std::string& name, std::string_view dtype,
                                 const std::vector<uint64_t>& shape) {
    const SafeTensor* tensor = folder_.find(name);
    if (tensor == nullptr) return fail("Tensor {} is missing.", quote(name));
    if ((!dtype.empty() && tensor->dtype != dtype) || tensor->shape != shape) {
      return fail("Tensor {} is {} {}, and {} {} was wanted.", quote(name), tensor->dtype,
                  shown(tensor->shape), dtype.empty() ? "a float" : dtype, shown(shape));
    }
    out_.parts.insert(name);
    return tensor;
  }

  static Result<std::vector<float>> floats_of(const SafeTensor& tensor) {
    const std::optional<TensorType> type = formats::tensor_type_of(tensor);
    if (type != TensorType::kF32 && type != TensorType::kF16 && type != TensorType::kBF16) {
      return fail("Tensor {} has type {}, and F32, F16 and BF16 are supported for scales.",
                  quote(tensor.name), tensor.dtype);
    }
    std::vector<float> values(tensor.data.size() / formats::info(*type).block_bytes);
    WEFT_TRY(formats::dequantize(*type, tensor.data, values));
    const auto bad = std::ranges::find_if(values, [](float v) { return !std::isfinite(v); });
    if (bad == values.end()) return values;
    return fail("Tensor {} has a scale that is not finite.", quote(tensor.name));
  }

  // Two dimensions that 32 bits hold.
  static Result<void> expect_matrix(const SafeTensor& tensor) {
    const bool fits = tensor.shape.size() == 2 && std::ranges::all_of(tensor.shape, [](uint64_t n) {
                        return n > 0 && n < uint64_t{1} << 28;
                      });
    if (fits) return {};
    return fail("Tensor {} has shape {}, and a matrix was wanted.", quote(tensor.name),
                shown(tensor.shape));
  }

  Result<void> add_grouped(const SafeTensor& words, const std::string& stem) {
    WEFT_TRY(expect_matrix(words));
    formats::GroupedWeight weight{
        .order = config_.order, .bits = config_.bits, .zero_offset = config_.zero_offset};
    const uint32_t n = 32 / weight.bits;
    const bool is_gptq = weight.order == formats::WordOrder::kGptq;
    weight.rows = narrow<uint32_t>(words.shape[1]) * (is_gptq ? 1 : n);
    weight.cols = narrow<uint32_t>(words.shape[0]) * (is_gptq ? n : 1);
    if (weight.rows % n != 0) {
      return fail("Tensor {} has {} columns, and a multiple of {} was wanted.", quote(words.name),
                  weight.rows, n);
    }
    const uint32_t group_size = config_.group_size == 0 ? weight.cols : config_.group_size;
    weight.n_groups = ceil_div(weight.cols, group_size);
    WEFT_TRY(part(words.name, "I32", words.shape));
    WEFT_ASSIGN(const SafeTensor* zeros,
                part(stem + ".qzeros", "I32", {weight.n_groups, weight.rows / n}));
    WEFT_ASSIGN(const SafeTensor* scales,
                part(stem + ".scales", "", {weight.n_groups, weight.rows}));
    weight.words = words.data;
    weight.zeros = zeros->data;
    WEFT_ASSIGN(weight.scales, floats_of(*scales));
    weight.scale_type = *formats::tensor_type_of(*scales);
    WEFT_ASSIGN(weight.groups, groups_of(stem + ".g_idx", weight, group_size));
    const TensorType type = weight.decoded_type();
    return add(stem + ".weight", type, {weight.rows, weight.cols}, weight.rows,
               [&](uint32_t first, uint32_t count, std::span<std::byte> out) {
                 weight.decode(type, first, count, out);
               });
  }

  // The group of each column: GPTQ's `g_idx`, or runs of `group_size`.
  Result<std::vector<uint32_t>> groups_of(const std::string& name,
                                          const formats::GroupedWeight& weight,
                                          uint32_t group_size) {
    std::vector<uint32_t> groups(weight.cols);
    for (uint32_t col = 0; col < weight.cols; ++col) groups[col] = col / group_size;
    if (folder_.find(name) == nullptr) return groups;
    WEFT_ASSIGN(const SafeTensor* index, part(name, "I32", {weight.cols}));
    std::ranges::copy(index->data, std::as_writable_bytes(std::span(groups)).begin());
    const auto bad = std::ranges::find_if(groups, [&](uint32_t g) { return g >= weight.n_groups; });
    if (bad == groups.end()) return groups;
    return fail("Tensor {} has {} for column {}, and there are {} groups.", quote(name),
                static_cast<int32_t>(*bad), bad - groups.begin(), weight.n_groups);
  }

  Result<void> add_float8(const SafeTensor& elements, const std::string& stem) {
    if (elements.dtype != "F8_E4M3") return {};  // a layer that was left alone
    WEFT_TRY(expect_matrix(elements));
    formats::Float8Weight weight{.rows = narrow<uint32_t>(elements.shape[0]),
                                 .cols = narrow<uint32_t>(elements.shape[1]),
                                 .elements = elements.data};
    const SafeTensor* scales = folder_.find(stem + ".weight_scale");
    if (scales == nullptr) scales = folder_.find(stem + ".weight_scale_inv");
    if (scales == nullptr) return fail("Tensor {} is missing.", quote(stem + ".weight_scale"));
    WEFT_TRY(set_blocks(*scales, weight));
    WEFT_ASSIGN(weight.scales, floats_of(*scales));
    out_.parts.insert(elements.name);
    out_.parts.insert(scales->name);
    // Scales of activations, of which nothing is quantised here.
    for (const char* unused : {".input_scale", ".activation_scale", ".input_scale_ub"}) {
      out_.parts.insert(stem + unused);
    }
    return add(stem + ".weight", TensorType::kBF16, elements.shape, weight.rows,
               [&](uint32_t first, uint32_t count, std::span<std::byte> out) {
                 weight.decode(first, count, out);
               });
  }

  // The part of the matrix that a scale is for: the block of the configuration, a row, or all.
  Result<void> set_blocks(const SafeTensor& scales, formats::Float8Weight& weight) const {
    const uint64_t n =
        std::accumulate(scales.shape.begin(), scales.shape.end(), uint64_t{1}, std::multiplies<>());
    weight.block_rows = weight.rows;
    weight.block_cols = weight.cols;
    if (config_.block_rows != 0) {
      weight.block_rows = config_.block_rows;
      weight.block_cols = config_.block_cols;
    } else if (n == weight.rows) {
      weight.block_rows = 1;
    }
    const uint64_t wanted = uint64_t{ceil_div(weight.rows, weight.block_rows)} *
                            ceil_div(weight.cols, weight.block_cols);
    if (n == wanted) return {};
    return fail("Tensor {} has {} scales, and {} were wanted for [{}, {}].", quote(scales.name), n,
                wanted, weight.rows, weight.cols);
  }

  Result<void> add_mxfp4(const SafeTensor& blocks, const std::string& stem) {
    std::vector<uint64_t> shape = blocks.shape;
    if (blocks.dtype != "U8" || shape.size() < 3 || shape.back() != 16) {
      return fail("Tensor {} is {} {}, and U8 [..., rows, blocks, 16] was wanted.",
                  quote(blocks.name), blocks.dtype, shown(shape));
    }
    shape.pop_back();
    WEFT_ASSIGN(const SafeTensor* scales, part(stem + "_scales", "U8", shape));
    out_.parts.insert(blocks.name);
    shape.back() *= 32;
    const size_t n = scales->data.size();
    const size_t size = formats::info(TensorType::kMXFP4).block_bytes;
    std::vector<std::byte> data(n * size);
    formats::pack_mxfp4(blocks.data, scales->data, data);
    out_.weights[stem] = {TensorType::kMXFP4, std::move(shape), std::move(data)};
    return {};
  }

  Result<void> add_int8_blocks(const SafeTensor& elements, const std::string& stem) {
    const SafeTensor* scales = folder_.find(stem + "_scale");
    if (elements.dtype != "I8" || scales == nullptr) return {};  // another tensor of such a name
    WEFT_TRY(expect_matrix(elements));
    formats::Int8Weight weight{.rows = narrow<uint32_t>(elements.shape[0]),
                               .cols = narrow<uint32_t>(elements.shape[1]),
                               .elements = elements.data};
    WEFT_ASSIGN(weight.scales, floats_of(*scales));
    WEFT_ASSIGN(weight.block_cols, int8_block(*scales, weight));
    out_.parts.insert(elements.name);
    out_.parts.insert(scales->name);
    const TensorType type = weight.decoded_type();
    return add(stem.ends_with(".weight") ? stem : stem + ".weight", type, elements.shape,
               weight.rows, [&](uint32_t first, uint32_t count, std::span<std::byte> out) {
                 weight.decode(type, first, count, out);
               });
  }

  // Columns that share a scale: 64 where that gives as many scales as there are, else equal parts
  // of a row.
  static Result<uint32_t> int8_block(const SafeTensor& scales, const formats::Int8Weight& weight) {
    constexpr uint32_t kUsual = 64;
    const size_t in_row = weight.scales.size() / weight.rows;
    if (weight.scales.size() % weight.rows == 0 && in_row > 0) {
      if (in_row == ceil_div(weight.cols, kUsual)) return kUsual;
      if (weight.cols % in_row == 0) return narrow<uint32_t>(weight.cols / in_row);
    }
    return fail("Tensor {} has {} scales, and {} were wanted for [{}, {}] in blocks of {}.",
                quote(scales.name), weight.scales.size(),
                uint64_t{weight.rows} * ceil_div(weight.cols, kUsual), weight.rows, weight.cols,
                kUsual);
  }

  // `decode` writes rows [first, first + count) of `rows`.
  template <class Decode>
  Result<void> add(const std::string& name, TensorType type, const std::vector<uint64_t>& shape,
                   uint32_t rows, const Decode& decode) {
    if (folder_.find(name) != nullptr && !out_.parts.contains(name)) {
      return fail("Tensor {} is there beside its quantised parts.", quote(name));
    }
    const formats::TensorTypeInfo& to = formats::info(type);
    const size_t row_bytes = shape.back() / to.block_elements * to.block_bytes;
    std::vector<std::byte> data(rows * row_bytes);
    parallel_for(ceil_div(rows, kTaskRows), 0, [&](size_t task) {
      const auto first = static_cast<uint32_t>(task) * kTaskRows;
      const uint32_t count = std::min(kTaskRows, rows - first);
      decode(first, count, std::span(data).subspan(first * row_bytes, count * row_bytes));
    });
    out_.weights[name] = {type, shape, std::move(data)};
    return {};
  }

  const QuantizationConfig config_;
  const SafetensorsFolder& folder_;
  DecodedWeights out_;
};

}  // namespace

Result<DecodedWeights> decode_weights(const json& quantization, const SafetensorsFolder& folder) {
  WEFT_ASSIGN(const QuantizationConfig config, read_quantization_config(quantization));
  return Decoder(config, folder).decode();
}

Result<DecodedWeights> decode_named_weights(const SafetensorsFolder& folder) {
  return Decoder({.method = QuantizationMethod::kInt8Blocks}, folder).decode();
}

}  // namespace weft::model
