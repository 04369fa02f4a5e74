// A token's row of the embedding, as the first layer gets it.
#pragma once

#include <cstdint>
#include <span>

#include "base/token.h"
#include "model/spec.h"

namespace weft::backend {

// x = scale * embedding[token] + positions[pos], as far as the model has them.
void embed_token(const model::ModelSpec& spec, Token token, uint32_t pos, std::span<float> x);

}  // namespace weft::backend
