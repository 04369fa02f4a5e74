// Draws from all of an output's logits, for rules that keep more than the kTopK most likely tokens
// (DrawnFrom::kAll): any top_k, top_p and min_p. Between the third and the last dispatch of draw(),
// of whose rules, edited logits and candidates it makes use.
#pragma once

#include <array>
#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

struct DrawAllBuffers {
  gpu::Binding rules;       // DrawRule [outputs]
  gpu::Binding logits;      // f32 [outputs, vocab]
  gpu::Binding candidates;  // Candidate [outputs, kTopK]: the first becomes the token
  // DrawAllScratchBytes; bins begin as zeros.
  gpu::Binding bins, selections, parts;
};

struct DrawAllScratchBytes {
  uint64_t bins, selections, parts;
};
[[nodiscard]] DrawAllScratchBytes draw_all_scratch_bytes(uint32_t vocab, uint32_t max_outputs);

// In this order; the first two only where a rule of the step has such a stage.
struct DrawAll {
  std::array<Dispatch, 4> top_k;
  std::array<Dispatch, 4> top_p;
  std::array<Dispatch, 2> pick;
};

// `vocab` is one that draw() takes.
[[nodiscard]] DrawAll draw_all(gpu::Device& device, uint32_t vocab, const DrawAllBuffers& buffers);

}  // namespace weft::kernels
