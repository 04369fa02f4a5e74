// What a kernel's host ends with, once it has chosen.
#pragma once

#include <span>

#include "gpu/device.h"
#include "kernels/compose.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

// `grid` with the variant's pipeline, the bindings and `params`. The kernel's name, a literal, is
// the label.
template <class Params>
[[nodiscard]] Dispatch make_dispatch(gpu::Device& device, const Variant& variant,
                                     std::span<const gpu::Binding> bindings, const Params& params,
                                     Dispatch grid) {
  grid.label = variant.kernel.data();
  grid.pipeline = device.pipeline(compose(variant));
  grid.group = device.bind_group(grid.pipeline, bindings, variant.kernel);
  grid.immediates = Immediates(params);
  return grid;
}

}  // namespace weft::kernels
