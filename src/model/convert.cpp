#include "model/convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "base/checked.h"
#include "formats/dequantize.h"
#include "formats/quote.h"
#include "model/arch/arch.h"
#include "model/convert_delta_net.h"
#include "model/convert_experts.h"
#include "model/load.h"
#include "model/rope.h"

namespace weft::model {
namespace {

using formats::quote;
using formats::TensorType;
using formats::TensorView;
using nlohmann::json;
using Bytes = std::vector<std::byte>;

// What is done to one tensor on its way.
struct Change {
  bool transpose = false;      // [cols, rows] becomes [rows, cols]
  uint32_t permute_heads = 0;  // rows of so many heads, see GgufRows; 0: they stay
  uint32_t group_queries = 0;  // query heads a KV head in a group, of group_kv_heads; 0: likewise
  uint32_t group_kv_heads = 0;
  std::optional<HeadMove> heads;
  bool to_f32 = false;
  float offset = 0;           // where to_f32
  bool is_logarithm = false;  // where to_f32: x becomes -exp(x)
};

// The row (of a vector: the element) that comes to place `row` of `rows`.
uint64_t source_row(const Change& change, uint64_t row, uint64_t rows) {
  if (change.permute_heads != 0) {
    const uint64_t head_dim = rows / change.permute_heads;
    const uint64_t i = row % head_dim;
    return row - i + i / 2 + (i % 2) * (head_dim / 2);
  }
  if (change.group_queries == 0) return row;
  const uint64_t kv = change.group_kv_heads;
  const uint64_t group = change.group_queries + 2;  // in heads
  const uint64_t head_dim = rows / (kv * group);
  const uint64_t head = row / head_dim;
  const uint64_t queries = kv * change.group_queries;
  uint64_t from = 0;
  if (head < queries) {
    from = head / change.group_queries * group + head % change.group_queries;
  } else {
    const uint64_t other = head - queries;  // all k, then all v
    from = other % kv * group + change.group_queries + other / kv;
  }
  return from * head_dim + row % head_dim;
}

Bytes transposed(const TensorView& tensor) {
  const size_t size =
      formats::info(tensor.type).block_bytes;  // what folders transpose has no blocks
  const uint64_t rows = tensor.rows();
  const uint64_t cols = tensor.cols();
  Bytes out(tensor.data.size());
  for (uint64_t row = 0; row < rows; ++row) {
    for (uint64_t col = 0; col < cols; ++col) {
      std::memcpy(out.data() + (col * rows + row) * size,
                  tensor.data.data() + (row * cols + col) * size, size);
    }
  }
  return out;
}

Bytes with_moved_rows(std::span<const std::byte> data, const Change& change, uint64_t rows) {
  const size_t row_bytes = data.size() / rows;
  Bytes out(data.size());
  for (uint64_t row = 0; row < rows; ++row) {
    std::memcpy(out.data() + row * row_bytes,
                data.data() + source_row(change, row, rows) * row_bytes, row_bytes);
  }
  return out;
}

Result<std::span<const std::byte>> changed(const TensorView& tensor, const Change& change,
                                           Bytes& made) {
  std::span<const std::byte> data = tensor.data;
  if (change.transpose) data = made = transposed(tensor);
  if (change.permute_heads != 0 || change.group_queries != 0) {
    data = made = with_moved_rows(data, change, tensor.n_dims == 1 ? tensor.cols() : tensor.rows());
  }
  if (change.heads) {
    WEFT_ASSIGN(made, with_moved_heads(tensor, *change.heads));
    data = made;
  }
  if (!change.to_f32) return data;
  std::vector<float> values(tensor.elements());
  WEFT_TRY(formats::dequantize(tensor.type, data, values));
  for (float& value : values) {
    value = change.is_logarithm ? -std::exp(value) : value + change.offset;
  }
  const auto bytes = std::as_bytes(std::span(values));
  made.assign(bytes.begin(), bytes.end());
  return made;
}

ImageTensor table(std::string name, std::vector<float> values) {
  return {.info = {.name = std::move(name), .type = TensorType::kF32, .dims = {values.size()}},
          .data = [values = std::move(values)](Bytes& made) -> Result<std::span<const std::byte>> {
            const auto bytes = std::as_bytes(std::span(values));
            made.assign(bytes.begin(), bytes.end());
            return made;
          }};
}

// What a file is called whose matrices have a type that folders may have.
FileType file_type_of(TensorType matrices) {
  switch (matrices) {
    case TensorType::kF16:
      return FileType::kF16;
    case TensorType::kBF16:
      return FileType::kBF16;
    case TensorType::kQ4_0:
      return FileType::kQ4_0;
    case TensorType::kQ5_0:
      return FileType::kQ5_0;
    case TensorType::kQ8_0:
      return FileType::kQ8_0;
    default:
      return FileType::kF32;
  }
}

// The first layer with a mixture of experts; null where there is none.
const LayerSpec* first_with_experts(const ModelSpec& spec) {
  const auto found =
      std::ranges::find_if(spec.layers, [](const auto& layer) { return !layer.experts.empty(); });
  return found == spec.layers.end() ? nullptr : &*found;
}

// There is one in every network.
const LayerSpec& first_with_attention(const ModelSpec& spec) {
  return *std::ranges::find_if(spec.layers,
                               [](const LayerSpec& layer) { return !layer.delta_net; });
}

constexpr std::string_view kSections = "rope.dimension_sections";

class Converter {
 public:
  Converter(const HfFolder& folder, const Architecture& architecture, const ModelSpec& spec)
      : architecture_(architecture),
        spec_(spec),
        first_(first_with_attention(spec)),
        sparse_(first_with_experts(spec)),
        delta_net_(first_delta_net(spec)),
        file_(folder, architecture.gguf, architecture.layout) {}

