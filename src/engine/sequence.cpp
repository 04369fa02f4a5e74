#include "engine/sequence.h"

#include <algorithm>

#include "base/check.h"
#include "base/checked.h"
#include "sample/random.h"

namespace weft::engine {
namespace {

backend::Output output_for(const Request& request, uint32_t context) {
  if (request.logprobs) return backend::Output::kLogits;
  switch (sample::chooser_for(request.sampling, backend::kDrawLimits, context)) {
    case sample::Chooser::kArgmax:
      return backend::Output::kGreedy;
    case sample::Chooser::kDraw:
      return backend::Output::kDrawn;
    case sample::Chooser::kHost:
      break;
  }
  return backend::Output::kLogits;
}

}  // namespace

Sequence::Sequence(RequestId id_, Request request_, const text::Tokenizer* tokenizer,
                   uint32_t context)
    : id(id_),
      request(std::move(request_)),
      chain(request.sampling, request.sampling.seed.value_or(sample::random_seed())),
      text(tokenizer, request.stop_strings),
      output(output_for(request, context)),
      tokens(request.prompt),
      queued_at(Clock::now()) {
  usage.prompt_tokens = n_known();
  limit = std::min(request.max_tokens.value_or(context), context - usage.prompt_tokens);
}

uint32_t Sequence::rows_ready() const {
  if (submitted < n_known()) return n_known() - submitted;
  const uint32_t tokens_asked_for = submitted + 1 - usage.prompt_tokens;
  return output != backend::Output::kLogits && tokens_asked_for < limit ? 1 : 0;
}

uint32_t Sequence::rows_before_keeping(uint32_t n) const {
  return keep_at.empty() ? n : std::min(n, keep_at.back() - submitted);
}

backend::SequenceStep Sequence::take_rows(uint32_t n) {
  CHECK(n != 0 && n <= rows_ready());
  CHECK(submitted + n <= blocks.size() * backend::kBlockTokens);
  backend::SequenceStep step{
      .slot = slot, .tokens = {}, .pos = submitted, .blocks = blocks, .resume_from = resume_from};
  if (submitted < n_known()) step.tokens = std::span(tokens).subspan(submitted, n);
  submitted += n;
  if (submitted >= n_known()) step.output = output;
  if (step.output == backend::Output::kDrawn) {
    step.draw = chain.draw(tokens, submitted - n_known());
  }
  return step;
}

std::span<const kv::Block> Sequence::whole_blocks() const {
  return std::span(blocks).first(std::min(submitted, n_known()) / backend::kBlockTokens);
}

bool Sequence::ends_with(Token token, const text::Tokenizer* tokenizer) const {
  if (request.ignore_eos) return false;
  return std::ranges::find(request.stop_tokens, token) != request.stop_tokens.end() ||
         (tokenizer != nullptr && token < tokenizer->size() &&
          tokenizer->is_end_of_generation(token));
}

}  // namespace weft::engine
