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

Dispatch product_dispatch(gpu::Device& device, const Product& product, XQuads x, Variant variant) {
  const WeightLayout& w = product.weight.layout;
  CHECK(x == XQuads::kRagged || x_quads_for(w) == XQuads::kDirect);
  const bool has_bias = product.bias.buffer != nullptr;
  choose_weight(w.format, variant);
  variant.imports.emplace_back("x_quads", wgsl_name(x));
  variant.overrides.push_back({"HAS_BIAS", has_bias ? 1.0 : 0.0});
  variant.overrides.push_back({"ADD", product.store == Store::kAdd ? 1.0 : 0.0});
  const gpu::Pipeline pipeline = device.pipeline(compose(variant));

  std::vector<gpu::Binding> bindings{product.x, product.y, has_bias ? product.bias : product.x};
  product.weight.bind(bindings);
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
          .bytes_per_count = uint64_t{4} * (w.cols + w.rows),
          .flops_per_count = uint64_t{2} * w.cols * w.rows};
}

}  // namespace weft::kernels
