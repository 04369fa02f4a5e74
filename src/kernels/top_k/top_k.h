// The kTopK largest logits of each output with their tokens: by logit, descending, and equal logits
// by token. Exact.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

inline constexpr uint32_t kTopK = 64;  // as in lib/top_k.wgsl

struct Candidate {  // as in lib/candidate.wgsl
  uint32_t token;   // 0xffffffff where there are fewer than kTopK tokens
  float logit;

  bool operator==(const Candidate&) const = default;
};

struct TopKBuffers {
  gpu::Binding logits;   // f32 [outputs, vocab]
  gpu::Binding scratch;  // top_k_scratch_bytes(vocab, max_outputs)
  gpu::Binding top;      // Candidate [outputs, kTopK]
};

[[nodiscard]] uint64_t top_k_scratch_bytes(uint32_t vocab, uint32_t max_outputs);

// An error where the vocabulary has more than 262,144 tokens.
[[nodiscard]] Result<std::array<Dispatch, 2>> top_k(gpu::Device& device, uint32_t vocab,
                                                    const TopKBuffers& buffers);

// Of one output: the first min(kTopK, logits.size()).
[[nodiscard]] std::vector<Candidate> top_k_ref(std::span<const float> logits);

}  // namespace weft::kernels