  Result<GgufImage> convert() {
    image_.mixture = {.architecture = std::string(architecture_.gguf),
                      .n_layers = narrow<uint32_t>(spec_.layers.size()),
                      .n_heads = first_.attention.n_heads,
                      .n_kv_heads = first_.attention.n_kv_heads,
                      .n_experts = sparse_ != nullptr ? sparse_->mlp.mixture->experts : 0,
                      .tied = spec_.tied_output};
    set_general();
    set_dimensions();
    WEFT_TRY(set_widths());
    WEFT_TRY(set_more());
    WEFT_TRY(set_rope());
    set_delta_net_keys(spec_, architecture_.gguf, image_.metadata);
    for (const std::string_view name : file_.tensor_names()) WEFT_TRY(add_tensor(name));
    for (size_t i = 0; i < spec_.layers.size(); ++i) {
      WEFT_TRY(add_experts(spec_.layers[i].experts, i, image_.tensors));
    }
    return std::move(image_);
  }

 private:
  template <class Value>
  void set(std::string_view key, Value value) {
    image_.metadata.set(fmt::format("{}.{}", architecture_.gguf, key), value);
  }

  void set_general() {
    image_.metadata.set("general.architecture", architecture_.gguf);
    image_.metadata.set("general.type", "model");
    image_.metadata.set("general.name", spec_.name);
    image_.metadata.set("general.quantization_version", 2U);
    const FileType type = file_type_of(first_.attn_output.tensor.type);
    image_.metadata.set("general.file_type", static_cast<uint32_t>(type));
  }

  void set_dimensions() {
    const Attention& attention = first_.attention;
    set("block_count", narrow<uint32_t>(spec_.layers.size()));
    set("context_length", spec_.context);
    set("embedding_length", spec_.embd);
    set("vocab_size", spec_.vocab);
    set("attention.head_count", attention.n_heads);
    set("attention.head_count_kv", attention.n_kv_heads);
    set("attention.key_length", attention.head_dim);
    set("attention.value_length", attention.head_dim);
    // Phi 3.5 MoE keeps the name that Phi 3 has for it, whose norms are of another kind.
    const bool is_rms = spec_.norm == NormKind::kRms || architecture_.gguf == "phimoe";
    set(is_rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
        spec_.norm_eps);
    const float usual = 1 / std::sqrt(static_cast<float>(attention.head_dim));
    if (std::abs(attention.scale - usual) > 1e-6F) set("attention.scale", attention.scale);
    uint32_t window = 0;
    for (const LayerSpec& layer : spec_.layers) {
      if (!layer.attention.chunked) window = std::max(window, layer.attention.window);
    }
    // Readers take a Phi 3 without this key for an old file of a model with a window.
    if (window != 0 || architecture_.gguf == "phi3") set("attention.sliding_window", window);
  }

