// What arch/*.cpp read a model through: numbers within bounds, and weights whose shapes are checked
// as they are taken. It remembers what was taken, so that nothing is left out unnoticed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "model/model_file.h"
#include "model/spec.h"

namespace weft::model {

inline constexpr uint32_t kAny = 0xffffffff;

class Source {
 public:
  explicit Source(const ModelFile& file) : file_(file) {}

  [[nodiscard]] const ModelFile& file() const { return file_; }
  [[nodiscard]] bool is_gguf() const { return file_.config() == nullptr; }
  [[nodiscard]] bool has(std::string_view key) const { return file_.has(key); }

  // The value of a key, within [1, most]; where the key is missing, that of `fallback`, or an
  // error if there is none.
  [[nodiscard]] Result<uint32_t> count(std::string_view key, uint32_t most,
                                       std::optional<uint32_t> fallback = {}) const;
  // Finite and above zero, likewise.
  [[nodiscard]] Result<float> positive(std::string_view key,
                                       std::optional<float> fallback = {}) const;
  // Finite and not below zero; 0 where the key is missing.
  [[nodiscard]] Result<float> positive_or_zero(std::string_view key) const;
  [[nodiscard]] Result<uint32_t> count_or_zero(std::string_view key) const;
  [[nodiscard]] Result<bool> flag_or(std::string_view key, bool fallback) const;

  [[nodiscard]] Result<bool> has_tensor(const std::string& name) const;
  // The tensor of `rows` rows, of any type.
  [[nodiscard]] Result<Weight> matrix(const std::string& name, uint32_t rows, uint32_t cols);
  [[nodiscard]] Result<std::optional<Weight>> matrix_if_present(const std::string& name,
                                                                uint32_t rows, uint32_t cols);
  // `n` matrices [rows, cols], one below the other in one tensor.
  [[nodiscard]] Result<std::vector<Weight>> matrices(const std::string& name, uint32_t n,
                                                     uint32_t rows, uint32_t cols);
  // `n` vectors [size], likewise.
  [[nodiscard]] Result<std::vector<Weight>> vectors(const std::string& name, uint32_t n,
                                                    uint32_t size);
  // The tensor [size]: f32 in GGUF files, f32, f16 or bf16 in others.
  [[nodiscard]] Result<Weight> vector(const std::string& name, uint32_t size);
  [[nodiscard]] Result<std::optional<Weight>> vector_if_present(const std::string& name,
                                                                uint32_t size);
  // A tensor that a tied model has no use for.
  void ignore(const std::string& name) { taken_.insert(file_.tensor_name(name)); }
  // The tensors of a GGUF file's layers from this one on, which are none of the network's.
  void ignore_layers_from(uint32_t first);

  // An error for a tensor that was not taken.
  [[nodiscard]] Result<void> expect_no_more_tensors() const;

  // Memory for a tensor that is no part of the file; kept by the spec (ModelSpec::made).
  [[nodiscard]] std::span<std::byte> make(size_t size_bytes);
  [[nodiscard]] auto take_made() { return std::move(made_); }

 private:
  [[nodiscard]] Weight transposed(const Weight& weight);
  [[nodiscard]] Result<formats::TensorView> take(const std::string& name,
                                                 std::span<const uint64_t> dims);
  [[nodiscard]] Result<void> expect_vector_type(const formats::TensorView& tensor) const;

  const ModelFile& file_;
  std::unordered_set<std::string> taken_;
  std::vector<std::shared_ptr<const std::vector<std::byte>>> made_;
};

}  // namespace weft::model
