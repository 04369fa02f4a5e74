// The quantised weights of Hugging Face folders, as tensors of ggml's types: see
// quantization_config.h for the methods.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "formats/safetensors.h"
#include "formats/tensor_type.h"

namespace weft::model {

struct DecodedWeight {
  formats::TensorType type;
  std::vector<uint64_t> shape;  // as SafeTensor has it
  std::vector<std::byte> data;
};

struct DecodedWeights {
  std::map<std::string, DecodedWeight, std::less<>> weights;  // "….q_proj.weight"
  std::set<std::string, std::less<>> parts;  // tensors of the files that they took the place of
};

// `quantization`: config.json's `quantization_config`. An error for a method, or a field of one,
// that is not known.
[[nodiscard]] Result<DecodedWeights> decode_weights(const nlohmann::json& quantization,
                                                    const formats::SafetensorsFolder& folder);

// Of a folder without one: those that their names say are quantised.
[[nodiscard]] Result<DecodedWeights> decode_named_weights(const formats::SafetensorsFolder& folder);

}  // namespace weft::model
