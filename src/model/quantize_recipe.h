// Which type each tensor gets when a model is quantised. Named types are llama.cpp's mixtures: most
// matrices have one type, and those that errors hurt most have one of more bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "formats/gguf_file_writer.h"
#include "model/file_type.h"

namespace weft::model {

struct QuantizeType {
  std::string_view name;     // "Q4_K_M"
  formats::TensorType type;  // of most matrices
  FileType file_type;
};

[[nodiscard]] std::span<const QuantizeType> quantize_types();
// By its name in any case, or an alias ("q4_k": Q4_K_M); an error that lists the names.
[[nodiscard]] Result<QuantizeType> find_quantize_type(std::string_view name);

// What a mixture depends on.
struct MixtureModel {
  std::string architecture;  // GGUF's name
  uint32_t n_layers = 0;
  uint32_t n_heads = 1, n_kv_heads = 1;
  uint32_t n_experts = 0;
  bool tied = false;  // there is no tensor output.weight
  bool has_importance = false;
};

// Whether quantising touches the tensor at all: not norms, biases, routers, positions.
[[nodiscard]] bool is_quantizable(const formats::GgufTensorInfo& tensor);

// The type for a quantisable tensor. Where its rows are no whole blocks it is one of smaller
// blocks, or F16.
[[nodiscard]] formats::TensorType mixed_type(const QuantizeType& wanted, const MixtureModel& model,
                                             const formats::GgufTensorInfo& tensor);
// The same without a mixture.
[[nodiscard]] formats::TensorType pure_type(const QuantizeType& wanted,
                                            const formats::GgufTensorInfo& tensor);

}  // namespace weft::model
