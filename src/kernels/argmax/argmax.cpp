#include "kernels/argmax/argmax.h"

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/argmax_parts.wgsl.h"
#include "kernels/gen/argmax_pick.wgsl.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kPartLanes = 256;
constexpr uint32_t kPickLanes = 64;
constexpr uint32_t kPartLogits = 4096;  // of one workgroup, about: few enough to fill a GPU
constexpr uint32_t kCandidateBytes = 8;

uint32_t parts_of(uint32_t vocab) { return ceil_div(vocab, kPartLogits); }

}  // namespace

uint64_t argmax_scratch_bytes(uint32_t vocab, uint32_t max_outputs) {
  return uint64_t{kCandidateBytes} * parts_of(vocab) * max_outputs;
}

std::array<Dispatch, 2> argmax(gpu::Device& device, uint32_t vocab, const ArgmaxBuffers& buffers) {
  const uint32_t parts = parts_of(vocab);
  const gpu::Pipeline parts_pipeline =
      device.pipeline(compose({.kernel = "argmax_parts", .overrides = {{"WG", kPartLanes}}}));
  const std::array parts_bindings{buffers.logits, buffers.scratch};
  const gpu::Pipeline pick_pipeline =
      device.pipeline(compose({.kernel = "argmax_pick", .overrides = {{"WG", kPickLanes}}}));
  const std::array pick_bindings{buffers.scratch, buffers.rows, buffers.outputs, buffers.sampled,
                                 buffers.slot_tokens};
  return {Dispatch{.label = "argmax_parts",
                   .pipeline = parts_pipeline,
                   .group = device.bind_group(parts_pipeline, parts_bindings, "argmax_parts"),
                   .immediates = Immediates(ArgmaxPartsParams{.outputs = 0, .vocab = vocab}),
                   .count = Count::kOutputs,
                   .x = {.fixed = parts},
                   .y = {.count = Count::kOutputs},
                   .bytes_per_count = uint64_t{4} * vocab},
          Dispatch{.label = "argmax_pick",
                   .pipeline = pick_pipeline,
                   .group = device.bind_group(pick_pipeline, pick_bindings, "argmax_pick"),
                   .immediates = Immediates(ArgmaxPickParams{.outputs = 0, .parts = parts}),
                   .count = Count::kOutputs,
                   .y = {.count = Count::kOutputs},
                   .bytes_per_count = uint64_t{kCandidateBytes} * parts}};
}

}  // namespace weft::kernels
