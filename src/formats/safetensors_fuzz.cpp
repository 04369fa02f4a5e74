// libFuzzer: parses any bytes as a safetensors file and reads all that the result shows.
#include <cstdint>

#include "base/check.h"
#include "formats/safetensors.h"

namespace {
volatile uint64_t sink;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file =
      weft::formats::SafetensorsFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (!file) return 0;
  uint64_t sum = 0;
  for (const weft::formats::SafeTensor& tensor : file->tensors()) {
    for (const std::byte b : tensor.data) sum += std::to_integer<uint64_t>(b);
    CHECK(file->find(tensor.name) == &tensor);
  }
  sink = sum;
  return 0;
}
