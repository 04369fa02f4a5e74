// libFuzzer: any bytes as a SentencePiece model, and a text for the tokenizer that comes of it.
#include <cstdint>

#include "base/check.h"
#include "text/sentencepiece_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weft::text;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto vocabulary = vocabulary_from_sentencepiece(bytes);
  if (!vocabulary) return 0;
  const auto tokenizer = Tokenizer::from_vocabulary(*vocabulary);
  if (!tokenizer) return 0;
  const auto ids = tokenizer->encode(bytes, Special::parse, Bounds::of_model);
  CHECK(ids.has_value());
  CHECK(tokenizer->decode(*ids).has_value());
  return 0;
}
