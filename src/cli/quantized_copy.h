// --quantize: a model in another type, for as long as it takes to load it.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "base/error.h"
#include "cli/console.h"

namespace weft::cli {

// A GGUF file in a folder of its own in the cache folder, which goes with the object. A model that
// was loaded from it has it mapped and goes on.
class QuantizedCopy {
 public:
  // `type` is a name that `weft quantize` takes.
  [[nodiscard]] static Result<QuantizedCopy> make(const std::filesystem::path& model,
                                                  const std::string& type, unsigned threads,
                                                  Progress& progress);
  QuantizedCopy(QuantizedCopy&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  QuantizedCopy& operator=(QuantizedCopy&&) = delete;
  ~QuantizedCopy();

  [[nodiscard]] std::filesystem::path path() const { return folder_ / "model.gguf"; }

 private:
  explicit QuantizedCopy(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
};

}  // namespace weft::cli
