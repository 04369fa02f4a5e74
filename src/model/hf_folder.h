// A Hugging Face folder: config.json, and tensors of ggml's types from its safetensors files.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/safetensors.h"
#include "formats/tensor_view.h"
#include "model/hf_quantization.h"

namespace weft::model {

// An opened folder. Spec and views of its tensors point into it.
class HfFolder {
 public:
  [[nodiscard]] static Result<HfFolder> open(const std::filesystem::path& path);
  // Of the text of config.json, and of weights that are quantised as it says.
  [[nodiscard]] static Result<HfFolder> parse(std::string_view config,
                                              formats::SafetensorsFolder weights);

  [[nodiscard]] const std::filesystem::path& path() const { return weights_.path(); }
  [[nodiscard]] const nlohmann::json& config() const { return config_; }
  // As they lie in the files.
  [[nodiscard]] const formats::SafetensorsFolder& weights() const { return weights_; }

  // Tensors with weights that are quantised in the files decoded; of these, the names of their
  // parts stand for nothing.
  [[nodiscard]] bool has(std::string_view tensor) const;
  [[nodiscard]] bool is_decoded(std::string_view tensor) const;
  [[nodiscard]] std::vector<std::string_view> tensor_names() const;
  [[nodiscard]] Result<std::optional<formats::TensorView>> find(std::string_view tensor) const;

 private:
  [[nodiscard]] static Result<HfFolder> make(nlohmann::json config,
                                             const std::optional<nlohmann::json>& quantization,
                                             formats::SafetensorsFolder weights);
  HfFolder(nlohmann::json config, formats::SafetensorsFolder weights, DecodedWeights decoded)
      : config_(std::move(config)), weights_(std::move(weights)), decoded_(std::move(decoded)) {}

  nlohmann::json config_;
  formats::SafetensorsFolder weights_;
  DecodedWeights decoded_;
};

}  // namespace weft::model
