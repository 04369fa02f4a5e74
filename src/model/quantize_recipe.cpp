#include "model/quantize_recipe.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <vector>

#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::GgufTensorInfo;
using formats::TensorType;
using enum formats::TensorType;

constexpr QuantizeType kQuantizeTypes[] = {
    {"F32", kF32, FileType::kF32},          {"F16", kF16, FileType::kF16},
    {"BF16", kBF16, FileType::kBF16},       {"Q8_0", kQ8_0, FileType::kQ8_0},
    {"Q6_K", kQ6_K, FileType::kQ6_K},       {"Q5_K_M", kQ5_K, FileType::kQ5_K_M},
    {"Q5_K_S", kQ5_K, FileType::kQ5_K_S},   {"Q5_1", kQ5_1, FileType::kQ5_1},
    {"Q5_0", kQ5_0, FileType::kQ5_0},       {"Q4_K_M", kQ4_K, FileType::kQ4_K_M},
    {"Q4_K_S", kQ4_K, FileType::kQ4_K_S},   {"Q4_1", kQ4_1, FileType::kQ4_1},
    {"Q4_0", kQ4_0, FileType::kQ4_0},       {"IQ4_NL", kIQ4_NL, FileType::kIQ4_NL},
    {"IQ4_XS", kIQ4_XS, FileType::kIQ4_XS}, {"MXFP4", kMXFP4, FileType::kMXFP4_MOE},
    {"Q3_K_L", kQ3_K, FileType::kQ3_K_L},   {"Q3_K_M", kQ3_K, FileType::kQ3_K_M},
    {"Q3_K_S", kQ3_K, FileType::kQ3_K_S},   {"Q2_K", kQ2_K, FileType::kQ2_K},
    {"Q2_K_S", kQ2_K, FileType::kQ2_K_S},
};

struct Alias {
  std::string_view alias, name;
};
constexpr Alias kAliases[] = {{"Q3_K", "Q3_K_M"}, {"Q4_K", "Q4_K_M"}, {"Q5_K", "Q5_K_M"}};

// What a tensor is to a mixture.
enum class Part : uint8_t { kHead, kEmbedding, kV, kK, kAttnOutput, kDown, kOther };

Part part_of(const GgufTensorInfo& tensor, bool tied) {
  const auto has = [&](std::string_view text) { return tensor.name.contains(text); };
  if (tensor.name == "output.weight") return Part::kHead;
  if (tensor.name == "token_embd.weight") return tied ? Part::kHead : Part::kEmbedding;
  if (has("attn_v.weight") || has("attn_qkv.weight") || has("attn_kv_b.weight")) return Part::kV;
  if (has("attn_k.weight")) return Part::kK;
  if (has("attn_output.weight")) return Part::kAttnOutput;
  if (has("ffn_down")) return Part::kDown;
  return Part::kOther;
}

// "blk.12.ffn_down.weight": 12; 0 where the tensor is in no layer.
uint32_t layer_of(std::string_view name) {
  constexpr std::string_view kBlock = "blk.";
  uint32_t layer = 0;
  if (name.starts_with(kBlock)) {
    std::from_chars(name.data() + kBlock.size(), name.data() + name.size(), layer);
  }
  return layer;
}

// The first and last eighth of the layers, and every third of those between.
bool gets_more_bits(uint32_t layer, uint32_t n) {
  return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
}

TensorType head_type(const QuantizeType& wanted, const MixtureModel& model,
                     const GgufTensorInfo& tensor) {
  if (wanted.type == kMXFP4 || wanted.type == kQ8_0 || model.architecture == "falcon") return kQ8_0;
  const bool is_whole = tensor.dims.front() % formats::info(wanted.type).block_elements == 0;
  return is_whole ? kQ6_K : kQ8_0;
}

TensorType v_type_by_name(const QuantizeType& wanted, const MixtureModel& model, uint32_t layer) {
  const bool shares = model.n_heads / model.n_kv_heads >= 4;
  switch (wanted.file_type) {
    case FileType::kQ2_K:
      return shares ? kQ4_K : kQ3_K;
    case FileType::kQ2_K_S:
      return shares ? kQ4_K : kQ2_K;
    case FileType::kQ3_K_M:
      return layer < 2 ? kQ5_K : kQ4_K;
    case FileType::kQ3_K_L:
      return kQ5_K;
    case FileType::kIQ4_NL:
    case FileType::kIQ4_XS:
      return shares ? kQ5_K : wanted.type;
    case FileType::kQ4_K_S:
      return layer < 4 ? kQ5_K : kQ4_K;
    case FileType::kQ4_K_M:
    case FileType::kQ5_K_M:
      return gets_more_bits(layer, model.n_layers) ? kQ6_K : wanted.type;
    default:
      return wanted.type;
  }
}

TensorType v_type(const QuantizeType& wanted, const MixtureModel& model, uint32_t layer) {
  if (model.n_experts == 8) return kQ8_0;
  const TensorType type = v_type_by_name(wanted, model, layer);
  // Llama 70B and Qwen 72B: eight heads share V, so that it is small.
  const bool is_70b = model.n_layers == 80 && model.n_heads != model.n_kv_heads &&
                      (model.architecture == "llama" || model.architecture == "qwen2");
  return is_70b && (type == kQ3_K || type == kQ4_K) ? kQ5_K : type;
}

