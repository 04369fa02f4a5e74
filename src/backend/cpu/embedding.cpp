#include "backend/cpu/embedding.h"

#include <vector>

#include "backend/cpu/element_ops.h"
#include "base/check.h"
#include "formats/dequantize.h"

namespace weft::backend {
namespace {

// A row of a matrix that can be read.
void decode_row(const model::Weight& matrix, uint32_t row, std::span<float> out) {
  const size_t row_bytes = matrix.tensor.data.size() / matrix.rows;
  const auto decoded = formats::dequantize(
      matrix.tensor.type, matrix.tensor.data.subspan(row * row_bytes, row_bytes), out);
  CHECK(decoded.has_value());
}

}  // namespace

void embed_token(const model::ModelSpec& spec, Token token, uint32_t pos, std::span<float> x) {
  decode_row(spec.token_embd, token, x);
  if (spec.embedding_scale != 1) scale(x, spec.embedding_scale);
  if (!spec.position_embd) return;
  std::vector<float> position(x.size());
  decode_row(*spec.position_embd, pos, position);
  add_scaled(x, 1, position);
}

}  // namespace weft::backend
