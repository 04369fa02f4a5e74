#include "kernels/route/route.h"

#include <array>

#include "base/check.h"
#include "kernels/gen/route.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 128;

Dispatch route(gpu::Device& device, const Route& shape, const RouteBuffers& buffers) {
  CHECK(shape.experts <= kMaxRouteExperts && shape.used <= kMaxRouteUsed);
  CHECK(shape.used > 0 && shape.used <= shape.experts);
  const bool is_sparse = shape.scores == Scores::kSparseMixer;
  CHECK(!is_sparse || !shape.normalized);
  return make_dispatch(
      device,
      {.kernel = "route",
       .overrides = {{"WG", kLanes},
                     {"SIGMOID", shape.scores == Scores::kSigmoid ? 1.0 : 0.0},
                     {"SPARSE", is_sparse ? 1.0 : 0.0},
                     {"NORMALIZED", shape.normalized ? 1.0 : 0.0}}},
      std::array{buffers.logits, buffers.choices},
      RouteParams{.rows = 0, .experts = shape.experts, .used = shape.used, .reach = kMixerReach},
      {.count = Count::kRows,
       .x = {.count = Count::kRows},
       .bytes_per_count = uint64_t{4} * shape.experts + uint64_t{8} * shape.used});
}

}  // namespace weft::kernels
