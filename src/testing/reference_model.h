// A forward pass of a ModelSpec in double precision, written from the formulas and sharing nothing
// with the kernels but the decoding of quantised blocks: what backends are measured against.
#pragma once

#include <span>
#include <vector>

#include "base/token.h"
#include "model/spec.h"

namespace weft::testing {

// How keys and values are kept: exactly, or as binary16, as backends do.
enum class KvStore : uint8_t { kExact, kHalf };

// Logits of every position of one sequence that begins at position 0: [tokens][vocab].
// Tokens lie within the vocabulary. Slow: no cache, no threads.
[[nodiscard]] std::vector<std::vector<double>> reference_logits(const model::ModelSpec& spec,
                                                                std::span<const Token> tokens,
                                                                KvStore kv = KvStore::kExact);

}  // namespace weft::testing
