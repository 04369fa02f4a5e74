#include "text/grammar.h"

#include "text/rust_call.h"

namespace weft::text {
namespace {

std::string_view name_of(Grammar::Kind kind) {
  switch (kind) {
    case Grammar::Kind::json_schema:
      return "json_schema";
    case Grammar::Kind::regex:
      return "regex";
    case Grammar::Kind::lark:
      return "lark";
  }
  return {};
}

}  // namespace

void Grammar::Free::operator()(weft_grammar* handle) const { weft_grammar_free(handle); }

Result<Grammar> Grammar::compile(const Tokenizer& tokenizer, Kind kind, std::string_view source) {
  const std::span<const Token> ends = tokenizer.ends_of_generation();
  WEFT_ASSIGN(weft_grammar* const handle,
              rust_call(weft_grammar_compile, tokenizer.handle(), ends.data(), ends.size(),
                        borrow(name_of(kind)), borrow(source)));
  return Grammar(handle);
}

Result<void> Grammar::next_tokens(std::span<uint32_t> mask) {
  WEFT_TRY(rust_call(weft_grammar_mask, handle_.get(), mask.data(), mask.size()));
  return {};
}

Result<void> Grammar::accept(Token id) {
  WEFT_TRY(rust_call(weft_grammar_accept, handle_.get(), id));
  return {};
}

}  // namespace weft::text
