#include "backend/cpu/profile.h"

#include <algorithm>
#include <functional>

namespace weft::backend {

void Profile::add(const Cost& cost, uint64_t rows, double seconds) {
  KernelTime& time = times_[cost.name];
  time.name = cost.name;
  ++time.count;
  time.seconds += seconds;
  time.bytes += cost.fixed_bytes + cost.row_bytes * rows;
  time.flops += cost.fixed_flops + cost.row_flops * rows;
}

std::vector<KernelTime> Profile::take() {
  on_ = false;
  std::vector<KernelTime> times;
  for (auto& [name, time] : times_) times.push_back(std::move(time));
  times_.clear();
  std::ranges::sort(times, std::greater(), &KernelTime::seconds);
  return times;
}

}  // namespace weft::backend
