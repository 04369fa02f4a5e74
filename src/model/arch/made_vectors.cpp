#include "model/arch/made_vectors.h"

namespace weft::model {

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
