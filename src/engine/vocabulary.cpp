#include "engine/vocabulary.h"

#include <algorithm>
#include <array>

namespace weft::engine {
namespace {

using Kind = text::Vocabulary::Kind;

constexpr std::string_view kPrefix = "tokenizer.ggml.";

std::string key(std::string_view name) { return fmt::format("{}{}", kPrefix, name); }

// What `tokenizer.ggml.model` means, and what holds where a file does not say.
struct Model {
  std::string_view name;
  Kind kind;
  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = false;
};
constexpr Model kModels[] = {
    {.name = "gpt2", .kind = Kind::byte_level_bpe},
    {.name = "llama", .kind = Kind::sentencepiece_bpe, .add_bos = true, .add_space_prefix = true},
    {.name = "t5", .kind = Kind::sentencepiece_unigram, .add_eos = true},
    {.name = "bert", .kind = Kind::word_piece, .add_bos = true, .add_eos = true},
    {.name = "rwkv", .kind = Kind::rwkv},
    {.name = "plamo2", .kind = Kind::plamo2},
    {.name = "gemma4", .kind = Kind::character_bpe, .add_bos = true},
};

// Files of these families are meant to begin texts with bos, and many do not say so.
bool begins_with_bos(const Model& model, std::string_view pre) {
  constexpr std::array<std::string_view, 6> kPre = {"llama3",  "llama-v3", "llama-bpe",
                                                    "falcon3", "pixtral",  "tekken"};
  return model.add_bos || std::ranges::find(kPre, pre) != kPre.end();
}

bool has_scores(Kind kind) {
  return kind == Kind::sentencepiece_bpe || kind == Kind::sentencepiece_unigram ||
         kind == Kind::plamo2;
}

Result<void> read_id(const formats::GgufFile& file, std::string_view name,
                     std::optional<Token>& id) {
  if (file.find(key(name)) == nullptr) return {};
  WEFT_ASSIGN(id, file.get_u32(key(name)));
  return {};
}

Result<void> read_ids(const formats::GgufFile& file, text::Vocabulary& vocabulary) {
  text::SpecialIds& ids = vocabulary.special;
  WEFT_TRY(read_id(file, "bos_token_id", ids.bos));
  WEFT_TRY(read_id(file, "eos_token_id", ids.eos));
  if (vocabulary.kind == Kind::word_piece) {  // texts are [CLS] text [SEP]
    WEFT_TRY(read_id(file, "cls_token_id", ids.bos));
    WEFT_TRY(read_id(file, "seperator_token_id", ids.eos));
  }
  WEFT_TRY(read_id(file, "eot_token_id", ids.eot));
  WEFT_TRY(read_id(file, "eom_token_id", ids.eom));
  return read_id(file, "unknown_token_id", ids.unknown);
}

// What is done to a text before it is cut.
Result<void> read_normalizer(const formats::GgufFile& file, text::Vocabulary& vocabulary) {
  if (vocabulary.kind == Kind::sentencepiece_unigram) {
    WEFT_ASSIGN(vocabulary.remove_extra_spaces,
                file.get_bool_or(key("remove_extra_whitespaces"), false));
    if (const auto* map = file.find(key("precompiled_charsmap"))) {
      const auto* bytes = reinterpret_cast<const char*>(map->bytes.data());
      const bool is_bytes = map->element_type == formats::GgufType::kU8 ||
                            map->element_type == formats::GgufType::kI8;
      if (!is_bytes) {
        return fail("Key '{}' is {}, and an array of bytes was wanted.",
                    key("precompiled_charsmap"), map->type_name());
      }
      vocabulary.charsmap.assign(bytes, bytes + map->bytes.size());
    }
  }
  if (vocabulary.kind == Kind::word_piece) {
    WEFT_ASSIGN(vocabulary.lowercase, file.get_bool_or(key("normalizer.lowercase"), true));
    WEFT_ASSIGN(vocabulary.strip_accents,
                file.get_bool_or(key("normalizer.strip_accents"), vocabulary.lowercase));
  }
  return {};
}

}  // namespace

Result<text::Vocabulary> vocabulary_from_gguf(const formats::GgufFile& file) {
  WEFT_ASSIGN(const std::string_view name, file.get_string_or(key("model"), "none"));
  if (name == "none") return fail("'{}' has no vocabulary.", file.name());
  const auto* model = std::ranges::find(kModels, name, &Model::name);
  if (model == std::end(kModels)) {
    return fail("'{}' has a vocabulary of the kind '{}', which is not supported.", file.name(),
                name);
  }
  text::Vocabulary vocabulary{.kind = model->kind};
  if (model->kind == Kind::byte_level_bpe) {
    WEFT_ASSIGN(vocabulary.pre, file.get_string_or(key("pre"), "default"));
  }
  if (model->kind == Kind::byte_level_bpe || model->kind == Kind::character_bpe) {
    WEFT_ASSIGN(vocabulary.merges, file.get_strings(key("merges")));
  }
  if (has_scores(model->kind)) {
    WEFT_ASSIGN(vocabulary.scores, file.get_f32s(key("scores")));
  }
  WEFT_ASSIGN(vocabulary.tokens, file.get_strings(key("tokens")));
  if (file.find(key("token_type")) != nullptr) {
    WEFT_ASSIGN(vocabulary.types, file.get_i32s(key("token_type")));
  }
  WEFT_TRY(read_ids(file, vocabulary));
  WEFT_TRY(read_normalizer(file, vocabulary));
  const bool has_bos = begins_with_bos(*model, vocabulary.pre);
  WEFT_ASSIGN(vocabulary.special.add_bos, file.get_bool_or(key("add_bos_token"), has_bos));
  WEFT_ASSIGN(vocabulary.special.add_eos, file.get_bool_or(key("add_eos_token"), model->add_eos));
  WEFT_ASSIGN(vocabulary.add_space_prefix,
              file.get_bool_or(key("add_space_prefix"), model->add_space_prefix));
  return vocabulary;
}

Result<std::string_view> chat_template_from_gguf(const formats::GgufFile& file, TemplateUse use) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  constexpr std::string_view kToolKey = "tokenizer.chat_template.tool_use";
  if (use == TemplateUse::tools && file.find(kToolKey) != nullptr) return file.get_string(kToolKey);
  if (file.find(kKey) == nullptr) return fail("'{}' has no chat template.", file.name());
  return file.get_string(kKey);
}

}  // namespace weft::engine
