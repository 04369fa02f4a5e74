// libFuzzer: any text as a tokenizer.json, and a text for the tokenizer that comes of it.
#include <cstdint>

#include "base/check.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weft::text;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = Tokenizer::from_json(bytes, {});
  if (!tokenizer) return 0;
  const auto ids = tokenizer->encode(bytes.substr(0, 256), Special::parse, Bounds::of_model);
  if (!ids) return 0;  // words that its model has no token for
  for (const weft::Token id : *ids) CHECK(id < tokenizer->size());
  CHECK(tokenizer->decode(*ids).has_value());
  return 0;
}
