#include "engine/profile.h"

namespace weft::engine {
namespace {

using backend::Trace;
using backend::TraceDetail;

struct Traced {
  RunTime time;
  Trace trace;
};

Result<Traced> trace_once(backend::Backend& backend, const ThroughputCase& test,
                          TraceDetail detail) {
  bool started = false;
  const Result<RunTime> time = time_once(backend, test, [&]() -> Result<void> {
    WEFT_TRY(backend.start_trace(detail));
    started = true;
    return {};
  });
  Traced traced{};
  if (started) traced.trace = backend.take_trace();
  if (!time) return std::unexpected(time.error());
  traced.time = *time;
  return traced;
}

}  // namespace

double Profile::accounted() const {
  double seconds = 0;
  for (const backend::KernelTime& kernel : kernels) seconds += kernel.seconds;
  return seconds / time.wall_s;
}

Result<Profile> profile(backend::Backend& backend, const ThroughputCase& test) {
  WEFT_ASSIGN(const Traced steps, trace_once(backend, test, TraceDetail::kSteps));
  WEFT_ASSIGN(const Traced kernels, trace_once(backend, test, TraceDetail::kKernels));
  Profile profile{.steps = steps.trace.steps.size(),
                  .time = steps.time,
                  .computing_s = backend::seconds_of(steps.trace.steps),
                  .measured_s = backend::seconds_of(kernels.trace.steps),
                  .kernels = backend::kernel_times(kernels.trace)};
  for (backend::KernelTime& kernel : profile.kernels) {
    kernel.seconds *= profile.computing_s / profile.measured_s;
  }
  return profile;
}

}  // namespace weft::engine
