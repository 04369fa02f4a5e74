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
                  .normalized = recipe.routing->normalized};
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

Result<void> read_experts(Source& source, uint32_t index, uint32_t embd, LayerSpec& layer) {
  const Mixture& mixture = *layer.mlp.mixture;
  const uint32_t n = mixture.experts;
  const std::string router = in_block(index, "ffn_gate_inp.weight");
  WEFT_TRY(expect_experts(source, router, n));
  WEFT_ASSIGN(layer.ffn_router, source.matrix(router, n, embd));
  WEFT_ASSIGN(auto gate, read_matrices(source, index, "ffn_gate", n, mixture.ff, embd));
  WEFT_ASSIGN(auto up, read_matrices(source, index, "ffn_up", n, mixture.ff, embd));
  WEFT_ASSIGN(auto down, read_matrices(source, index, "ffn_down", n, embd, mixture.ff));
  for (uint32_t i = 0; i < n; ++i) {
    layer.experts.push_back(
        {.gate = std::move(gate[i]), .up = std::move(up[i]), .down = std::move(down[i])});
  }
  return layer.mlp.ff == 0 ? Result<void>() : read_shared(source, index, embd, layer);
}

}  // namespace weft::model
