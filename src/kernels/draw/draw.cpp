#include "kernels/draw/draw.h"

#include "kernels/compose.h"
#include "kernels/gen/draw.wgsl.h"
#include "kernels/gen/edit_logits.wgsl.h"
#include "kernels/top_k/top_k.h"

namespace weft::kernels {

Result<std::array<Dispatch, 4>> draw(gpu::Device& device, const DrawShape& shape,
                                     const DrawBuffers& buffers) {
  const gpu::Pipeline edit_pipeline = device.pipeline(
      compose({.kernel = "edit_logits",
               .overrides = {{"MAX_EDITS", static_cast<double>(shape.max_edits)}}}));
  const std::array edit_bindings{buffers.rules, buffers.edits,   buffers.drawn_tokens,
                                 buffers.rows,  buffers.outputs, buffers.logits};
  WEFT_ASSIGN(
      auto top,
      top_k(device, shape.vocab,
            {.logits = buffers.logits, .scratch = buffers.scratch, .top = buffers.candidates}));
  const gpu::Pipeline draw_pipeline = device.pipeline(compose({.kernel = "draw"}));
  const std::array draw_bindings{buffers.candidates,  buffers.rules,   buffers.rows,
                                 buffers.outputs,     buffers.sampled, buffers.slot_tokens,
                                 buffers.drawn_tokens};
  return std::array{
      Dispatch{.label = "edit_logits",
               .pipeline = edit_pipeline,
               .group = device.bind_group(edit_pipeline, edit_bindings, "edit_logits"),
               .immediates = Immediates(EditLogitsParams{.outputs = 0, .vocab = shape.vocab}),
               .count = Count::kOutputs,
               .y = {.count = Count::kOutputs},
               .bytes_per_count = sizeof(DrawRule)},
      std::move(top[0]), std::move(top[1]),
      Dispatch{.label = "draw",
               .pipeline = draw_pipeline,
               .group = device.bind_group(draw_pipeline, draw_bindings, "draw"),
               .immediates = Immediates(DrawParams{.outputs = 0, .vocab = shape.vocab}),
               .count = Count::kOutputs,
               .y = {.count = Count::kOutputs},
               .bytes_per_count = sizeof(DrawRule) + kTopK * sizeof(Candidate)}};
}

}  // namespace weft::kernels
