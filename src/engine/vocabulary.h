// What a GGUF file says about text.
#pragma once

#include "base/error.h"
#include "formats/gguf.h"
#include "text/tokenizer.h"

namespace weft::engine {

// From the keys `tokenizer.ggml.*`. An error where the file has no vocabulary, or one of a kind
// that is not known. The views point into the file.
[[nodiscard]] Result<text::Vocabulary> vocabulary_from_gguf(const formats::GgufFile& file);

// Some models have a template of its own for conversations with tools.
enum class TemplateUse : uint8_t { chat, tools };

// `tokenizer.chat_template`, or with tools `tokenizer.chat_template.tool_use` where the file has
// it; an error where there is none.
[[nodiscard]] Result<std::string_view> chat_template_from_gguf(const formats::GgufFile& file,
                                                               TemplateUse use = TemplateUse::chat);

}  // namespace weft::engine
