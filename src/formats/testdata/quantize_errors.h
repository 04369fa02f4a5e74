// Made by make_quantize_errors.py with ggml; see there.
#pragma once

#include "formats/tensor_type.h"

// clang-format off
namespace weft::formats::golden {

struct QuantizeError {
  TensorType type;
  double plain, weighted;  // by importance
};
inline constexpr size_t kErrorRows = 16, kErrorCols = 2048;
inline constexpr QuantizeError kQuantizeErrors[] = {
    {TensorType::kQ4_0, 0.082666, 0.077811},
    {TensorType::kQ4_1, 0.076307, 0.067184},
    {TensorType::kQ5_0, 0.041300, 0.038567},
    {TensorType::kQ5_1, 0.036903, 0.032528},
    {TensorType::kQ8_0, 0.005176, 0.005175},
    {TensorType::kQ2_K, 0.289462, 0.258122},
    {TensorType::kQ3_K, 0.147278, 0.139562},
    {TensorType::kQ4_K, 0.069525, 0.068001},
    {TensorType::kQ5_K, 0.035243, 0.033971},
    {TensorType::kQ6_K, 0.017102, 0.016506},
    {TensorType::kIQ4_NL, 0.074511, 0.072778},
    {TensorType::kIQ4_XS, 0.075075, 0.073394},
    {TensorType::kMXFP4, 0.114936, 0.114799},
};

}  // namespace weft::formats::golden
