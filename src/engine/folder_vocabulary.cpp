#include "engine/folder_vocabulary.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/checked.h"
#include "base/file.h"
#include "engine/folder_text.h"
#include "formats/json.h"
#include "text/tokenizer.h"

namespace weft::engine {
namespace {

using nlohmann::json;
using text::Vocabulary;

// A text in which the ways to cut words differ.
constexpr std::string_view kProbe =
    "Hello World's I'LL can't 12345 3.14 na\u00efve  two   three\n\n\n tabs\t\tend \r\n"
    "\u4e2d\u6587\u5b57\u7b26\u6d4b\u8bd5 \u65e5\u672c\u8a9e\u30c6\u30ad\u30b9\u30c8 "
    "\ud55c\uad6d\uc5b4 \u0440\u0443\u0441\u0441\u043a\u0438\u0439 "
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0939\u093f\u0928\u094d\u0926\u0940 "
    "\U0001f600\U0001f44d!!! ... (a+b)=c; x_y /path/to/HTTPServer $100,000 #tag `code` ^~|<=>\n"
    "if (x == 10) {\n\treturn \"\u00e9t\u00e9\";\n}\n        don't STOP we'Re 1st 22nd 2024\u5e74  "
    "  ";

// Vocabulary with the memory that its views point into.
struct Owned {
  std::vector<std::string> tokens, merges;
  Vocabulary vocabulary;
};

Result<std::vector<std::string>> read_merges(const json& model) {
  std::vector<std::string> merges;
  for (const json& merge : model.value("merges", json::array())) {
    if (merge.is_string()) {
      merges.push_back(merge.get<std::string>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    } else {
      return fail("Merge {} of 'tokenizer.json' is {}.", merges.size(), merge.dump());
    }
  }
  return merges;
}

Result<void> put_token(Owned& out, const std::string& name, const json& id, int32_t type) {
  if (!id.is_number_unsigned() || id.get<uint64_t>() >= out.tokens.size()) {
    return fail("Token '{}' of 'tokenizer.json' has the id {}, and there are {} rows.", name,
                id.dump(), out.tokens.size());
  }
  out.tokens[id.get<size_t>()] = name;
  out.vocabulary.types[id.get<size_t>()] = type;
  return {};
}

bool is_byte(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with('>');
}

Result<void> read_tokens(const json& tokenizer, Owned& out) {
  const json& model = tokenizer.at("model");
  const bool has_bytes = model.value("byte_fallback", false);
  for (size_t id = 0; id < out.tokens.size(); ++id) out.tokens[id] = fmt::format("[PAD{}]", id);
  for (const auto& [token, id] : model.at("vocab").items()) {
    const bool is_one_byte = has_bytes && is_byte(token);
    WEFT_TRY(put_token(out, token, id, is_one_byte ? Vocabulary::kByte : Vocabulary::kNormal));
  }
  const std::string unknown = model.value("unk_token", json()).is_string()
                                  ? model.at("unk_token").get<std::string>()
                                  : std::string();
  for (const json& added : tokenizer.value("added_tokens", json::array())) {
    const auto content = added.at("content").get<std::string>();
    const bool is_unknown = has_bytes && content == unknown;
    const bool is_special = added.value("special", false);
    WEFT_TRY(put_token(out, content, added.at("id"),
                       is_unknown   ? Vocabulary::kUnknown
                       : is_special ? Vocabulary::kControl
                                    : Vocabulary::kUserDefined));
  }
  return {};
}

// SentencePiece merges the pair with the best score; tokenizer.json lists merges by their scores,
// best first.
std::vector<float> scores_of(const Owned& owned) {
  std::unordered_map<std::string, float> by_token;
  for (const std::string& merge : owned.merges) {
    std::string merged = merge;
    merged.erase(merged.find(' '), 1);
    by_token.emplace(std::move(merged), -static_cast<float>(by_token.size()));
  }
  std::vector<float> scores;
  float next = -static_cast<float>(by_token.size());  // single characters come after all merges
  for (const std::string& token : owned.tokens) {
    const auto found = by_token.find(token);
    scores.push_back(found == by_token.end() ? next-- : found->second);
  }
  return scores;
}

// Every way to cut words that the file may mean.
std::vector<Vocabulary> candidates(const Vocabulary& base, bool ignores_merges) {
  std::vector<Vocabulary> out;
  if (base.kind == Vocabulary::Kind::sentencepiece_bpe) {
    for (const bool prefix : {true, false}) out.emplace_back(base).add_space_prefix = prefix;
    return out;
  }
  constexpr std::string_view kWholeWords[] = {"llama-bpe", "tekken"};
  constexpr std::string_view kMerged[] = {
      "gpt-2",   "smollm",       "qwen2",          "dbrx",        "gpt-4o",
      "qwen35",  "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon",
      "default", "seed-coder",   "bloom",          "viking",      "minicpm5",
      "jais-2",  "exaone-moe",   "bailingmoe",     "tiny_aya",    "kimi-k2"};
  const auto names = ignores_merges ? std::span<const std::string_view>(kWholeWords)
                                    : std::span<const std::string_view>(kMerged);
  for (const std::string_view name : names) out.emplace_back(base).pre = name;
  return out;
}

Result<Vocabulary> matching(const Vocabulary& base, const json& tokenizer,
                            const text::Tokenizer& wanted) {
  const auto encoded = [](const text::Tokenizer& t) {
    return t.encode(kProbe, text::Special::as_text, text::Bounds::none);
  };
  WEFT_ASSIGN(const std::vector<Token> tokens, encoded(wanted));
  for (Vocabulary& candidate :
       candidates(base, tokenizer.at("model").value("ignore_merges", false))) {
    WEFT_ASSIGN(const auto built, text::Tokenizer::from_vocabulary(candidate));
    WEFT_ASSIGN(const std::vector<Token> got, encoded(built));
    if (got == tokens) return std::move(candidate);
  }
  return fail("GGUF has no name for the way in which 'tokenizer.json' cuts texts into words.");
}

void set_ids(const text::SpecialIds& ids, formats::GgufMetadata& metadata) {
  const auto set = [&](const char* key, const std::optional<Token>& id) {
    if (id) metadata.set(fmt::format("tokenizer.ggml.{}_token_id", key), *id);
  };
  set("bos", ids.bos);
  set("eos", ids.eos);
  set("eot", ids.eot);
  set("eom", ids.eom);
  set("unknown", ids.unknown);
  metadata.set_flag("tokenizer.ggml.add_bos_token", ids.add_bos);
  metadata.set_flag("tokenizer.ggml.add_eos_token", ids.add_eos);
}

void set_vocabulary(const Owned& owned, const Vocabulary& found, formats::GgufMetadata& metadata) {
  const bool is_sentencepiece = found.kind == Vocabulary::Kind::sentencepiece_bpe;
  metadata.set("tokenizer.ggml.model", is_sentencepiece ? "llama" : "gpt2");
  metadata.set("tokenizer.ggml.pre", is_sentencepiece ? "default" : found.pre);
  metadata.set("tokenizer.ggml.tokens", std::span<const std::string>(owned.tokens));
  metadata.set("tokenizer.ggml.token_type", std::span<const int32_t>(found.types));
  if (is_sentencepiece) {
    metadata.set("tokenizer.ggml.scores", std::span<const float>(found.scores));
    metadata.set_flag("tokenizer.ggml.add_space_prefix", found.add_space_prefix);
  } else {
    metadata.set("tokenizer.ggml.merges", std::span<const std::string>(owned.merges));
  }
  set_ids(found.special, metadata);
}

Result<void> add(const std::filesystem::path& folder, uint32_t rows,
                 formats::GgufMetadata& metadata) {
  WEFT_ASSIGN(const text::Tokenizer wanted, tokenizer_from_folder(folder));
  WEFT_ASSIGN(const std::string text, read_text_file(folder / "tokenizer.json"));
  WEFT_ASSIGN(const json tokenizer, formats::parse_json(text, "'tokenizer.json'"));
  const json& model = tokenizer.at("model");
  if (model.value("type", "BPE") != "BPE") {
    return fail("The tokenizer is of the kind '{}', and only 'BPE' can be converted.",
                model.at("type").get<std::string>());
  }
  Owned owned;
  owned.tokens.resize(rows);
  owned.vocabulary.types.assign(rows, Vocabulary::kUnused);
  WEFT_TRY(read_tokens(tokenizer, owned));
  WEFT_ASSIGN(owned.merges, read_merges(model));
  Vocabulary& vocabulary = owned.vocabulary;
  vocabulary.tokens.assign(owned.tokens.begin(), owned.tokens.end());
  if (model.value("byte_fallback", false)) {
    vocabulary.kind = Vocabulary::Kind::sentencepiece_bpe;
    vocabulary.scores = scores_of(owned);
  } else {
    vocabulary.merges.assign(owned.merges.begin(), owned.merges.end());
  }
  WEFT_ASSIGN(vocabulary.special, special_ids_from_folder(folder, tokenizer));
  WEFT_ASSIGN(const Vocabulary found, matching(vocabulary, tokenizer, wanted));
  set_vocabulary(owned, found, metadata);
  if (const auto chat_template = chat_template_from_folder(folder)) {
    metadata.set("tokenizer.chat_template", *chat_template);
    const auto with_tools = chat_template_from_folder(folder, TemplateUse::tools);
    if (with_tools && *with_tools != *chat_template) {
      metadata.set("tokenizer.chat_template.tool_use", *with_tools);
    }
  }
  return {};
}

}  // namespace

Result<void> add_vocabulary(const std::filesystem::path& folder, uint32_t rows,
                            formats::GgufMetadata& metadata) {
  try {
    return add(folder, rows, metadata);
  } catch (const json::exception& error) {
    return fail("'tokenizer.json' is not as it should be: {}.", error.what());
  }
}

}  // namespace weft::engine
