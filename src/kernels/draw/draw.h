// The next token of each output that has a rule, chosen from its logits: biases and penalties, then
// the stages that drop unlikely tokens, then a random number, which falls on one of the rest in the
// order of tokens (the chain of src/sample, on the device). It also goes into the slot of the
// output's row, where the next step finds its input.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

enum class DrawnFrom : uint32_t {
  kNothing,     // the output is left alone
  kMostLikely,  // the kTopK most likely tokens: top_k is at least 1
  kAll,         // all tokens, by the kernels of draw_all.h: typical_p is 1, and temperature above 0
};

// Mirror of lib/draw_rule.wgsl.
struct DrawRule {
  DrawnFrom drawn_from = DrawnFrom::kNothing;
  uint32_t n_biases = 0;  // (token, f32) pairs from edits[first_edit] on
  uint32_t n_seen = 0;    // (token, times) pairs behind them
  uint32_t n_ahead = 0;  // tokens behind those: the slot's last draws, which the host does not know
  uint32_t first_edit = 0;
  uint32_t top_k = 0;     // 0: all
  float temperature = 0;  // 0: the most likely
  float typical_p = 1;
  float top_p = 1;
  float min_p = 0;
  float uniform = 0;  // the random number, [0, 1)
  float repeat_penalty = 1;
  float frequency_penalty = 0;
  float presence_penalty = 0;
};
inline constexpr uint32_t kDrawnTokens = 8;  // more than a rule's n_ahead

struct DrawShape {
  uint32_t vocab;
  uint32_t max_edits;  // biases of an output, and seen tokens; each is listed once
};

struct DrawBuffers {
  gpu::Binding rules;         // DrawRule [outputs]
  gpu::Binding edits;         // u32
  gpu::Binding rows;          // Row [rows]
  gpu::Binding outputs;       // u32 [outputs]: the row of each output
  gpu::Binding logits;        // f32 [outputs, vocab]; changed
  gpu::Binding scratch;       // top_k_scratch_bytes(vocab, max_outputs)
  gpu::Binding candidates;    // Candidate [outputs, kTopK]
  gpu::Binding sampled;       // u32 [outputs]
  gpu::Binding slot_tokens;   // u32 [slots]
  gpu::Binding drawn_tokens;  // u32 [slots, kDrawnTokens]
};

// The last takes the first candidate of an output that draws from all tokens: what runs between the
// third and the last puts its token there.
[[nodiscard]] Result<std::array<Dispatch, 4>> draw(gpu::Device& device, const DrawShape& shape,
                                                   const DrawBuffers& buffers);

// In double precision, without biases and penalties: every token that comes out for a random number
// or a top_p within `margin` of the rule's.
[[nodiscard]] std::vector<uint32_t> draw_ref(std::span<const double> logits, const DrawRule& rule,
                                             double margin);

}  // namespace weft::kernels
