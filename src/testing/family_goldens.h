// The tiny models of src/testing/models, which Transformers made and ran (make_models.py).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/token.h"
#include "formats/gguf.h"
#include "model/hf_model.h"
#include "model/spec.h"

namespace weft::testing {

// Names of the folders in src/testing/models, sorted.
[[nodiscard]] std::vector<std::string> family_names();

struct GoldenPrompt {
  std::vector<Token> tokens;
  std::vector<float> logits;  // [tokens, vocab]
};
[[nodiscard]] std::vector<GoldenPrompt> golden_prompts(const std::string& family);
// Those of another folder.
[[nodiscard]] std::vector<GoldenPrompt> golden_prompts_in(const std::filesystem::path& folder);

// A family's model, from its safetensors folder and from its GGUF file.
class FamilyModel {
 public:
  explicit FamilyModel(const std::string& family);

  [[nodiscard]] const model::ModelSpec& from_folder() const { return from_folder_; }
  [[nodiscard]] const model::ModelSpec& from_gguf() const { return from_gguf_; }

 private:
  model::HfFolder folder_;
  formats::GgufFile gguf_;
  model::ModelSpec from_folder_, from_gguf_;
};

// The largest difference between logits and golden ones, relative to the range of the golden ones
// of the same position. [tokens, vocab] both.
[[nodiscard]] double largest_difference(std::span<const float> logits, const GoldenPrompt& golden);

// The same and 1 more for each position whose most likely token is another.
[[nodiscard]] double golden_difference(std::span<const float> logits, const GoldenPrompt& golden);

}  // namespace weft::testing
