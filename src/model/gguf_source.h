// What arch/*.cpp read a GGUF file through: keys of one architecture, and weights whose shapes are
// checked as they are taken. It remembers what was taken, so that nothing is left out unnoticed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "model/spec.h"

namespace weft::model {

class GgufSource {
 public:
  // `architecture` begins the names of its keys: "llama" for "llama.block_count".
  GgufSource(const formats::GgufFile& file, std::string_view architecture)
      : file_(file), architecture_(architecture) {}

  [[nodiscard]] const formats::GgufFile& file() const { return file_; }
  // "block_count" to "llama.block_count".
  [[nodiscard]] std::string key(std::string_view suffix) const;
  [[nodiscard]] bool has(std::string_view suffix) const { return file_.find(key(suffix)); }

  // The value of a key, within [1, most]; where the key is missing, that of `fallback`, or an
  // error if there is none.
  [[nodiscard]] Result<uint32_t> count(std::string_view suffix, uint32_t most,
                                       std::optional<uint32_t> fallback = {}) const;
  // Finite and above zero, likewise.
  [[nodiscard]] Result<float> positive(std::string_view suffix,
                                       std::optional<float> fallback = {}) const;

  // An error for a key of the architecture that is not among `known`: it may change the maths.
  [[nodiscard]] Result<void> expect_only_keys(std::span<const std::string_view> known) const;

  // The tensor [cols, rows] in ggml's order, of any type.
  [[nodiscard]] Result<Weight> matrix(const std::string& name, uint32_t rows, uint32_t cols);
  // The tensor [size] of type f32.
  [[nodiscard]] Result<Weight> vector(const std::string& name, uint32_t size);
  [[nodiscard]] Result<std::optional<Weight>> vector_if_present(const std::string& name,
                                                                uint32_t size);

  // An error for a tensor that was not taken.
  [[nodiscard]] Result<void> expect_no_more_tensors() const;

 private:
  [[nodiscard]] Result<Weight> take(const std::string& name, uint32_t n_dims, uint32_t rows,
                                    uint32_t cols);

  const formats::GgufFile& file_;
  std::string architecture_;
  std::unordered_set<std::string> taken_;
};

}  // namespace weft::model
