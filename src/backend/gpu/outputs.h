// From buffers on the device to what a step's sequences asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/gpu/storage.h"
#include "gpu/device.h"
#include "gpu/recorder.h"

namespace weft::backend {

// What a step's sequences want, and which of its outputs are whose.
struct Wanted {
  struct Sequence {
    Output output;
    uint32_t first;  // of its outputs, which are neighbours
    uint32_t count;
  };
  std::vector<Sequence> sequences;
  bool greedy = false, drawn = false, logits = false;  // of any sequence
  bool from_all = false;                               // of any that is drawn: from all tokens
  bool all_top_k = false, all_top_p = false;           // of any of those: it has the stage
};

[[nodiscard]] Wanted wanted_of(std::span<const SequenceStep> step);

// What was read so far; the kinds that nobody wants stay empty.
struct RawOutputs {
  std::vector<Token> tokens;  // [outputs]
  std::vector<float> logits;  // [outputs, vocab]
};

[[nodiscard]] std::vector<SequenceOutput> outputs_of(const Wanted& wanted, RawOutputs results,
                                                     uint32_t vocab);

// Reads the results of one submission at a time.
class OutputReader {
 public:
  [[nodiscard]] static Result<OutputReader> create(gpu::Device& device, uint32_t vocab,
                                                   const Options& options);

  // Records the copies of `outputs` results. An error where there is no memory for logits, whose
  // place is made when they are first wanted; nothing is read then.
  [[nodiscard]] Result<void> record(gpu::Device& device, gpu::Recorder& recorder,
                                    const Activations& from, const Wanted& wanted,
                                    uint32_t outputs);

  // Waits for what record() recorded and appends it.
  [[nodiscard]] Result<void> finish(RawOutputs& results);

 private:
  OutputReader(gpu::Readback tokens, uint32_t vocab, uint32_t max_outputs)
      : tokens_(std::move(tokens)), vocab_(vocab), max_outputs_(max_outputs) {}

  gpu::Readback tokens_;
  std::optional<gpu::Readback> logits_;
  uint32_t vocab_;
  uint32_t max_outputs_;
  uint32_t outputs_ = 0;  // that were recorded
  bool reads_tokens_ = false, reads_logits_ = false;
};

}  // namespace weft::backend
