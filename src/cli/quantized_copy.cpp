#include "cli/quantized_copy.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "cli/gguf_source.h"

namespace weft::cli {

Result<QuantizedCopy> QuantizedCopy::make(const std::filesystem::path& model,
                                          const std::string& type, unsigned threads,
                                          Progress& progress) {
  WEFT_ASSIGN(const model::QuantizeType wanted, model::find_quantize_type(type));
  WEFT_ASSIGN(GgufSource source, open_gguf_source(model));
  WEFT_ASSIGN(const std::filesystem::path cache, cache_dir());
  std::error_code ignored;
  std::filesystem::create_directories(cache, ignored);
  std::string folder = (cache / "quantized-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    return fail("Could not create '{}': {}.", folder, std::strerror(errno));
  }
  QuantizedCopy copy{std::filesystem::path(folder)};
  const auto on_progress = [&](uint64_t done, uint64_t all) {
    progress.update("quantising", done, all);
  };
  WEFT_TRY(model::write_image(std::move(source.image), {.type = wanted, .threads = threads},
                              copy.path(), {.on_progress = on_progress}));
  return copy;
}

QuantizedCopy::~QuantizedCopy() {
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace weft::cli
