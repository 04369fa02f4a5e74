#include "text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "text/rust_call.h"
#include "text/utf8.h"

namespace weft::text {
namespace {

// Names under which models end a turn or a text, where a vocabulary has them as special tokens:
// files often name only one of theirs in their metadata.
constexpr std::string_view kEndNames[] = {
    "<|endoftext|>",          // GPT-2, Qwen, SmolLM, Phi
    "<|im_end|>",             // ChatML
    "<|eot_id|>",             // Llama 3
    "<|eom_id|>",             //
    "<|end_of_text|>",        // Llama 3, Granite
    "<|eot|>",                // Llama 4
    "<|eom|>",                //
    "<|end|>",                // Phi 3
    "<|return|>",             // gpt-oss
    "<|call|>",               //
    "</s>",                   // Llama 1 and 2, Mistral
    "<eos>",                  // Gemma
    "<end_of_turn>",          //
    "<|END_OF_TURN_TOKEN|>",  // Command R
    "<｜end▁of▁sentence｜>",  // DeepSeek
    "<EOT>",                  // Codellama infill
    "[EOT]",                  // Kimi
    "[EOS]",                  //
    "<|fim_pad|>",            // Qwen coder: what follows is another file
    "<|repo_name|>",          //
    "<|file_sep|>",           //
};

uint32_t to_c(Vocabulary::Kind kind) {
  switch (kind) {
    case Vocabulary::Kind::byte_level_bpe:
      return WEFT_BYTE_LEVEL_BPE;
    case Vocabulary::Kind::sentencepiece_bpe:
      return WEFT_SENTENCEPIECE_BPE;
    case Vocabulary::Kind::sentencepiece_unigram:
      return WEFT_SENTENCEPIECE_UNIGRAM;
    case Vocabulary::Kind::word_piece:
      return WEFT_WORD_PIECE;
    case Vocabulary::Kind::rwkv:
      return WEFT_RWKV;
    case Vocabulary::Kind::plamo2:
      return WEFT_PLAMO2;
    case Vocabulary::Kind::character_bpe:
      return WEFT_CHARACTER_BPE;
  }
  CHECK(false);
}

weft_vocabulary to_c(const Vocabulary& vocabulary, const std::vector<weft_bytes>& tokens,
                     const std::vector<weft_bytes>& merges) {
  return {
      .kind = to_c(vocabulary.kind),
      .pre = borrow(vocabulary.pre),
      .tokens = tokens.data(),
      .n_tokens = tokens.size(),
      .scores = vocabulary.scores.empty() ? nullptr : vocabulary.scores.data(),
      .types = vocabulary.types.empty() ? nullptr : vocabulary.types.data(),
      .merges = merges.data(),
      .n_merges = merges.size(),
      .unknown = vocabulary.special.unknown.value_or(WEFT_NO_TOKEN),
      .charsmap = borrow({vocabulary.charsmap.data(), vocabulary.charsmap.size()}),
      .add_space_prefix = vocabulary.add_space_prefix,
      .remove_extra_spaces = vocabulary.remove_extra_spaces,
      .lowercase = vocabulary.lowercase,
      .strip_accents = vocabulary.strip_accents,
  };
}

std::vector<weft_bytes> borrow_all(std::span<const std::string_view> texts) {
  std::vector<weft_bytes> borrowed(texts.size());
  std::ranges::transform(texts, borrowed.begin(), borrow);
  return borrowed;
}

Result<void> check_length(std::string_view what, size_t size, size_t n_tokens) {
  if (size == 0 || size == n_tokens) return {};
  return fail("The vocabulary has {} tokens and {} token {}.", n_tokens, size, what);
}

Result<void> check_lengths(const Vocabulary& vocabulary) {
  WEFT_TRY(check_length("scores", vocabulary.scores.size(), vocabulary.tokens.size()));
  return check_length("types", vocabulary.types.size(), vocabulary.tokens.size());
}

}  // namespace

void Tokenizer::Free::operator()(weft_tokenizer* handle) const { weft_tokenizer_free(handle); }

Tokenizer::Tokenizer(weft_tokenizer* handle)
    : handle_(handle),
      size_(weft_tokenizer_size(handle)),
      space_prefix_(static_cast<SpacePrefix>(weft_tokenizer_space_prefix(handle))) {}

Result<Tokenizer> Tokenizer::from_vocabulary(const Vocabulary& vocabulary) {
  WEFT_TRY(check_lengths(vocabulary));
  const std::vector<weft_bytes> tokens = borrow_all(vocabulary.tokens);
  const std::vector<weft_bytes> merges = borrow_all(vocabulary.merges);
  const weft_vocabulary c = to_c(vocabulary, tokens, merges);
  WEFT_ASSIGN(weft_tokenizer* const handle, rust_call(weft_tokenizer_from_vocabulary, &c));
  Tokenizer tokenizer(handle);
  WEFT_TRY(tokenizer.set_special(vocabulary.special));
  return tokenizer;
}

Result<std::string> Tokenizer::json_of(const Vocabulary& vocabulary) {
  WEFT_TRY(check_lengths(vocabulary));
  const std::vector<weft_bytes> tokens = borrow_all(vocabulary.tokens);
  const std::vector<weft_bytes> merges = borrow_all(vocabulary.merges);
  const weft_vocabulary c = to_c(vocabulary, tokens, merges);
  const SpecialIds& ids = vocabulary.special;
  const Token first = ids.add_bos ? ids.bos.value_or(WEFT_NO_TOKEN) : WEFT_NO_TOKEN;
  const Token last = ids.add_eos ? ids.eos.value_or(WEFT_NO_TOKEN) : WEFT_NO_TOKEN;
  weft_text json{};
  WEFT_TRY(rust_call(weft_vocabulary_to_json, &c, first, last, &json));
  return take(json);
}

Result<Tokenizer> Tokenizer::from_json(std::string_view json, const SpecialIds& special) {
  WEFT_ASSIGN(weft_tokenizer* const handle, rust_call(weft_tokenizer_from_json, borrow(json)));
  Tokenizer tokenizer(handle);
  WEFT_TRY(tokenizer.set_special(special));
  return tokenizer;
}

Result<void> Tokenizer::set_special(const SpecialIds& special) {
  const std::pair<const char*, std::optional<Token>> named[] = {{"bos", special.bos},
                                                                {"eos", special.eos},
                                                                {"eot", special.eot},
                                                                {"eom", special.eom},
                                                                {"unknown", special.unknown}};
  for (const auto& [name, id] : named) {
    if (id && *id >= size_) {
      return fail("The {} token has id {}, and the vocabulary has {} tokens.", name, *id, size_);
    }
  }
  if (special.add_bos && !special.bos)
    return fail("Texts are to begin with bos, which is missing.");
  if (special.add_eos && !special.eos) return fail("Texts are to end with eos, which is missing.");
  special_ = special;
  for (const auto& id : {special.eos, special.eot, special.eom}) {
    if (id) ends_of_generation_.push_back(*id);
  }
  // With <|return|> and <|call|>, <|end|> ends a message of several within a turn (gpt-oss).
  const bool end_goes_on = find("<|return|>") && find("<|call|>");
  for (const std::string_view name : kEndNames) {
    const std::optional<Token> id = find(name);
    if (!id || (name == "<|end|>" && end_goes_on)) continue;
    const int32_t type = weft_tokenizer_token_type(handle(), *id);
    if (type == Vocabulary::kControl || type == Vocabulary::kUserDefined) {
      ends_of_generation_.push_back(*id);
    }
  }
  std::ranges::sort(ends_of_generation_);
  const auto repeated = std::ranges::unique(ends_of_generation_);
  ends_of_generation_.erase(repeated.begin(), repeated.end());
  return {};
}

Result<std::vector<Token>> Tokenizer::encode(std::string_view text, Special special,
                                             Bounds bounds) const {
  return encode(text, special, {}, bounds);
}

Result<std::vector<Token>> Tokenizer::encode(const Prompt& prompt, Bounds bounds) const {
  return encode(prompt.text, Special::parse, prompt.plain, bounds);
}

Result<std::vector<Token>> Tokenizer::encode(std::string_view text, Special special,
                                             std::span<const uint32_t> plain, Bounds bounds) const {
  weft_ids ids{};
  WEFT_TRY(rust_call(weft_tokenizer_encode, handle(), borrow(text), special == Special::parse,
                     plain.data(), plain.size(), &ids));
  std::vector<Token> tokens;
  tokens.reserve(ids.size + 2);
  tokens.assign(ids.data, ids.data + ids.size);
  weft_ids_free(ids);
  if (bounds == Bounds::none) return tokens;
  if (special_.add_bos && (tokens.empty() || tokens.front() != special_.bos)) {
    tokens.insert(tokens.begin(), *special_.bos);
  }
  if (special_.add_eos && (tokens.empty() || tokens.back() != special_.eos)) {
    tokens.push_back(*special_.eos);
  }
  return tokens;
}

Result<std::string> Tokenizer::decode(std::span<const Token> ids) const {
  std::string bytes;
  bool strips_space = space_prefix_ != SpacePrefix::never;
  for (const Token id : ids) {
    if (id >= size_) return fail("There is no token {}: the vocabulary has {}.", id, size_);
    std::string_view piece = token_bytes(id);
    if (is_special(id)) {
      strips_space =
          space_prefix_ == SpacePrefix::after_special_too || (strips_space && bytes.empty());
    } else if (std::exchange(strips_space, false) && piece.starts_with(' ')) {
      piece.remove_prefix(1);
    }
    bytes.append(piece);
  }
  std::string text;
  if (append_whole_characters(bytes, text) < bytes.size()) text.append(kReplacementCharacter);
  return text;
}

std::string_view Tokenizer::token_bytes(Token id) const {
  CHECK(id < size_);
  const weft_bytes bytes = weft_tokenizer_token_bytes(handle(), id);
  return {bytes.data, bytes.size};
}

bool Tokenizer::is_control(Token id) const {
  CHECK(id < size_);
  const int32_t type = weft_tokenizer_token_type(handle(), id);
  return type == Vocabulary::kControl || type == Vocabulary::kUnknown;
}

bool Tokenizer::is_special(Token id) const {
  CHECK(id < size_);
  return is_control(id) || weft_tokenizer_token_type(handle(), id) == Vocabulary::kUserDefined;
}

bool Tokenizer::is_end_of_generation(Token id) const {
  return std::ranges::binary_search(ends_of_generation_, id);
}

std::optional<Token> Tokenizer::find(std::string_view token_text) const {
  const uint32_t id = weft_tokenizer_find(handle(), borrow(token_text));
  if (id == WEFT_NO_TOKEN) return std::nullopt;
  return id;
}

}  // namespace weft::text
