#include "engine/vocabulary.h"

#include <algorithm>
#include <array>

namespace weft::engine {
namespace {

using Kind = text::Vocabulary::Kind;

constexpr std::string_view kPrefix = "tokenizer.ggml.";

std::string key(std::string_view name) { return fmt::format("{}{}", kPrefix, name); }

// Files of these families are meant to begin texts with bos, and many do not say so.
bool begins_with_bos(const text::Vocabulary& vocabulary) {
  constexpr std::array<std::string_view, 6> kPre = {"llama3",  "llama-v3", "llama-bpe",
                                                    "falcon3", "pixtral",  "tekken"};
  return vocabulary.kind == Kind::sentencepiece_bpe ||
         std::ranges::find(kPre, vocabulary.pre) != kPre.end();
}

Result<void> read_id(const formats::GgufFile& file, std::string_view name,
                     std::optional<Token>& id) {
  if (file.find(key(name)) == nullptr) return {};
  WEFT_ASSIGN(id, file.get_u32(key(name)));
  return {};
}

Result<void> read_ids(const formats::GgufFile& file, text::SpecialIds& ids) {
  WEFT_TRY(read_id(file, "bos_token_id", ids.bos));
  WEFT_TRY(read_id(file, "eos_token_id", ids.eos));
  WEFT_TRY(read_id(file, "eot_token_id", ids.eot));
  WEFT_TRY(read_id(file, "eom_token_id", ids.eom));
  return read_id(file, "unknown_token_id", ids.unknown);
}

}  // namespace

Result<text::Vocabulary> vocabulary_from_gguf(const formats::GgufFile& file) {
  WEFT_ASSIGN(const std::string_view kind, file.get_string_or(key("model"), "none"));
  text::Vocabulary vocabulary;
  if (kind == "none") return fail("'{}' has no vocabulary.", file.name());
  if (kind == "gpt2") {
    vocabulary.kind = Kind::byte_level_bpe;
    WEFT_ASSIGN(vocabulary.pre, file.get_string_or(key("pre"), "default"));
    WEFT_ASSIGN(vocabulary.merges, file.get_strings(key("merges")));
  } else if (kind == "llama") {
    vocabulary.kind = Kind::sentencepiece_bpe;
    WEFT_ASSIGN(vocabulary.scores, file.get_f32s(key("scores")));
  } else {
    return fail("'{}' has a vocabulary of the kind '{}', which is not supported.", file.name(),
                kind);
  }
  WEFT_ASSIGN(vocabulary.tokens, file.get_strings(key("tokens")));
  if (file.find(key("token_type")) != nullptr) {
    WEFT_ASSIGN(vocabulary.types, file.get_i32s(key("token_type")));
  }
  WEFT_TRY(read_ids(file, vocabulary.special));
  WEFT_ASSIGN(vocabulary.special.add_bos,
              file.get_bool_or(key("add_bos_token"), begins_with_bos(vocabulary)));
  WEFT_ASSIGN(vocabulary.special.add_eos, file.get_bool_or(key("add_eos_token"), false));
  const bool is_sentencepiece = vocabulary.kind == Kind::sentencepiece_bpe;
  WEFT_ASSIGN(vocabulary.add_space_prefix,
              file.get_bool_or(key("add_space_prefix"), is_sentencepiece));
  return vocabulary;
}

Result<std::string_view> chat_template_from_gguf(const formats::GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  if (file.find(kKey) == nullptr) return fail("'{}' has no chat template.", file.name());
  return file.get_string(kKey);
}

}  // namespace weft::engine
