#include "kernels/dispatch.h"

#include <algorithm>

#include "base/check.h"
#include "base/checked.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kMaxGroups = 65535;  // of one dimension, on every device

}  // namespace

uint32_t workgroups(const GridAxis& axis, const StepCounts& step) {
  const uint32_t count = count_of(axis.count, step);
  return std::min(axis.fixed * ceil_div(count, axis.per_group) + axis.more, axis.fixed * count);
}

uint32_t count_of(Count count, const StepCounts& step) {
  switch (count) {
    case Count::kOne:
      return 1;
    case Count::kRows:
      return step.rows;
    case Count::kOutputs:
      return step.outputs;
    case Count::kTiles:
      return step.tiles;
    case Count::kLength:
      return step.length;
    case Count::kSequences:
      return step.sequences;
  }
  return 0;
}

bool record(gpu::Recorder& recorder, const Dispatch& dispatch, const StepCounts& step) {
  if (step.length < dispatch.min_length || step.length > dispatch.max_length) return false;
  uint32_t x = workgroups(dispatch.x, step);
  uint32_t y = workgroups(dispatch.y, step);
  const uint32_t z = workgroups(dispatch.z, step);
  if (x == 0 || y == 0 || z == 0) return false;
  if (x > kMaxGroups) {
    CHECK(y == 1 && z == 1);
    y = ceil_div(x, kMaxGroups);
    x = ceil_div(x, y);
  }
  Immediates immediates = dispatch.immediates;
  if (dispatch.count != Count::kOne) immediates.set_first(count_of(dispatch.count, step));
  recorder.dispatch(dispatch.pipeline, dispatch.group, immediates.bytes(), x, y, z);
  return true;
}

}  // namespace weft::kernels
