// What a GGUF file says about text.
#pragma once

#include "base/error.h"
#include "formats/gguf.h"
#include "text/tokenizer.h"

namespace weft::engine {

// From the keys `tokenizer.ggml.*`. An error where the file has no vocabulary, or one of a kind
// that is not known. The views point into the file.
[[nodiscard]] Result<text::Vocabulary> vocabulary_from_gguf(const formats::GgufFile& file);

// `tokenizer.chat_template`; an error where there is none.
[[nodiscard]] Result<std::string_view> chat_template_from_gguf(const formats::GgufFile& file);

}  // namespace weft::engine