  // A layer with a mixture has no use for the width that nearly all families state.
  Result<void> set_widths() {
    uint32_t ff = first_.mlp.ff;
    if (sparse_ != nullptr) {
      const bool is_stated = file_.has("feed_forward_length");
      WEFT_ASSIGN(ff, is_stated ? file_.u32("feed_forward_length") : 0U);
      const Mixture& mixture = *sparse_->mlp.mixture;
      set("expert_count", mixture.experts);
      set("expert_used_count", mixture.used);
      set("expert_feed_forward_length", mixture.ff);
      if (sparse_->mlp.ff != 0) set("expert_shared_feed_forward_length", sparse_->mlp.ff);
    }
    if (ff != 0) set("feed_forward_length", ff);
    return {};
  }

  // Keys that folders and GGUF files have in common, where the folder has them.
  Result<void> set_more() {
    constexpr std::string_view kNumbers[] = {"attn_logit_softcapping",
                                             "final_logit_softcapping",
                                             "embedding_scale",
                                             "residual_scale",
                                             "logit_scale",
                                             "rope.freq_base_swa",
                                             "attention.temperature_scale"};
    for (const std::string_view key : kNumbers) {
      if (!file_.has(key)) continue;
      WEFT_ASSIGN(const float value, file_.f32(key));
      set(key, value);
    }
    for (const std::string_view key :
         {"attention.chunk_size", "attention.temperature_length", "interleave_moe_layer_step"}) {
      if (!file_.has(key)) continue;
      WEFT_ASSIGN(const uint32_t value, file_.u32(key));
      set(key, value);
    }
    constexpr std::string_view kQkNorm = "use_qk_norm";
    if (file_.has(kQkNorm)) {
      WEFT_ASSIGN(const bool value, file_.flag(kQkNorm));
      image_.metadata.set_flag(fmt::format("{}.{}", architecture_.gguf, kQkNorm), value);
    }
    constexpr std::string_view kParallel = "use_parallel_residual";
    if (std::ranges::find(architecture_.keys, kParallel) != architecture_.keys.end()) {
      image_.metadata.set_flag(fmt::format("{}.{}", architecture_.gguf, kParallel),
                               first_.parallel);
    }
    return {};
  }

  // The spec was made from the same parameters, so that their kinds are right.
  Result<void> set_rope() {
    const Rope& rope = first_.attention.rope;
    if (rope.dims == 0) return {};
    set("rope.dimension_count", rope.dims);
    if (file_.has("rope.freq_base")) {
      WEFT_ASSIGN(const float base, file_.f32("rope.freq_base"));
      set("rope.freq_base", base);
    }
    const json* parameters = rope_parameters(*file_.config(), "full_attention");
    if (parameters == nullptr) return {};
    if (parameters->contains("rope_theta")) {
      set("rope.freq_base", parameters->at("rope_theta").get<float>());
    }
    if (std::ranges::find(architecture_.keys, kSections) != architecture_.keys.end()) {
      set_sections(*parameters);
    }
    const json* local = rope_parameters(*file_.config(), "sliding_attention");
    if (local != parameters && local->contains("rope_theta")) {
      set("rope.freq_base_swa", local->at("rope_theta").get<float>());
    }
    return set_scaling(*parameters);
  }

  // Readers want four of them, those of the family where the folder has none.
  void set_sections(const json& parameters) {
    const std::vector<int32_t> usual{11, 11, 10};
    auto sections = parameters.value("mrope_section", usual);
    sections.resize(4);
    image_.metadata.set(fmt::format("{}.{}", architecture_.gguf, kSections),
                        std::span<const int32_t>(sections));
  }

  Result<void> set_scaling(const json& parameters) {
    std::string type = parameters.value("rope_type", parameters.value("type", "default"));
    const Rope& rope = first_.attention.rope;
    if (type == "linear" || type == "yarn") {
      set("rope.scaling.type", std::string_view(type));
      set("rope.scaling.factor", parameters.at("factor").get<float>());
    }
    if (type == "yarn" || type == "longrope" || type == "su") {
      WEFT_ASSIGN(const uint32_t original, original_context(parameters));
      set("rope.scaling.original_context_length", original);
      set("rope.scaling.attn_factor", rope.magnitude);
    }
    for (const char* beta : {"beta_fast", "beta_slow"}) {
      if (type != "yarn" || !parameters.contains(beta)) continue;
      set(fmt::format("rope.scaling.yarn_{}", beta), parameters.at(beta).get<float>());
    }
    if (type == "longrope" || type == "su") {
      for (const char* length : {"long", "short"}) {
        image_.tensors.push_back(
            table(fmt::format("rope_factors_{}.weight", length),
                  parameters.at(fmt::format("{}_factor", length)).get<std::vector<float>>()));
      }
    }
    if (type == "llama3") add_frequencies(parameters);
    return {};
  }

