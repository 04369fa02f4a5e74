// Makes the shader of a kernel from its file, what that imports, and the choices of the host.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "gpu/device.h"

namespace weft::kernels {

// What becomes of loops marked for unroll() (unroll.h).
enum class Loops : uint8_t { kUnrolled, kKept };

// WGSL has no preprocessor; this is all that varies besides immediates.
struct Variant {
  using Names = std::pair<std::string_view, std::string_view>;

  std::string_view kernel;     // a file's name: "rms_norm"
  std::vector<Names> imports;  // {"workgroup_sum", "workgroup_sum_subgroup"}: that file is
                               // taken where a file says "//! import: workgroup_sum"
  std::vector<std::string_view> enables;  // besides those that the files name
  std::vector<Names> aliases;             // {"T", "f16"}: alias T = f16;
  std::vector<std::pair<std::string_view, uint32_t>>
      constants;  // {"kHeads", 4}: const kHeads = 4u;
  std::vector<gpu::Override> overrides;
  Loops loops = Loops::kUnrolled;
  std::vector<Names> renames;  // {"subgroupAdd(", "add_of_lanes("}: text that becomes other text
};

// Directives first, then aliases and constants, then the files, each after what it imports and
// once. The descriptor's bindings and immediates are those that the files declare; its label names
// the files that were chosen: "rms_norm workgroup_sum_subgroup".
[[nodiscard]] gpu::PipelineDesc compose(const Variant& variant);

}  // namespace weft::kernels
