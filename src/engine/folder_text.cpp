#include "engine/folder_text.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "formats/json.h"
#include "formats/quote.h"
#include "text/sentencepiece_model.h"

namespace weft::engine {
namespace {

using nlohmann::json;

// An empty object where there is no such file.
Result<json> read_json(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return json::object();
  WEFT_ASSIGN(const std::string text, read_text_file(path));
  WEFT_ASSIGN(json value, formats::parse_json(text, formats::quote(path.string())));
  if (!value.is_object()) return fail("{} is no object.", formats::quote(path.string()));
  return value;
}

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// The text of a special token, which the file has as it is or as the content of an object.
std::string token_text(const json& config, const char* name) {
  const json* value = member(config, name);
  if (value != nullptr && value->is_object()) value = member(*value, "content");
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<Token> id_of(const json& tokenizer, const std::string& text) {
  const json* added = member(tokenizer, "added_tokens");
  if (text.empty() || added == nullptr || !added->is_array()) return std::nullopt;
  for (const json& token : *added) {
    const json* id = member(token, "id");
    if (token_text(token, "content") == text && id != nullptr && id->is_number_unsigned()) {
      return id->get<Token>();
    }
  }
  return std::nullopt;
}

// Whether the post-processor, or one of a sequence of them, puts the token `text` at the place
// `index` (0: first, -1: last) of what a text becomes.
bool is_added(const json& processor, const std::string& text, int index) {
  if (const json* parts = member(processor, "processors"); parts != nullptr && parts->is_array()) {
    return std::ranges::any_of(*parts, [&](const json& p) { return is_added(p, text, index); });
  }
  const json* single = member(processor, "single");
  if (single == nullptr || !single->is_array() || single->empty() || text.empty()) return false;
  const json* special = member(index == 0 ? single->front() : single->back(), "SpecialToken");
  return special != nullptr && token_text(*special, "id") == text;
}

bool flag(const json& config, const char* name, bool otherwise) {
  const json* value = member(config, name);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
}

// generation_config.json's ids, of which there may be several, besides eos.
void add_ends(const json& generation, text::SpecialIds& ids) {
  const json* ends = member(generation, "eos_token_id");
  if (ends == nullptr) return;
  for (const json& end : ends->is_array() ? *ends : json::array({*ends})) {
    if (!end.is_number_unsigned()) continue;
    const auto id = end.get<Token>();
    if (!ids.eos) ids.eos = id;
    if (id == ids.eos) continue;
    (ids.eot ? ids.eom : ids.eot) = id;
  }
}

// A token that a folder adds to SentencePiece's own.
struct AddedToken {
  std::string text;
  text::Vocabulary::Type type;
};

// By id: `added_tokens_decoder` of tokenizer_config.json, and what is only in added_tokens.json.
Result<std::map<Token, AddedToken>> added_tokens(const std::filesystem::path& folder,
                                                 const json& config) {
  constexpr Token kMaxId = 1 << 24;
  std::map<Token, AddedToken> out;
  const json none = json::object();
  const json* decoder = member(config, "added_tokens_decoder");
  for (const auto& [id, token] : (decoder == nullptr ? none : *decoder).items()) {
    Token number = 0;
    const auto parsed = std::from_chars(id.data(), id.data() + id.size(), number);
    if (parsed.ptr != id.data() + id.size() || number > kMaxId) {
      return fail("Field 'added_tokens_decoder' of 'tokenizer_config.json' has the id {}.",
                  formats::quote(id));
    }
    const bool is_special = flag(token, "special", false);
    out[number] = {
        .text = token_text(token, "content"),
        .type = is_special ? text::Vocabulary::kControl : text::Vocabulary::kUserDefined};
  }
  WEFT_ASSIGN(const json more, read_json(folder / "added_tokens.json"));
  for (const auto& [content, id] : more.items()) {
    if (!id.is_number_unsigned() || id > kMaxId) {
      return fail("Token {} of 'added_tokens.json' has the id {}.", formats::quote(content),
                  formats::quote(id.dump()));
    }
    out.try_emplace(id.get<Token>(), AddedToken{content, text::Vocabulary::kUserDefined});
  }
  return out;
}

// Adds them to the vocabulary, whose views will point into `added`.
void add_tokens(const std::map<Token, AddedToken>& added, text::Vocabulary& vocabulary) {
  for (const auto& [id, token] : added) {
    if (id >= vocabulary.tokens.size()) {
      vocabulary.tokens.resize(id + 1);
      vocabulary.scores.resize(id + 1);
      vocabulary.types.resize(id + 1, text::Vocabulary::kUnused);
    }
    vocabulary.tokens[id] = token.text;
    const bool is_byte = vocabulary.types[id] == text::Vocabulary::kByte;
    const bool is_unknown = vocabulary.types[id] == text::Vocabulary::kUnknown;
    if (!is_byte && !is_unknown) vocabulary.types[id] = token.type;
  }
}

std::optional<Token> find_token(const text::Vocabulary& vocabulary, const std::string& text) {
  const auto found = std::ranges::find(vocabulary.tokens, text);
  if (text.empty() || found == vocabulary.tokens.end()) return std::nullopt;
  return static_cast<Token>(found - vocabulary.tokens.begin());
}

Result<text::Tokenizer> tokenizer_from_sentencepiece(const std::filesystem::path& folder) {
  WEFT_ASSIGN(const std::string bytes, read_text_file(folder / "tokenizer.model"));
  WEFT_ASSIGN(text::Vocabulary vocabulary, text::vocabulary_from_sentencepiece(bytes));
  WEFT_ASSIGN(const json config, read_json(folder / "tokenizer_config.json"));
  WEFT_ASSIGN(const json generation, read_json(folder / "generation_config.json"));
  WEFT_ASSIGN(const auto added, added_tokens(folder, config));
  add_tokens(added, vocabulary);
  text::SpecialIds& ids = vocabulary.special;
  if (const auto bos = find_token(vocabulary, token_text(config, "bos_token"))) ids.bos = bos;
  if (const auto eos = find_token(vocabulary, token_text(config, "eos_token"))) ids.eos = eos;
  add_ends(generation, ids);
  ids.add_bos = ids.bos && flag(config, "add_bos_token", ids.add_bos);
  ids.add_eos = ids.eos && flag(config, "add_eos_token", ids.add_eos);
  return text::Tokenizer::from_vocabulary(vocabulary);
}

}  // namespace

Result<text::SpecialIds> special_ids_from_folder(const std::filesystem::path& folder,
                                                 const json& tokenizer) {
  WEFT_ASSIGN(const json config, read_json(folder / "tokenizer_config.json"));
  WEFT_ASSIGN(const json generation, read_json(folder / "generation_config.json"));
  const std::string bos = token_text(config, "bos_token");
  const std::string eos = token_text(config, "eos_token");
  text::SpecialIds ids{.bos = id_of(tokenizer, bos),
                       .eos = id_of(tokenizer, eos),
                       .unknown = id_of(tokenizer, token_text(config, "unk_token"))};
  add_ends(generation, ids);
  const json* processor = member(tokenizer, "post_processor");
  const json none;
  const json& processes = processor == nullptr ? none : *processor;
  ids.add_bos = ids.bos && flag(config, "add_bos_token", is_added(processes, bos, 0));
  ids.add_eos = ids.eos && flag(config, "add_eos_token", is_added(processes, eos, -1));
  return ids;
}

Result<text::Tokenizer> tokenizer_from_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  const bool has_json = std::filesystem::exists(folder / "tokenizer.json", ignored);
  if (!has_json && std::filesystem::exists(folder / "tokenizer.model", ignored)) {
    return tokenizer_from_sentencepiece(folder);
  }
  WEFT_ASSIGN(const std::string text, read_text_file(folder / "tokenizer.json"));
  WEFT_ASSIGN(const json tokenizer, formats::parse_json(text, "'tokenizer.json'"));
  WEFT_ASSIGN(const text::SpecialIds ids, special_ids_from_folder(folder, tokenizer));
  return text::Tokenizer::from_json(text, ids);
}

Result<std::string> chat_template_from_folder(const std::filesystem::path& folder,
                                              TemplateUse use) {
  const bool with_tools = use == TemplateUse::tools;
  WEFT_ASSIGN(const json config, read_json(folder / "tokenizer_config.json"));
  const json* source = member(config, "chat_template");
  const auto named = [&](std::string_view name) -> std::optional<std::string> {
    if (source == nullptr || !source->is_array()) return std::nullopt;
    for (const json& one : *source) {
      if (token_text(one, "name") == name) return token_text(one, "template");
    }
    return std::nullopt;
  };
  const std::filesystem::path files[] = {
      with_tools ? folder / "additional_chat_templates" / "tool_use.jinja"
                 : std::filesystem::path(),
      folder / "chat_template.jinja"};
  std::error_code ignored;
  for (const std::filesystem::path& file : files) {
    if (std::filesystem::exists(file, ignored)) return read_text_file(file);
  }
  if (const auto tool_use = with_tools ? named("tool_use") : std::nullopt) return *tool_use;
  if (const auto usual = named("default")) return *usual;
  if (source != nullptr && source->is_string()) return source->get<std::string>();
  return fail("{} has no chat template.", formats::quote(folder.string()));
}

}  // namespace weft::engine
