#include "model/arch/mixture.h"

#include <algorithm>

#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::quote;

std::string in_block(uint32_t index, std::string_view role) {
  return fmt::format("blk.{}.{}", index, role);
}

// The field is to blame where the router has another number of rows.
Result<void> expect_experts(const Source& source, const std::string& router, uint32_t experts) {
  WEFT_ASSIGN(const auto tensor, source.file().find_tensor(router));
  if (!tensor || tensor->dims[1] == experts) return {};
  return fail("{} is {}, and tensor {} has {} rows.", source.file().describe("expert_count"),
              experts, quote(tensor->name), tensor->dims[1]);
}

// Of every expert the matrix that `role` names.
Result<std::vector<Weight>> read_matrices(Source& source, uint32_t index, std::string_view role,
                                          uint32_t experts, uint32_t rows, uint32_t cols) {
  const std::string merged = fmt::format("blk.{}.{}_exps.weight", index, role);
  const auto name = [&](uint32_t expert) {
    return fmt::format("blk.{}.{}.{}.weight", index, role, expert);
  };
  WEFT_ASSIGN(const bool is_merged, source.has_tensor(merged));
  WEFT_ASSIGN(const bool is_apart, source.has_tensor(name(0)));
  if (is_merged || (source.is_gguf() && !is_apart)) {
    return source.matrices(merged, experts, rows, cols);
  }
  std::vector<Weight> matrices;
  for (uint32_t expert = 0; expert < experts; ++expert) {
    WEFT_ASSIGN(Weight matrix, source.matrix(name(expert), rows, cols));
    matrices.push_back(std::move(matrix));
  }
  return matrices;
}

// Of gate (part 0) or up (part 1) what lies in the rows, or elements, of both.
Weight part_of(Source& source, const Weight& both, FusedRows fused, uint32_t part) {
  const bool is_vector = both.rows == 1;
  const uint32_t ff = (is_vector ? both.cols : both.rows) / 2;
  const size_t bytes = both.tensor.data.size() / (2 * size_t{ff});  // of a row or element
  Weight out = both;
  (is_vector ? out.cols : out.rows) = ff;
  out.tensor.dims[is_vector ? 0 : 1] = ff;
  if (fused == FusedRows::kHalves) {
    out.tensor.data = both.tensor.data.subspan(part * ff * bytes, ff * bytes);
    out.tensor.offset += part * ff * bytes;
    return out;
  }
  const std::span<std::byte> made = source.make(ff * bytes);
  for (size_t row = 0; row < ff; ++row) {
    std::ranges::copy(both.tensor.data.subspan((2 * row + part) * bytes, bytes),
                      made.subspan(row * bytes).begin());
  }
  out.tensor.data = made;
  return out;
}

Result<void> read_gates_and_ups(Source& source, const Routing& routing, uint32_t index,
                                uint32_t embd, LayerSpec& layer) {
  const Mixture& mixture = *layer.mlp.mixture;
  const uint32_t n = mixture.experts;
  const std::string fused = in_block(index, "ffn_gate_up_exps.weight");
  WEFT_ASSIGN(const bool is_fused, source.has_tensor(fused));
  if (is_fused) {
    WEFT_ASSIGN(const auto both, source.matrices(fused, n, 2 * mixture.ff, embd));
    for (uint32_t i = 0; i < n; ++i) {
      layer.experts[i].gate = part_of(source, both[i], routing.fused, 0);
      layer.experts[i].up = part_of(source, both[i], routing.fused, 1);
    }
    return {};
  }
  WEFT_ASSIGN(auto gate, read_matrices(source, index, "ffn_gate", n, mixture.ff, embd));
  WEFT_ASSIGN(auto up, read_matrices(source, index, "ffn_up", n, mixture.ff, embd));
  for (uint32_t i = 0; i < n; ++i) {
    layer.experts[i].gate = std::move(gate[i]);
    layer.experts[i].up = std::move(up[i]);
  }
  return {};
}

// Of every expert the bias that `role` names, where there are such.
Result<void> read_biases(Source& source, uint32_t index, std::string_view role, uint32_t size,
                         std::optional<Weight> Expert::* bias, LayerSpec& layer) {
  const std::string name = fmt::format("blk.{}.{}_exps.bias", index, role);
  WEFT_ASSIGN(const bool is_there, source.has_tensor(name));
  if (!is_there) return {};
  WEFT_ASSIGN(auto biases, source.vectors(name, static_cast<uint32_t>(layer.experts.size()), size));
  for (size_t i = 0; i < biases.size(); ++i) layer.experts[i].*bias = std::move(biases[i]);
  return {};
}

