#include "kernels/rope_kv/rope_kv.h"

#include <array>
#include <cmath>
#include <numbers>

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/rope_kv.wgsl.h"
#include "kernels/gen/rope_kv_words.wgsl.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kLanes = 128;

template <class Params>
Immediates immediates_of(const RopeKv& shape) {
  return Immediates(Params{.rows = 0,
                           .n_heads = shape.n_heads,
                           .n_kv_heads = shape.n_kv_heads,
                           .head_dim = shape.head_dim,
                           .rope_dims = shape.rope_dims,
                           .magnitude = shape.magnitude});
}

}  // namespace

std::vector<uint32_t> rope_turns(std::span<const float> inv_freq) {
  std::vector<uint32_t> turns;
  for (const float radians : inv_freq) {
    const double turn = radians / (2 * std::numbers::pi);
    const double words = std::ldexp(turn - std::floor(turn), 32);
    turns.push_back(static_cast<uint32_t>(words));
    turns.push_back(static_cast<uint32_t>(std::ldexp(words - std::floor(words), 32)));
  }
  return turns;
}

Result<Dispatch> rope_kv(gpu::Device& device, const RopeKv& shape, const RopeKvBuffers& buffers) {
  if (shape.head_dim % 4 != 0 || shape.rope_dims % 2 != 0) {
    return fail(
        "RoPE over {} of a head's {} elements: they must be multiples of 2 and of 4 on the GPU.",
        shape.rope_dims, shape.head_dim);
  }
  const bool has_quads = shape.rope_dims % 4 == 0;
  Variant variant{
      .kernel = has_quads ? "rope_kv" : "rope_kv_words",
      .overrides = {{"WG", kLanes}, {"HALF", shape.pairs == RopePairs::kHalf ? 1.0 : 0.0}}};
  choose_elements(shape.q, variant);
  const gpu::Pipeline pipeline = device.pipeline(compose(variant));
  const std::array bindings{buffers.rows, buffers.turns,   buffers.qkv,
                            buffers.q,    buffers.k_cache, buffers.v_cache};
  const uint32_t q_elements = shape.n_heads * shape.head_dim;
  const uint32_t kv_elements = 2 * shape.n_kv_heads * shape.head_dim;
  return Dispatch{
      .label = "rope_kv",
      .pipeline = pipeline,
      .group = device.bind_group(pipeline, bindings, "rope_kv"),
      .immediates =
          has_quads ? immediates_of<RopeKvParams>(shape) : immediates_of<RopeKvWordsParams>(shape),
      .count = Count::kRows,
      .x = {.fixed = ceil_div((q_elements + kv_elements) / (has_quads ? 4 : 2), kLanes)},
      .y = {.count = Count::kRows},
      .bytes_per_count = uint64_t{8} * q_elements + uint64_t{6} * kv_elements};
}

}  // namespace weft::kernels
