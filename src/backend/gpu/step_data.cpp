#include "backend/gpu/step_data.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>

#include "backend/gpu/storage.h"
#include "base/check.h"
#include "base/checked.h"
#include "kernels/top_k/top_k.h"

namespace weft::backend {
namespace {

constexpr size_t kRuleWords = sizeof(kernels::DrawRule) / sizeof(uint32_t);
constexpr float kForbidden = -1e30F;  // instead of a bias of minus infinity, which WGSL may not see

static_assert(kDrawLimits.max_typical == kernels::kTopK);
static_assert(kBlockTokens == kernels::kBlockTokens);

template <class T>
void append(std::vector<uint32_t>& words, const T& item) {
  static_assert(sizeof(T) % sizeof(uint32_t) == 0);
  const auto part = std::bit_cast<std::array<uint32_t, sizeof(T) / sizeof(uint32_t)>>(item);
  words.insert(words.end(), part.begin(), part.end());
}

}  // namespace

kernels::DrawnFrom drawn_from(const sample::Params& params) {
  const bool from_few = params.top_k != 0 && params.top_k <= kernels::kTopK;
  return from_few || params.temperature == 0 ? kernels::DrawnFrom::kMostLikely
                                             : kernels::DrawnFrom::kAll;
}

Result<StepData::Region> StepData::Region::create(gpu::Device& device, size_t words,
                                                  std::string_view label) {
  Region region;
  WEFT_ASSIGN(gpu::Buffer buffer, device.create_buffer(words * sizeof(uint32_t), label));
  region.buffer_ = std::make_unique<gpu::Buffer>(std::move(buffer));
  return region;
}

void StepData::Region::write(gpu::Device& device, std::span<const uint32_t> words) {
  if (std::ranges::equal(words, held_)) return;
  CHECK(words.size_bytes() <= buffer_->size_bytes());
  device.write(*buffer_, 0, std::as_bytes(words));
  held_.assign(words.begin(), words.end());
}

Result<StepData> StepData::create(gpu::Device& device, const Options& options) {
  constexpr size_t kRowWords = sizeof(kernels::Row) / sizeof(uint32_t);
  constexpr size_t kTileWords = sizeof(kernels::Tile) / sizeof(uint32_t);
  constexpr size_t kSequenceWords = sizeof(kernels::Sequence) / sizeof(uint32_t);
  StepData data;
  data.max_sequences_ = options.max_sequences;
  data.max_outputs_ = max_outputs(options);
  data.max_blocks_ = ceil_div(options.max_context, kBlockTokens);
  // A sequence may leave its last tile part empty.
  const size_t tiles = ceil_div(options.max_rows, kernels::kTileRows) + options.max_sequences;
  WEFT_ASSIGN(data.rows_, Region::create(device, options.max_rows * kRowWords, "step rows"));
  WEFT_ASSIGN(data.table_, Region::create(device, size_t{options.max_sequences} * data.max_blocks_,
                                          "block table"));
  WEFT_ASSIGN(data.written_outputs_, Region::create(device, data.max_outputs_, "step outputs"));
  WEFT_ASSIGN(data.tiles_, Region::create(device, tiles * kTileWords, "step tiles"));
  WEFT_ASSIGN(data.sequences_,
              Region::create(device, options.max_sequences * kSequenceWords, "step sequences"));
  WEFT_ASSIGN(data.rules_, Region::create(device, data.max_outputs_ * kRuleWords, "step rules"));
  WEFT_ASSIGN(data.edits_,
              Region::create(device, size_t{2} * options.max_sequences * kDrawLimits.max_edits,
                             "step edits"));
  return data;
}

void StepData::build(std::span<const SequenceStep> step) {
  counts_ = {};
  row_words_.clear();
  outputs_.clear();
  tile_words_.clear();
  sequence_words_.clear();
  rule_words_.clear();
  edit_words_.clear();
  table_words_.assign(step.size() * max_blocks_, 0);
  uint32_t seq = 0;
  for (const SequenceStep& sequence : step) {
    const uint32_t first_row = counts_.rows;
    add_outputs(sequence, first_row);
    add_tiles(first_row, sequence.rows(), seq);
    CHECK(sequence.blocks.size() <= max_blocks_ &&
          size_t{sequence.pos} + sequence.rows() <= sequence.blocks.size() * kBlockTokens);
    add_sequence(sequence, first_row);
    add_rows(sequence, seq);
    std::ranges::copy(sequence.blocks, table_words_.begin() + ptrdiff_t{seq} * max_blocks_);
    ++seq;
  }
  counts_.sequences = seq;
}

void StepData::add_sequence(const SequenceStep& sequence, uint32_t first_row) {
  const auto kept = [&](const std::optional<uint32_t>& number, uint32_t otherwise) {
    return number ? max_sequences_ + *number : otherwise;
  };
  const uint32_t from_slot = sequence.pos > 0 ? sequence.slot : kernels::kNoState;
  append(sequence_words_, kernels::Sequence{.first_row = first_row,
                                            .n_rows = sequence.rows(),
                                            .before = kept(sequence.resume_from, from_slot),
                                            .state = sequence.slot,
                                            .kept = kept(sequence.keep_as, kernels::kNoState)});
}

void StepData::add_rows(const SequenceStep& sequence, uint32_t seq) {
  for (uint32_t i = 0; i < sequence.rows(); ++i) {
    const uint32_t pos = sequence.pos + i;
    append(row_words_,
           kernels::Row{
               .token = sequence.tokens.empty() ? kernels::kTokenOfSlot : sequence.tokens[i],
               .pos = pos,
               .seq = seq,
               .slot = sequence.slot,
               .place = sequence.blocks[pos / kBlockTokens] * kBlockTokens + pos % kBlockTokens});
  }
  counts_.rows += sequence.rows();
  counts_.length = std::max(counts_.length, sequence.pos + sequence.rows());
}

void StepData::add_tiles(uint32_t first_row, uint32_t n_rows, uint32_t seq) {
  for (uint32_t done = 0; done < n_rows; done += kernels::kTileRows) {
    append(tile_words_, kernels::Tile{.first_row = first_row + done,
                                      .n_rows = std::min(kernels::kTileRows, n_rows - done),
                                      .seq = seq});
    ++counts_.tiles;
  }
}

void StepData::add_outputs(const SequenceStep& sequence, uint32_t first_row) {
  if (sequence.output == Output::kNone) return;
  const uint32_t first = sequence.output == Output::kAllLogits ? 0 : sequence.rows() - 1;
  for (uint32_t i = first; i < sequence.rows(); ++i) outputs_.push_back(first_row + i);
  const bool is_drawn = sequence.output == Output::kDrawn;
  for (uint32_t i = first; i < sequence.rows(); ++i) {
    append(rule_words_, is_drawn ? add_draw(sequence.draw) : kernels::DrawRule{});
  }
}

kernels::DrawRule StepData::add_draw(const sample::Draw& draw) {
  const sample::Params& params = *draw.params;
  CHECK(draw.n_ahead < kernels::kDrawnTokens);
  CHECK(params.logit_bias.size() + draw.seen.size() + draw.n_ahead <= kDrawLimits.max_edits);
  const auto first_edit = narrow<uint32_t>(edit_words_.size());
  const uint32_t n_biases = add_biases(params.logit_bias);
  const uint32_t n_seen = add_seen(draw.seen);
  return {.drawn_from = drawn_from(params),
          .n_biases = n_biases,
          .n_seen = n_seen,
          .n_ahead = draw.n_ahead,
          .first_edit = first_edit,
          .top_k = params.top_k,
          .temperature = params.temperature,
          .typical_p = params.typical_p,
          .top_p = params.top_p,
          .min_p = params.min_p,
          // The next number below, as 1 is out of range.
          .uniform = static_cast<float>(std::floor(draw.uniform * 0x1p24) * 0x1p-24),
          .repeat_penalty = params.repeat_penalty,
          .frequency_penalty = params.frequency_penalty,
          .presence_penalty = params.presence_penalty};
}

// Each token once, with the sum of its biases; returns how many tokens.
uint32_t StepData::add_biases(std::span<const sample::LogitBias> biases) {
  std::map<Token, float> sums;
  for (const sample::LogitBias& bias : biases) {
    sums[bias.token] += std::clamp(bias.bias, kForbidden, -kForbidden);
  }
  for (const auto& [token, sum] : sums) {
    edit_words_.push_back(token);
    edit_words_.push_back(std::bit_cast<uint32_t>(sum));
  }
  return narrow<uint32_t>(sums.size());
}

// Each token once, with how often it is there; returns how many tokens.
uint32_t StepData::add_seen(std::span<const Token> seen) {
  sorted_.assign(seen.begin(), seen.end());
  std::ranges::sort(sorted_);
  uint32_t n = 0;
  for (auto first = sorted_.begin(); first != sorted_.end(); ++n) {
    const auto next = std::upper_bound(first, sorted_.end(), *first);
    edit_words_.push_back(*first);
    edit_words_.push_back(narrow<uint32_t>(next - first));
    first = next;
  }
  return n;
}

void StepData::write(gpu::Device& device, uint32_t first_output) {
  const std::span part = std::span(outputs_).subspan(first_output);
  counts_.outputs = std::min(max_outputs_, narrow<uint32_t>(part.size()));
  rows_.write(device, row_words_);
  table_.write(device, table_words_);
  written_outputs_.write(device, part.first(counts_.outputs));
  tiles_.write(device, tile_words_);
  sequences_.write(device, sequence_words_);
  rules_.write(
      device,
      std::span(rule_words_).subspan(first_output * kRuleWords, counts_.outputs * kRuleWords));
  edits_.write(device, edit_words_);
}

uint64_t StepData::size_bytes() const {
  return rows_.size_bytes() + table_.size_bytes() + written_outputs_.size_bytes() +
         tiles_.size_bytes() + sequences_.size_bytes() + rules_.size_bytes() + edits_.size_bytes();
}

}  // namespace weft::backend
