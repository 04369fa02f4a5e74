#include "backend/trace.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace weft::backend {

uint32_t SpanNames::number_of(std::string_view name) {
  const auto [found, is_new] =
      numbers_.try_emplace(std::string(name), static_cast<uint32_t>(names_.size()));
  if (is_new) names_.emplace_back(name);
  return found->second;
}

std::vector<std::string> SpanNames::take() && { return std::move(names_); }

std::vector<KernelTime> kernel_times(const Trace& trace) {
  std::vector<KernelTime> times(trace.names.size());
  for (size_t i = 0; i < times.size(); ++i) times[i].name = trace.names[i];
  for (const Span& span : trace.kernels) {
    KernelTime& time = times[span.name];
    ++time.count;
    time.seconds += span.seconds();
    time.bytes += span.bytes;
    time.flops += span.flops;
  }
  std::erase_if(times, [](const KernelTime& time) { return time.count == 0; });
  std::ranges::sort(times, std::greater(), &KernelTime::seconds);
  return times;
}

double seconds_of(const std::vector<Span>& spans) {
  double sum = 0;
  for (const Span& span : spans) sum += span.seconds();
  return sum;
}

}  // namespace weft::backend
