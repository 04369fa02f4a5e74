// --quantize: a model in another type, kept in the cache folder for the next time.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "cli/console.h"

namespace weft::cli {

// The GGUF file of `model` in `type`, a name that `weft quantize` takes: made where it is not there
// yet for files of this place, size and time, and this version of Weft. Copies that nobody has used
// for 30 days go when one is made.
[[nodiscard]] Result<std::filesystem::path> quantized_copy(const std::filesystem::path& model,
                                                           const std::string& type,
                                                           unsigned threads, Progress& progress);

}  // namespace weft::cli
