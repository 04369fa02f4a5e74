// What a Hugging Face folder says about text: tokenizer.json or tokenizer.model,
// tokenizer_config.json, chat_template.jinja and the ends of generation in generation_config.json.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "engine/vocabulary.h"
#include "text/tokenizer.h"

namespace weft::engine {

// From tokenizer.json, or else SentencePiece's tokenizer.model with the tokens that
// tokenizer_config.json and added_tokens.json add; an error where both are missing or of a kind
// that is not known.
[[nodiscard]] Result<text::Tokenizer> tokenizer_from_folder(const std::filesystem::path& folder);

// Beginning and ends of texts, and whether they are added, for the folder's tokenizer.json.
[[nodiscard]] Result<text::SpecialIds> special_ids_from_folder(const std::filesystem::path& folder,
                                                               const nlohmann::json& tokenizer);

// The source of the template; of several the one called "default", or with tools "tool_use". An
// error where there is none.
[[nodiscard]] Result<std::string> chat_template_from_folder(const std::filesystem::path& folder,
                                                            TemplateUse use = TemplateUse::chat);

}  // namespace weft::engine
