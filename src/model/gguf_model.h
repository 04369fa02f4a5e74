// A GGUF file as a ModelFile.
#pragma once

#include "formats/gguf.h"
#include "model/model_file.h"

namespace weft::model {

class GgufModel final : public ModelFile {
 public:
  // `architecture` begins the names of its keys: "llama" for "llama.block_count".
  GgufModel(const formats::GgufFile& file, std::string_view architecture)
      : file_(file), architecture_(architecture) {}

  [[nodiscard]] const std::string& architecture() const override { return architecture_; }
  [[nodiscard]] bool has(std::string_view key) const override;
  [[nodiscard]] std::string describe(std::string_view key) const override;
  [[nodiscard]] Result<uint32_t> u32(std::string_view key) const override;
  [[nodiscard]] Result<float> f32(std::string_view key) const override;
  [[nodiscard]] Result<bool> flag(std::string_view key) const override;
  [[nodiscard]] Result<std::string> text(std::string_view key) const override;
  [[nodiscard]] Result<std::vector<bool>> flags(std::string_view key) const override;
  [[nodiscard]] std::string tensor_name(std::string_view name) const override;
  [[nodiscard]] Result<std::optional<formats::TensorView>> find_tensor(
      std::string_view name) const override;
  [[nodiscard]] bool is_transposed(std::string_view) const override { return false; }
  [[nodiscard]] std::vector<std::string_view> tensor_names() const override;
  [[nodiscard]] Result<void> expect_only_keys(
      std::span<const std::string_view> known) const override;
  [[nodiscard]] const nlohmann::json* config() const override { return nullptr; }

 private:
  [[nodiscard]] std::string full(std::string_view key) const;

  const formats::GgufFile& file_;
  std::string architecture_;
};

}  // namespace weft::model
