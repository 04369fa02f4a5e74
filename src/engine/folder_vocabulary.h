// A folder's vocabulary in GGUF's terms.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "formats/gguf_file_writer.h"

namespace weft::engine {

// Sets the keys `tokenizer.*` from tokenizer.json and the files beside it. Embeddings have `rows`
// rows, and those behind the last token get a name too. GGUF names the way in which texts are cut
// into words: it is the one that gives the tokens that tokenizer.json gives; an error where none
// does.
[[nodiscard]] Result<void> add_vocabulary(const std::filesystem::path& folder, uint32_t rows,
                                          formats::GgufMetadata& metadata);

}  // namespace weft::engine
