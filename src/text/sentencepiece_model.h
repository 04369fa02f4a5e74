// SentencePiece's own file, tokenizer.model: a ModelProto in protobuf's wire format.
// Source: google/sentencepiece, src/sentencepiece_model.proto.
#pragma once

#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

namespace weft::text {

// The views of the result point into `bytes`. Its special ids are those that the file names; texts
// begin with bos in BPE vocabularies and end with eos in unigram ones, as those of Llama and T5 do.
[[nodiscard]] Result<Vocabulary> vocabulary_from_sentencepiece(std::string_view bytes);

}  // namespace weft::text
