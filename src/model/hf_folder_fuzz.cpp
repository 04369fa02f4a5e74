// libFuzzer: the text of a config.json, a zero byte, and any bytes as the safetensors file beside
// it: as a folder, decoded where it is quantised, and as a model.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "model/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weft;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\0');
  if (end == std::string_view::npos) return 0;
  auto weights =
      formats::SafetensorsFile::parse(std::as_bytes(std::span(input.substr(end + 1))), "fuzz");
  if (!weights) return 0;
  const auto folder = model::HfFolder::parse(input.substr(0, end),
                                             formats::SafetensorsFolder::of(std::move(*weights)));
  if (!folder) return 0;
  for (const std::string_view name : folder->tensor_names()) CHECK(folder->has(name));
  const auto spec = model::spec_from_folder(*folder);
  if (spec) CHECK(!spec->layers.empty() && !spec->quantization().empty());
  return 0;
}