Result<void> read_all_biases(Source& source, const Routing& routing, uint32_t index, uint32_t embd,
                             LayerSpec& layer) {
  const uint32_t ff = layer.mlp.mixture->ff;
  // Both in the place of one, until they are taken apart.
  WEFT_TRY(read_biases(source, index, "ffn_gate_up", 2 * ff, &Expert::gate_bias, layer));
  for (Expert& expert : layer.experts) {
    if (!expert.gate_bias) continue;
    const Weight both = *expert.gate_bias;
    expert.gate_bias = part_of(source, both, routing.fused, 0);
    expert.up_bias = part_of(source, both, routing.fused, 1);
  }
  WEFT_TRY(read_biases(source, index, "ffn_gate", ff, &Expert::gate_bias, layer));
  WEFT_TRY(read_biases(source, index, "ffn_up", ff, &Expert::up_bias, layer));
  return read_biases(source, index, "ffn_down", embd, &Expert::down_bias, layer);
}

Result<void> read_shared(Source& source, uint32_t index, uint32_t embd, LayerSpec& layer) {
  const uint32_t ff = layer.mlp.ff;
  const auto name = [index](std::string_view role) { return in_block(index, role); };
  WEFT_ASSIGN(layer.ffn_gate, source.matrix(name("ffn_gate_shexp.weight"), ff, embd));
  WEFT_ASSIGN(layer.ffn_up, source.matrix(name("ffn_up_shexp.weight"), ff, embd));
  WEFT_ASSIGN(layer.ffn_down, source.matrix(name("ffn_down_shexp.weight"), embd, ff));
  WEFT_ASSIGN(layer.ffn_shared_router,
              source.matrix_if_present(name("ffn_gate_inp_shexp.weight"), 1, embd));
  return {};
}

}  // namespace

Result<std::optional<Mixture>> read_mixture(const Source& source, const Recipe& recipe) {
  WEFT_ASSIGN(const uint32_t experts, source.count_or_zero("expert_count"));
  if (experts == 0) return std::nullopt;
  if (!recipe.routing) {
    return fail("{} is {}: architecture {} is supported without experts.",
                source.file().describe("expert_count"), experts,
                quote(source.file().architecture()));
  }
  Mixture mixture{.experts = experts,
                  .router = recipe.routing->router,
                  .normalized = recipe.routing->normalized,
                  .weighs_inputs = recipe.routing->weighs_inputs};
  WEFT_TRY(source.count("expert_count", kMaxExperts));
  WEFT_ASSIGN(mixture.used, source.count("expert_used_count", std::min(experts, kMaxExpertsUsed)));
  const bool has_width = source.has("expert_feed_forward_length");
  WEFT_ASSIGN(mixture.ff,
              source.count(has_width ? "expert_feed_forward_length" : "feed_forward_length",
                           kAny / kMaxExperts));
  return mixture;
}

Result<bool> has_router(const Source& source, uint32_t index) {
  return source.has_tensor(in_block(index, "ffn_gate_inp.weight"));
}

Result<void> read_experts(Source& source, const Routing& routing, uint32_t index, uint32_t embd,
                          LayerSpec& layer) {
  const Mixture& mixture = *layer.mlp.mixture;
  const uint32_t n = mixture.experts;
  const std::string router = in_block(index, "ffn_gate_inp.weight");
  WEFT_TRY(expect_experts(source, router, n));
  WEFT_ASSIGN(layer.ffn_router, source.matrix(router, n, embd));
  WEFT_ASSIGN(layer.ffn_router_bias,
              source.vector_if_present(in_block(index, "ffn_gate_inp.bias"), n));
  layer.experts.resize(n);
  WEFT_TRY(read_gates_and_ups(source, routing, index, embd, layer));
  WEFT_ASSIGN(auto down, read_matrices(source, index, "ffn_down", n, embd, mixture.ff));
  for (uint32_t i = 0; i < n; ++i) layer.experts[i].down = std::move(down[i]);
  WEFT_TRY(read_all_biases(source, routing, index, embd, layer));
  return layer.mlp.ff == 0 ? Result<void>() : read_shared(source, index, embd, layer);
}

}  // namespace weft::model
