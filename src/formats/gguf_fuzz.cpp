// libFuzzer: parses any bytes as a GGUF file and reads all that the result shows.
#include <cstdint>

#include "formats/gguf.h"

namespace {

volatile uint64_t sink;

void read(std::span<const std::byte> bytes) {
  uint64_t sum = 0;
  for (const std::byte b : bytes) sum += std::to_integer<uint64_t>(b);
  sink = sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = weft::formats::GgufFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (!file) return 0;
  for (const weft::formats::GgufEntry& entry : file->metadata()) {
    read(entry.value.bytes);
    (void)file->get_u32(entry.key);
    (void)file->get_f32(entry.key);
    (void)file->get_i32s(entry.key);
    (void)file->get_f32s(entry.key);
    if (const auto strings = file->get_strings(entry.key)) {
      for (const std::string_view text : *strings) read(std::as_bytes(std::span(text)));
    }
  }
  for (const weft::formats::TensorView& tensor : file->tensors()) read(tensor.data);
  return 0;
}
