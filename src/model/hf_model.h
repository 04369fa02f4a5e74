// A Hugging Face folder (config.json and safetensors) as a ModelFile.
#pragma once

#include "model/hf_folder.h"
#include "model/model_file.h"

namespace weft::model {

// Our name of a key or tensor, and that of config.json or the safetensors file. Names of tensors
// are without ".weight" and ".bias", but where the two end differently; "{}" stands for the number
// of a layer, or of an expert.
struct HfName {
  std::string_view ours;
  std::string_view theirs;
};

// How an architecture's folders differ from those of Llama.
struct HfLayout {
  std::span<const HfName> fields;
  std::span<const HfName> tensors;
  std::span<const std::string_view> ignored_tensors;  // parts of names: buffers without effect
  std::span<const std::string_view> transposed;       // our names of matrices stored [cols, rows]
  // Where a model for more than text has the tensors that others have under "model."; the fields
  // of its text part are in an object 'text_config'. Empty: there is no such model.
  std::string_view text_part = {};
  // A JSON object with the fields that this part may leave out: the family's, in Transformers.
  std::string_view text_defaults = {};
};

// Their first name for a key of ours (empty where they have none), and for a tensor of ours with
// its
// ".weight" or ".bias".
[[nodiscard]] std::string_view hf_field(const HfLayout& layout, std::string_view ours);
[[nodiscard]] std::string hf_tensor(const HfLayout& layout, std::string_view ours);
// Whether they store a matrix [cols, rows].
[[nodiscard]] bool is_transposed_in_folders(const HfLayout& layout, std::string_view ours);

class HfModel final : public ModelFile {
 public:
  HfModel(const HfFolder& folder, std::string_view architecture, const HfLayout& layout);

  [[nodiscard]] const std::string& architecture() const override { return architecture_; }
  [[nodiscard]] bool has(std::string_view key) const override { return find(key) != nullptr; }
  [[nodiscard]] std::string describe(std::string_view key) const override;
  [[nodiscard]] Result<uint32_t> u32(std::string_view key) const override;
  [[nodiscard]] Result<float> f32(std::string_view key) const override;
  [[nodiscard]] Result<bool> flag(std::string_view key) const override;
  [[nodiscard]] Result<std::string> text(std::string_view key) const override;
  [[nodiscard]] Result<std::vector<bool>> flags(std::string_view key) const override;
  [[nodiscard]] std::string tensor_name(std::string_view name) const override;
  [[nodiscard]] Result<std::optional<formats::TensorView>> find_tensor(
      std::string_view name) const override;
  [[nodiscard]] bool is_transposed(std::string_view name) const override;
  [[nodiscard]] std::vector<std::string_view> tensor_names() const override;
  [[nodiscard]] Result<void> expect_only_keys(
      std::span<const std::string_view> known) const override;
  [[nodiscard]] const nlohmann::json* config() const override { return &config_; }

  // GGUF's name of a tensor of the folder; nothing where it has none.
  [[nodiscard]] std::optional<std::string> gguf_name(std::string_view tensor) const;

 private:
  [[nodiscard]] const nlohmann::json* find(std::string_view key) const;
  [[nodiscard]] std::string in_folder(std::string name) const;

  const HfFolder& folder_;
  nlohmann::json config_;  // fields of text_config among the others
  std::string architecture_;
  const HfLayout& layout_;
  bool has_text_part_;
};

}  // namespace weft::model
