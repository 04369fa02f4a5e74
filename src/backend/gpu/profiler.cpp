#include "backend/gpu/profiler.h"

#include <algorithm>

namespace weft::backend {

Result<Profiler> Profiler::create(gpu::Device& device) {
  WEFT_ASSIGN(gpu::Timer timer, device.create_timer(gpu::Timer::kMaxDispatches));
  return Profiler(std::move(timer));
}

gpu::Recorder Profiler::record(gpu::Device& device) {
  recorded_.clear();
  return device.record(timer_);
}

void Profiler::add(const kernels::Dispatch& dispatch, const kernels::StepCounts& counts) {
  const uint64_t count = kernels::count_of(dispatch.count, counts);
  recorded_.push_back({.name = dispatch.pipeline.label(),
                       .count = 1,
                       .bytes = dispatch.bytes + count * dispatch.bytes_per_count,
                       .flops = count * dispatch.flops_per_count});
}

void Profiler::submitted() {
  const Result<std::vector<uint64_t>> times = timer_.wait_ns();
  if (!times) return;  // the step's own result has the error
  for (size_t i = 0; i < std::min(times->size(), recorded_.size()); ++i) {
    KernelTime& sum = sums_[recorded_[i].name];
    sum.name = recorded_[i].name;
    sum.count += 1;
    sum.seconds += static_cast<double>((*times)[i]) * 1e-9;
    sum.bytes += recorded_[i].bytes;
    sum.flops += recorded_[i].flops;
  }
}

std::vector<KernelTime> Profiler::take() {
  std::vector<KernelTime> times;
  for (auto& [name, sum] : sums_) times.push_back(std::move(sum));
  return times;
}

}  // namespace weft::backend
