#include "testing/reference_rows.h"

#include "base/check.h"
#include "formats/dequantize.h"

namespace weft::testing {

Row weight_row(const model::Weight& w, size_t row) {
  std::vector<float> values(w.cols);
  const size_t row_bytes = w.tensor.data.size() / w.rows;
  CHECK(
      formats::dequantize(w.tensor.type, w.tensor.data.subspan(row * row_bytes, row_bytes), values)
          .has_value());
  return Row(values.begin(), values.end());
}

Rows linear(const model::Weight& w, const std::optional<model::Weight>& bias, const Rows& x) {
  Rows y(x.size(), Row(w.rows));
  const Row b = bias ? weight_row(*bias, 0) : Row(w.rows);
  for (size_t r = 0; r < w.rows; ++r) {
    const Row row = weight_row(w, r);
    for (size_t p = 0; p < x.size(); ++p) {
      double sum = b[r];
      for (size_t c = 0; c < w.cols; ++c) sum += row[c] * x[p][c];
      y[p][r] = sum;
    }
  }
  return y;
}

}  // namespace weft::testing
