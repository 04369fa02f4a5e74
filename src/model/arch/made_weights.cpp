#include "model/arch/made_weights.h"

namespace weft::model {

Weight made_of_rows(Source& source, const Weight& all, std::span<const Rows> rows) {
  const size_t row_bytes = all.tensor.data.size() / all.rows;
  Weight out = all;
  out.rows = 0;
  for (const Rows& part : rows) out.rows += part.count;
  out.tensor.dims[1] = out.rows;
  const std::span<std::byte> made = source.make(out.rows * row_bytes);
  auto to = made.begin();
  for (const Rows& part : rows) {
    const auto from = all.tensor.data.subspan(part.first * row_bytes, part.count * row_bytes);
    to = std::ranges::copy(from, to).out;
  }
  out.tensor.data = made;
  return out;
}

Weight vector_of_ones(Source& source, uint32_t size) {
  const std::span<std::byte> made = source.make(size * sizeof(float));
  std::ranges::fill(std::span(reinterpret_cast<float*>(made.data()), size), 1.0F);
  return {.tensor = {.name = "ones",
                     .type = formats::TensorType::kF32,
                     .n_dims = 1,
                     .dims = {size, 1, 1, 1},
                     .data = made,
                     .offset = 0},
          .rows = 1,
          .cols = size};
}

Result<void> add_one_to_norms(Source& source, ModelSpec& spec) {
  const auto add_one = [](float& w) { w += 1; };
  WEFT_TRY(remake(source, spec.output_norm, add_one));
  for (LayerSpec& layer : spec.layers) {
    for (auto* norm : {&layer.attn_norm, &layer.attn_q_norm, &layer.attn_k_norm,
                       &layer.attn_post_norm, &layer.ffn_norm, &layer.ffn_post_norm}) {
      if (*norm) WEFT_TRY(remake(source, **norm, add_one));
    }
  }
  return {};
}

}  // namespace weft::model
