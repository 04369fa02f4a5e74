#include "backend/kv_type.h"

#include "formats/quote.h"

namespace weft::backend {

std::string_view name(KvType type) { return type == KvType::kF16 ? "f16" : "q8_0"; }

Result<KvType> find_kv_type(std::string_view wanted) {
  for (const KvType type : {KvType::kF16, KvType::kQ8_0}) {
    if (name(type) == wanted) return type;
  }
  return fail("A KV cache is kept as f16 or q8_0, and not as {}.", formats::quote(wanted));
}

}  // namespace weft::backend
