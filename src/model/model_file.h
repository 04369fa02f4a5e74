// A model's metadata and tensors, in whichever kind of file: what Source reads for arch/*.cpp.
// Both are named as GGUF names them: the key "block_count" (without the architecture before it),
// the tensor "blk.0.attn_q.weight".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "formats/tensor_view.h"

namespace weft::model {

class ModelFile {
 public:
  virtual ~ModelFile() = default;

  [[nodiscard]] virtual const std::string& architecture() const = 0;
  [[nodiscard]] virtual bool has(std::string_view key) const = 0;
  // What errors call it: "Key 'llama.block_count'", "Field 'num_hidden_layers'".
  [[nodiscard]] virtual std::string describe(std::string_view key) const = 0;

  // An error where the key is missing, or of another kind.
  [[nodiscard]] virtual Result<uint32_t> u32(std::string_view key) const = 0;
  [[nodiscard]] virtual Result<float> f32(std::string_view key) const = 0;
  [[nodiscard]] virtual Result<bool> flag(std::string_view key) const = 0;
  [[nodiscard]] virtual Result<std::string> text(std::string_view key) const = 0;
  [[nodiscard]] virtual Result<std::vector<bool>> flags(std::string_view key) const = 0;

  // The file's own name for a tensor.
  [[nodiscard]] virtual std::string tensor_name(std::string_view name) const = 0;
  [[nodiscard]] virtual Result<std::optional<formats::TensorView>> find_tensor(
      std::string_view name) const = 0;
  // Whether a matrix is stored [cols, rows].
  [[nodiscard]] virtual bool is_transposed(std::string_view name) const = 0;
  // The file's own names of all tensors, but for those without effect.
  [[nodiscard]] virtual std::vector<std::string_view> tensor_names() const = 0;
  // An error for a key of the architecture that is neither among `known` nor known to be without
  // effect: it may change the maths.
  [[nodiscard]] virtual Result<void> expect_only_keys(
      std::span<const std::string_view> known) const = 0;

  // config.json, or null for a GGUF file: for the few things that the two say in different ways.
  [[nodiscard]] virtual const nlohmann::json* config() const = 0;
};

}  // namespace weft::model
