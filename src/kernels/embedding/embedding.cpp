#include "kernels/embedding/embedding.h"

#include <vector>

#include "base/checked.h"
#include "kernels/choose_weight.h"
#include "kernels/gen/embedding.wgsl.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 64;

Result<Dispatch> embedding(gpu::Device& device, const Embedding& shape, const Weight& weight,
                           const EmbeddingBuffers& buffers) {
  const WeightLayout& layout = weight.layout;
  if (layout.cols % 4 != 0) {
    return fail("An embedding of {} columns: they must be a multiple of 4 on the GPU.",
                layout.cols);
  }
  const uint32_t quads = layout.cols / 4;
  Variant shader{.kernel = "embedding",
                 .overrides = {{"WG", kLanes}, {"OF_POSITIONS", shape.of_positions ? 1.0 : 0.0}}};
  choose_weight(layout.format, shader);
  const gpu::Pipeline pipeline = device.pipeline(compose(shader));
  std::vector<gpu::Binding> bindings{buffers.rows, buffers.slot_tokens, buffers.x};
  weight.bind(bindings);
  return Dispatch{
      .label = "embedding",
      .pipeline = pipeline,
      .group = device.bind_group(pipeline, bindings, "embedding"),
      .immediates = Immediates(EmbeddingParams{.rows = 0,
                                               .quads = quads,
                                               .units = layout.units,
                                               .vocab = shape.vocab,
                                               .first_token = shape.first_token,
                                               .part_tokens = layout.rows,
                                               .scale = shape.scale}),
      .count = Count::kRows,
      .x = {.fixed = ceil_div(quads, kLanes)},
      .y = {.count = Count::kRows},
      .bytes_per_count = file_row_bytes(layout.format, layout.cols) + uint64_t{4} * layout.cols};
}

}  // namespace weft::kernels
