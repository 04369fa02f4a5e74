// GPU time by kernel, from timestamp queries around every dispatch.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "backend/backend.h"
#include "gpu/device.h"
#include "gpu/recorder.h"
#include "kernels/dispatch.h"

namespace weft::backend {

class Profiler {
 public:
  // An error where the device cannot measure time.
  [[nodiscard]] static Result<Profiler> create(gpu::Device& device);

  // A recorder that measures; add() names each of its dispatches, submitted() waits for the times.
  [[nodiscard]] gpu::Recorder record(gpu::Device& device);
  void add(const kernels::Dispatch& dispatch, const kernels::StepCounts& counts);
  void submitted();

  // The sums since the beginning, a kernel and pipeline each; those of a failed step are missing.
  [[nodiscard]] std::vector<KernelTime> take();

 private:
  explicit Profiler(gpu::Timer timer) : timer_(std::move(timer)) {}

  gpu::Timer timer_;
  std::vector<KernelTime> recorded_;  // of this submission, without times
  std::unordered_map<std::string, KernelTime> sums_;
};

}  // namespace weft::backend
