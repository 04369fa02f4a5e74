#include "kernels/top_k/top_k.h"

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/top_k_logits.wgsl.h"
#include "kernels/gen/top_k_merge.wgsl.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kPartEntries = 256 * 16;  // kLanes * kOwnEntries of lib/top_k.wgsl
constexpr uint32_t kMaxVocab = kPartEntries / kTopK * kPartEntries;

uint32_t parts_of(uint32_t vocab) { return ceil_div(vocab, kPartEntries); }

}  // namespace

uint64_t top_k_scratch_bytes(uint32_t vocab, uint32_t max_outputs) {
  return sizeof(Candidate) * kTopK * parts_of(vocab) * max_outputs;
}

Result<std::array<Dispatch, 2>> top_k(gpu::Device& device, uint32_t vocab,
                                      const TopKBuffers& buffers) {
  if (vocab > kMaxVocab) {
    return fail("A vocabulary of {} tokens: the GPU ranks at most {}.", vocab, kMaxVocab);
  }
  const uint32_t candidates = parts_of(vocab) * kTopK;
  const gpu::Pipeline logits_pipeline = device.pipeline(compose({.kernel = "top_k_logits"}));
  const std::array logits_bindings{buffers.logits, buffers.scratch};
  const gpu::Pipeline merge_pipeline = device.pipeline(compose({.kernel = "top_k_merge"}));
  const std::array merge_bindings{buffers.scratch, buffers.top};
  return std::array{
      Dispatch{.label = "top_k_logits",
               .pipeline = logits_pipeline,
               .group = device.bind_group(logits_pipeline, logits_bindings, "top_k_logits"),
               .immediates = Immediates(TopKLogitsParams{.outputs = 0, .vocab = vocab}),
               .count = Count::kOutputs,
               .x = {.fixed = parts_of(vocab)},
               .y = {.count = Count::kOutputs},
               .bytes_per_count = uint64_t{4} * vocab},
      Dispatch{.label = "top_k_merge",
               .pipeline = merge_pipeline,
               .group = device.bind_group(merge_pipeline, merge_bindings, "top_k_merge"),
               .immediates = Immediates(TopKMergeParams{.outputs = 0, .candidates = candidates}),
               .count = Count::kOutputs,
               .y = {.count = Count::kOutputs},
               .bytes_per_count = sizeof(Candidate) * candidates}};
}

}  // namespace weft::kernels
