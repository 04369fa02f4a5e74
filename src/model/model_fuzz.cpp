// libFuzzer: any bytes as a GGUF file, and that as a model.
#include <cstdint>

#include "base/check.h"
#include "model/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = weft::formats::GgufFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (!file) return 0;
  const auto spec = weft::model::spec_from_gguf(*file);
  if (!spec) return 0;
  size_t made = 0;  // what is not in the file
  for (const auto& bytes : spec->made) made += bytes->size();
  CHECK(spec->weight_bytes() <= size + made && !spec->quantization().empty());
  return 0;
}
