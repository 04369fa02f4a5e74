#include "kernels/product/product_parts.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "kernels/choose_weight.h"
#include "kernels/gen/product.wgsl.h"

namespace weft::kernels {

std::string_view wgsl_name(XQuads x) {
  switch (x) {
    case XQuads::kDirect:
      return "x_quads";
    case XQuads::kBroadcast:
      return "x_quads_broadcast";
    case XQuads::kRagged:
      return "x_quads_ragged";
  }
  return {};
}

XQuads x_quads_for(const WeightLayout& weight) {
  return weight.cols % unit_of(weight.format) == 0 ? XQuads::kDirect : XQuads::kRagged;
}

WeightLayout matrix_of(const Product& product) {
  WeightLayout layout = product.weight.layout;
  if (product.experts) layout.rows = product.experts->n;
  return layout;
}

void choose_tile_rows(const Product& product, Variant& variant) {
  if (!product.experts) return;
  const ProductOfExperts& experts = *product.experts;
  const uint32_t rows = product.weight.layout.rows;
  CHECK(rows % experts.n == 0 && experts.n % kRowAlignment == 0);
  variant.imports.emplace_back("tile_rows", "tile_rows_of_expert");
  variant.overrides.push_back(
      {"USED", static_cast<double>(experts.shape.used / experts.x_rows_each)});
  variant.overrides.push_back({"FIRST_EXPERT", static_cast<double>(experts.first_expert)});
  variant.overrides.push_back({"EXPERTS", static_cast<double>(rows / experts.n)});
}

GridAxis tiles_of_rows(const Product& product, uint32_t tile_rows) {
  if (!product.experts) return {.count = product.rows, .per_group = tile_rows};
  CHECK(product.experts->shape.tile == tile_rows);
  return most_expert_tiles(product.experts->shape, product.rows);
}

uint32_t y_rows_each(const Product& product) {
  return product.experts ? product.experts->shape.used : 1;
}

Dispatch product_dispatch(gpu::Device& device, const Product& product, Variant variant,
                          std::span<const gpu::Binding> more) {
  const WeightLayout w = matrix_of(product);
  const bool has_bias = product.bias.buffer != nullptr;
  choose_weight(w.format, variant);
  variant.overrides.push_back({"HAS_BIAS", has_bias ? 1.0 : 0.0});
  variant.overrides.push_back({"ADD", product.store == Store::kAdd ? 1.0 : 0.0});
  choose_tile_rows(product, variant);
  const gpu::Pipeline pipeline = device.pipeline(compose(variant));

  std::vector<gpu::Binding> bindings{product.x, product.y, has_bias ? product.bias : product.x};
  product.weight.bind(bindings);
  bindings.insert(bindings.end(), more.begin(), more.end());
  if (product.experts) bindings.push_back(product.experts->tiles);
  return {.pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, variant.kernel),
          .immediates = Immediates(ProductParams{.rows = 0,
                                                 .n = w.rows,
                                                 .k = w.cols,
                                                 .units = w.units,
                                                 .y_stride = product.y_stride,
                                                 .y_first = product.y_first}),
          .count = product.rows,
          .bytes = w.size_bytes,
          .bytes_per_count = uint64_t{4} * (w.cols + w.rows) * y_rows_each(product),
          .flops_per_count = uint64_t{2} * w.cols * w.rows * y_rows_each(product)};
}

Dispatch product_dispatch(gpu::Device& device, const Product& product, XQuads x, Variant variant) {
  CHECK(x == XQuads::kRagged || x_quads_for(product.weight.layout) == XQuads::kDirect);
  variant.imports.emplace_back("x_quads", wgsl_name(x));
  return product_dispatch(device, product, std::move(variant));
}

}  // namespace weft::kernels
