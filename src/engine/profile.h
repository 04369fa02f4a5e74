// Where the time of a case goes: what `weft bench --profile` prints.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "base/error.h"
#include "engine/throughput.h"

namespace weft::engine {

struct Profile {
  uint64_t steps = 0;
  // Of a run in which steps are as fast as without a profile:
  RunTime time{};
  double computing_s = 0;  // of the wall time: with a step on the device; the rest it waits
  // Of a second run, in which each kernel is measured:
  double measured_s = 0;                     // with a step on the device
  std::vector<backend::KernelTime> kernels;  // times scaled by computing_s / measured_s

  // Share of the wall time that is in kernels.
  [[nodiscard]] double accounted() const;
};

[[nodiscard]] Result<Profile> profile(backend::Backend& backend, const ThroughputCase& test);

}  // namespace weft::engine
