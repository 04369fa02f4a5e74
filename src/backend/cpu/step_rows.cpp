#include "backend/cpu/step_rows.h"

#include <algorithm>

#include "backend/cpu/attention.h"
#include "base/check.h"

namespace weft::backend {
namespace {

void check_promises(const SequenceStep& sequence, const Options& options) {
  CHECK(sequence.slot < options.max_sequences);
  for (const auto& kept : {sequence.resume_from, sequence.keep_as}) {
    CHECK(!kept || *kept < options.kept_states);
  }
  CHECK(sequence.pos + sequence.rows() <= options.max_context);
  const uint32_t last_block = (sequence.pos + sequence.rows() - 1) / kBlockTokens;
  CHECK(last_block < sequence.blocks.size());
  for (const uint32_t block : sequence.blocks.first(last_block + 1)) {
    CHECK(block < options.kv_blocks);
  }
}

SequenceRows rows_of(const SequenceStep& sequence, uint32_t first_row, const Options& options) {
  SequenceRows out{.first_row = first_row, .rows = sequence.rows(), .state = sequence.slot};
  if (sequence.pos > 0) out.state_before = sequence.slot;
  if (sequence.resume_from) out.state_before = options.max_sequences + *sequence.resume_from;
  if (sequence.keep_as) out.kept_state = options.max_sequences + *sequence.keep_as;
  return out;
}

// Cuts rows where positions cross a multiple of kAttentionRows.
void add_attention(StepRows& out, const SequenceStep& sequence, uint32_t first_row) {
  for (uint32_t done = 0; done < sequence.rows();) {
    const uint32_t pos = sequence.pos + done;
    const uint32_t n = std::min(sequence.rows() - done, kAttentionRows - pos % kAttentionRows);
    out.attention.push_back(
        {.blocks = sequence.blocks, .first_row = first_row + done, .rows = n, .pos = pos});
    done += n;
  }
}

}  // namespace

Result<StepRows> StepRows::create(std::span<const SequenceStep> step, const Options& options,
                                  uint32_t vocab,
                                  std::span<const std::optional<Token>> left_in_slots) {
  StepRows out;
  std::vector<uint32_t> wanted_all;
  for (const SequenceStep& sequence : step) {
    check_promises(sequence, options);
    const auto first_row = static_cast<uint32_t>(out.rows.size());
    for (uint32_t i = 0; i < sequence.rows(); ++i) {
      const auto& left = left_in_slots[sequence.slot];
      CHECK(!sequence.tokens.empty() || left.has_value());
      const Token token = sequence.tokens.empty() ? *left : sequence.tokens[i];
      if (token >= vocab) {
        return fail("Token {} of slot {} is not in the vocabulary of {} tokens.", token,
                    sequence.slot, vocab);
      }
      const uint32_t pos = sequence.pos + i;
      out.scores += pos + 1;
      out.rows.push_back({.token = token,
                          .pos = pos,
                          .block = sequence.blocks[pos / kBlockTokens],
                          .sequence = static_cast<uint32_t>(out.sequences.size())});
      if (sequence.output == Output::kAllLogits) wanted_all.push_back(first_row + i);
    }
    out.keys += sequence.pos + sequence.rows();
    out.sequences.push_back(rows_of(sequence, first_row, options));
    add_attention(out, sequence, first_row);
    if (sequence.output != Output::kNone && sequence.output != Output::kAllLogits) {
      out.wanted.push_back(first_row + sequence.rows() - 1);
    }
  }
  CHECK(out.rows.size() <= options.max_rows);
  out.wanted_single = static_cast<uint32_t>(out.wanted.size());
  out.wanted.insert(out.wanted.end(), wanted_all.begin(), wanted_all.end());
  return out;
}

}  // namespace weft::backend
