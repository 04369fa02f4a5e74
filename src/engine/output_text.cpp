#include "engine/output_text.h"

namespace weft::engine {

std::string OutputText::push(Token token) {
  // A model may have more tokens than its vocabulary names: padding of the output matrix.
  if (tokenizer_ == nullptr || token >= tokenizer_->size() || tokenizer_->is_control(token))
    return {};
  return stops_.push(decoder_.push(tokenizer_->token_bytes(token)));
}

std::string OutputText::finish() {
  std::string rest = stops_.push(decoder_.finish());
  rest += stops_.finish();
  return rest;
}

}  // namespace weft::engine
