// The tensor types of ggml, known by name and size whether or not a kernel exists for them.
// Source: the GGUF specification and ggml's block structures.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weft::formats {

enum class TensorType : uint8_t {  // the values are GGUF's
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
  kQ1_0 = 41,
};

struct TensorTypeInfo {
  TensorType type;
  std::string_view name;    // as ggml prints it: "q4_K"
  uint32_t block_elements;  // elements in one block; a row holds whole blocks
  uint32_t block_bytes;
};

// Nothing where GGUF defines no such type.
[[nodiscard]] std::optional<TensorTypeInfo> tensor_type_info(uint32_t gguf_type);
[[nodiscard]] const TensorTypeInfo& info(TensorType type);
// Every type there is, in GGUF's order.
[[nodiscard]] std::span<const TensorTypeInfo> all_tensor_types();

}  // namespace weft::formats
