// `quantization_config` of config.json: how the weights of a Hugging Face folder are quantised.
#pragma once

#include <cstdint>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "formats/grouped_weight.h"

namespace weft::model {

enum class QuantizationMethod : uint8_t {
  kGroups,  // gptq, awq: formats/grouped_weight.h
  kFloat8,  // fp8, fbgemm_fp8, compressed-tensors' float-quantized: E4M3 with a scale a tensor, row
            // or block. Activations are not quantised, also where the method would
  kMxfp4,   // mxfp4: gpt-oss's experts
  kInt8Blocks,  // of no configuration: I8 with a scale for a block of a row, as the engine wgpu-llm
                // has them, known by the names NAME_q and NAME_scale
};

struct QuantizationConfig {
  QuantizationMethod method;
  // Of kGroups:
  formats::WordOrder order = formats::WordOrder::kGptq;
  uint32_t bits = 0;         // 4 or 8
  uint32_t group_size = 0;   // columns; 0: all are one group
  uint32_t zero_offset = 0;  // that zero points are stored less
  // Of kFloat8: the size of a block; 0: a scale is for a row or for all.
  uint32_t block_rows = 0;
  uint32_t block_cols = 0;
};

// An error for a method, or a field of one, that is not known.
[[nodiscard]] Result<QuantizationConfig> read_quantization_config(const nlohmann::json& config);

}  // namespace weft::model
