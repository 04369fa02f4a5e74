#include "engine/write_folder_text.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "engine/vocabulary.h"

namespace weft::engine {
namespace {

using nlohmann::ordered_json;

Result<void> write_json(const std::filesystem::path& path, const ordered_json& value) {
  const std::string text = value.dump(2) + "\n";
  return write_file(path, std::as_bytes(std::span(text)));
}

}  // namespace

Result<void> write_folder_text(const formats::GgufFile& file, const std::filesystem::path& folder) {
  WEFT_ASSIGN(const text::Vocabulary vocabulary, vocabulary_from_gguf(file));
  WEFT_ASSIGN(const text::Tokenizer tokenizer, text::Tokenizer::from_vocabulary(vocabulary));
  WEFT_ASSIGN(const std::string json, text::Tokenizer::json_of(vocabulary));
  WEFT_TRY(write_file(folder / "tokenizer.json", std::as_bytes(std::span(json))));
  const text::SpecialIds& ids = vocabulary.special;
  ordered_json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                         {"add_bos_token", ids.add_bos},
                         {"add_eos_token", ids.add_eos}};
  const std::pair<const char*, std::optional<Token>> named[] = {
      {"bos_token", ids.bos}, {"eos_token", ids.eos}, {"unk_token", ids.unknown}};
  for (const auto& [name, id] : named) {
    if (id) config[name] = vocabulary.tokens[*id];
  }
  if (const auto source = chat_template_from_gguf(file)) {
    config["chat_template"] = *source;
    const auto with_tools = chat_template_from_gguf(file, TemplateUse::tools);
    if (with_tools && *with_tools != *source) {
      config["chat_template"] = {{{"name", "default"}, {"template", *source}},
                                 {{"name", "tool_use"}, {"template", *with_tools}}};
    }
  }
  WEFT_TRY(write_json(folder / "tokenizer_config.json", config));
  ordered_json generation;
  if (ids.bos) generation["bos_token_id"] = *ids.bos;
  generation["eos_token_id"] = tokenizer.ends_of_generation();
  return write_json(folder / "generation_config.json", generation);
}

}  // namespace weft::engine
