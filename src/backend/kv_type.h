// How keys or values lie in the KV cache.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace weft::backend {

enum class KvType : uint8_t {
  kF16,
  kQ8_0,  // signed bytes and a binary16 scale for each 32 of a head's values
};

struct KvTypes {
  KvType keys = KvType::kF16;
  KvType values = KvType::kF16;

  bool operator==(const KvTypes&) const = default;
};

// As llama.cpp and GGUF call them: "f16", "q8_0".
[[nodiscard]] std::string_view name(KvType type);
// An error that lists those there are.
[[nodiscard]] Result<KvType> find_kv_type(std::string_view name);

}  // namespace weft::backend
