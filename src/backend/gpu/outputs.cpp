#include "backend/gpu/outputs.h"

#include <cstring>

#include "backend/gpu/step_data.h"

namespace weft::backend {
namespace {

// Appends `count` elements that lie at the beginning of `bytes`.
template <class T>
void append(std::vector<T>& to, std::span<const std::byte> bytes, size_t count) {
  const size_t before = to.size();
  to.resize(before + count);
  std::memcpy(to.data() + before, bytes.data(), count * sizeof(T));
}

template <class T>
std::vector<T> part(const std::vector<T>& all, size_t first, size_t count) {
  const auto begin = all.begin() + static_cast<ptrdiff_t>(first);
  return {begin, begin + static_cast<ptrdiff_t>(count)};
}

}  // namespace

Wanted wanted_of(std::span<const SequenceStep> step) {
  Wanted wanted;
  uint32_t first = 0;
  for (const SequenceStep& sequence : step) {
    const uint32_t count = sequence.output == Output::kNone        ? 0
                           : sequence.output == Output::kAllLogits ? sequence.rows()
                                                                   : 1;
    wanted.sequences.push_back({.output = sequence.output, .first = first, .count = count});
    first += count;
    wanted.greedy |= sequence.output == Output::kGreedy;
    wanted.drawn |= sequence.output == Output::kDrawn;
    if (sequence.output == Output::kDrawn) {
      const sample::Params& params = *sequence.draw.params;
      const bool from_all = drawn_from(params) == kernels::DrawnFrom::kAll;
      wanted.from_all |= from_all;
      wanted.all_top_k |= from_all && params.top_k > 0;
      wanted.all_top_p |= from_all && params.top_p < 1;
    }
    wanted.logits |= sequence.output == Output::kLogits || sequence.output == Output::kAllLogits;
  }
  return wanted;
}

std::vector<SequenceOutput> outputs_of(const Wanted& wanted, RawOutputs results, uint32_t vocab) {
  std::vector<SequenceOutput> outputs;
  for (const Wanted::Sequence& sequence : wanted.sequences) {
    SequenceOutput& output = outputs.emplace_back();
    switch (sequence.output) {
      case Output::kNone:
        break;
      case Output::kGreedy:
      case Output::kDrawn:
        output.token = results.tokens[sequence.first];
        break;
      case Output::kLogits:
      case Output::kAllLogits:
        if (wanted.sequences.size() == 1) {
          output.logits = std::move(results.logits);
        } else {
          output.logits =
              part(results.logits, size_t{sequence.first} * vocab, size_t{sequence.count} * vocab);
        }
        break;
    }
  }
  return outputs;
}

Result<OutputReader> OutputReader::create(gpu::Device& device, uint32_t vocab,
                                          const Options& options) {
  const uint32_t outputs = max_outputs(options);
  WEFT_ASSIGN(gpu::Readback tokens, device.create_readback(outputs * sizeof(Token), "tokens"));
  return OutputReader(std::move(tokens), vocab, outputs);
}

Result<void> OutputReader::record(gpu::Device& device, gpu::Recorder& recorder,
                                  const Activations& from, const Wanted& wanted, uint32_t outputs) {
  outputs_ = outputs;
  reads_tokens_ = outputs > 0 && (wanted.greedy || wanted.drawn);
  reads_logits_ = outputs > 0 && wanted.logits;
  if (reads_logits_ && !logits_) {
    const uint64_t size_bytes = uint64_t{max_outputs_} * vocab_ * sizeof(float);
    auto readback = device.create_readback(size_bytes, "logits");
    if (!readback) return std::unexpected(std::move(readback).error());
    logits_ = std::move(*readback);
  }
  // Tokens are read even where none are wanted: finish() waits for them.
  recorder.read(from.sampled, 0, tokens_, 0, max_outputs_ * sizeof(Token));
  if (reads_logits_) {
    recorder.read(from.logits, 0, *logits_, 0, uint64_t{outputs} * vocab_ * sizeof(float));
  }
  return {};
}

Result<void> OutputReader::finish(RawOutputs& results) {
  WEFT_ASSIGN(const std::span<const std::byte> tokens, tokens_.wait());
  if (reads_tokens_) append(results.tokens, tokens, outputs_);
  if (reads_logits_) {
    WEFT_ASSIGN(const std::span<const std::byte> logits, logits_->wait());
    append(results.logits, logits, size_t{outputs_} * vocab_);
  }
  return {};
}

}  // namespace weft::backend