TensorType down_type(const QuantizeType& wanted, const MixtureModel& model, uint32_t layer) {
  const bool is_falcon = model.architecture == "falcon";
  const uint32_t n = model.n_layers;
  const bool is_early = layer < n / 8;
  const bool more = gets_more_bits(layer, n);
  switch (wanted.file_type) {
    case FileType::kQ2_K:
      return kQ3_K;
    case FileType::kQ2_K_S:
      return is_early ? kQ4_K : kQ2_K;
    case FileType::kQ3_K_M:
      if (layer < n / 16) return kQ5_K;
      return !is_falcon || more ? kQ4_K : kQ3_K;
    case FileType::kQ3_K_L:
      return is_falcon ? kQ4_K : kQ5_K;
    case FileType::kQ4_K_M:
      if (is_falcon && layer >= n / 16) return more ? kQ5_K : kQ4_K;
      return is_falcon || more ? kQ6_K : kQ4_K;
    case FileType::kQ5_K_M:
      return more ? kQ6_K : kQ5_K;
    case FileType::kQ4_K_S:
      return !is_falcon && is_early ? kQ5_K : kQ4_K;
    case FileType::kIQ4_NL:
    case FileType::kIQ4_XS:
      return is_early && !model.has_importance ? kQ5_K : wanted.type;
    case FileType::kQ4_0:
      return is_early && model.has_importance ? kQ4_1 : kQ4_0;
    case FileType::kQ5_0:
      return is_early && model.has_importance ? kQ5_1 : kQ5_0;
    default:
      return wanted.type;
  }
}

TensorType attn_output_type(const QuantizeType& wanted, const MixtureModel& model) {
  const FileType file_type = wanted.file_type;
  if (model.architecture == "falcon") return file_type == FileType::kQ3_K_L ? kQ4_K : wanted.type;
  if (model.n_experts == 8) {
    constexpr FileType kFive[] = {FileType::kQ2_K,   FileType::kQ3_K_S, FileType::kQ3_K_M,
                                  FileType::kQ4_K_S, FileType::kQ4_K_M, FileType::kIQ4_NL,
                                  FileType::kIQ4_XS};
    return std::ranges::find(kFive, file_type) != std::end(kFive) ? kQ5_K : wanted.type;
  }
  if (file_type == FileType::kQ2_K) return kQ3_K;
  if (file_type == FileType::kQ3_K_M) return kQ4_K;
  if (file_type == FileType::kQ3_K_L) return kQ5_K;
  return wanted.type;
}

// For rows that are no whole blocks of a type: one of 32 elements a block that is not worse.
TensorType with_smaller_blocks(TensorType type) {
  switch (type) {
    case kQ2_K:
    case kQ3_K:
      return kQ4_0;
    case kQ4_K:
      return kQ5_0;
    case kQ5_K:
      return kQ5_1;
    case kQ6_K:
      return kQ8_0;
    case kIQ4_XS:
      return kIQ4_NL;
    default:
      return type;
  }
}

TensorType that_fits(TensorType type, const GgufTensorInfo& tensor) {
  for (const TensorType fitting : {type, with_smaller_blocks(type)}) {
    if (tensor.dims.front() % formats::info(fitting).block_elements == 0) return fitting;
  }
  return kF16;
}

}  // namespace

std::span<const QuantizeType> quantize_types() { return kQuantizeTypes; }

Result<QuantizeType> find_quantize_type(std::string_view name) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  const auto* alias = std::ranges::find(kAliases, upper, &Alias::alias);
  if (alias != std::end(kAliases)) upper = alias->name;
  const auto* found = std::ranges::find(kQuantizeTypes, upper, &QuantizeType::name);
  if (found != std::end(kQuantizeTypes)) return *found;
  std::vector<std::string_view> names;
  for (const QuantizeType& type : kQuantizeTypes) names.push_back(type.name);
  return fail("There is no type {}; there are: {}.", formats::quote(name), fmt::join(names, ", "));
}

bool is_quantizable(const GgufTensorInfo& tensor) {
  constexpr std::string_view kKept[] = {"_norm.weight", "ffn_gate_inp.weight", "position_embd",
                                        "token_types",  "ssm_conv1d",          "shortconv.conv"};
  const auto is_kept = [&](std::string_view part) { return tensor.name.contains(part); };
  const bool is_matrix =
      std::ranges::any_of(std::span(tensor.dims).subspan(1), [](uint64_t dim) { return dim > 1; });
  return is_matrix && tensor.name.ends_with("weight") && !std::ranges::any_of(kKept, is_kept);
}

TensorType mixed_type(const QuantizeType& wanted, const MixtureModel& model,
                      const GgufTensorInfo& tensor) {
  if (formats::info(wanted.type).block_elements == 1) return wanted.type;
  const auto choose = [&] {
    const uint32_t layer = layer_of(tensor.name);
    const Part part = part_of(tensor, model.tied);
    if (part == Part::kHead) return head_type(wanted, model, tensor);
    if (wanted.type == kMXFP4) {  // of the experts; all else has eight bits
      return tensor.dims.size() > 2 && tensor.dims[2] > 1 ? kMXFP4 : kQ8_0;
    }
    if (part == Part::kV) return v_type(wanted, model, layer);
    if (part == Part::kK) return model.n_experts == 8 ? kQ8_0 : wanted.type;
    if (part == Part::kDown) return down_type(wanted, model, layer);
    if (part == Part::kAttnOutput) return attn_output_type(wanted, model);
    return wanted.type;
  };
  return that_fits(choose(), tensor);
}

TensorType pure_type(const QuantizeType& wanted, const GgufTensorInfo& tensor) {
  return that_fits(wanted.type, tensor);
}

}  // namespace weft::model
