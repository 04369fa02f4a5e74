#include "kernels/product/product.h"

#include "kernels/matmul/matmul.h"
#include "kernels/matvec/matvec.h"

namespace weft::kernels {

Dispatch product(gpu::Device& device, const Product& product, uint32_t rows) {
  const WeightLayout& weight = product.weight.layout;
  const MatvecVariant few_rows = matvec_variant(device.info(), weight, rows);
  // Where lanes are those of a CPU, whose caches hold what a mat-vec reads again, tiles in
  // workgroup memory only cost.
  if (rows <= kMaxMatvecRows || few_rows.x == XQuads::kBroadcast) {
    return matvec(device, product, few_rows);
  }
  return matmul(device, product, matmul_variant(weight, rows));
}

}  // namespace weft::kernels