  Result<uint32_t> original_context(const json& parameters) const {
    constexpr const char* kName = "original_max_position_embeddings";
    if (parameters.contains(kName)) return parameters.at(kName).get<uint32_t>();
    constexpr std::string_view kKey = "rope.scaling.original_context_length";
    return file_.has(kKey) ? file_.u32(kKey) : Result<uint32_t>(spec_.context);
  }

  // What each pair's frequency is divided by: GGUF has Llama 3's scaling as a table.
  void add_frequencies(const json& parameters) {
    const Rope& rope = first_.attention.rope;
    const double base = parameters.value("rope_theta", file_.f32("rope.freq_base").value_or(10000));
    std::vector<float> factors;
    for (size_t i = 0; i < rope.inv_freq.size(); ++i) {
      const double plain = std::pow(base, -2.0 * static_cast<double>(i) / rope.dims);
      factors.push_back(static_cast<float>(plain / static_cast<double>(rope.inv_freq[i])));
    }
    image_.tensors.push_back(table("rope_freqs.weight", std::move(factors)));
  }

  Result<void> add_tensor(std::string_view theirs) {
    const std::optional<std::string> name = file_.gguf_name(theirs);
    if (!name) return fail("Tensor {} has no name in GGUF files.", quote(theirs));
    if (*name == "output.weight" && spec_.tied_output) return {};
    if (is_of_experts(*name)) return {};
    WEFT_ASSIGN(const auto view, file_.find_tensor(*name));
    CHECK(view.has_value());
    formats::GgufTensorInfo info{.name = *name,
                                 .type = view->type,
                                 .dims = {view->dims.begin(), view->dims.begin() + view->n_dims}};
    const Change change = change_of(info);
    if (change.to_f32) info.type = TensorType::kF32;
    if (change.transpose) std::swap(info.dims[0], info.dims[1]);
    while (info.dims.size() > 1 && info.dims.back() == 1) info.dims.pop_back();
    image_.tensors.push_back(
        {.info = std::move(info),
         .data = [tensor = *view, change](Bytes& made) { return changed(tensor, change, made); }});
    return {};
  }

  Change change_of(const formats::GgufTensorInfo& tensor) const {
    const auto has = [&](std::string_view part) { return tensor.name.contains(part); };
    const Attention& attention = first_.attention;
    const GgufRows& rows = architecture_.gguf_rows;
    Change change{.transpose = file_.is_transposed(tensor.name),
                  .to_f32 = !is_quantizable(tensor),
                  .offset = has("norm.weight") && !has(".ssm_norm.") ? rows.norm_offset : 0,
                  .is_logarithm = has(".ssm_a") && !has(".ssm_alpha.")};
    if (rows.deals_v_heads && delta_net_ != nullptr) {
      change.heads = head_move(tensor.name, *delta_net_);
    }
    if (rows.permutes_qk && has(".attn_q.")) change.permute_heads = attention.n_heads;
    if (rows.permutes_qk && has(".attn_k.")) change.permute_heads = attention.n_kv_heads;
    if (rows.groups_qkv && has(".attn_qkv.")) {
      change.group_kv_heads = attention.n_kv_heads;
      change.group_queries = attention.n_heads / attention.n_kv_heads;
    }
    return change;
  }

  const Architecture& architecture_;
  const ModelSpec& spec_;
  const LayerSpec& first_;
  const LayerSpec* sparse_;    // the first with a mixture, or null
  const DeltaNet* delta_net_;  // likewise
  HfModel file_;
  GgufImage image_;
};

}  // namespace

Result<GgufImage> image_of(const HfFolder& folder) {
  WEFT_ASSIGN(const Architecture* architecture, find_architecture(folder));
  WEFT_ASSIGN(ModelSpec spec, spec_from_folder(folder));
  WEFT_ASSIGN(GgufImage image, Converter(folder, *architecture, spec).convert());
  image.check = [spec = std::move(spec)](const formats::GgufFile& written) -> Result<void> {
    WEFT_ASSIGN(const ModelSpec got, spec_from_gguf(written));
    return expect_same_network(spec, got, "A GGUF file");
  };
  return image;
}

}  // namespace weft::model
