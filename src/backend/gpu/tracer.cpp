#include "backend/gpu/tracer.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace weft::backend {
namespace {

constexpr size_t kMostUnderWay = 8;  // more than a backend has: the oldest is done, or about to be

}  // namespace

Result<Tracer> Tracer::create(gpu::Device& device, TraceDetail detail) {
  Tracer tracer(device, detail);
  const gpu::Timing timing =
      detail == TraceDetail::kKernels ? gpu::Timing::kDispatches : gpu::Timing::kPasses;
  for (size_t i = 0; i < kMostUnderWay; ++i) {
    WEFT_ASSIGN(gpu::Timer timer, device.create_timer(timing, gpu::Timer::kMaxSpans));
    tracer.free_timers_.push_back(std::move(timer));
  }
  return tracer;
}

gpu::Recorder Tracer::record() {
  if (free_timers_.empty()) read_oldest();
  under_way_.push_back({.timer = std::move(free_timers_.back()), .kernels = {}});
  free_timers_.pop_back();
  return device_->record(under_way_.back().timer);
}

void Tracer::add(const kernels::Dispatch& dispatch, const kernels::StepCounts& counts) {
  const uint64_t count = kernels::count_of(dispatch.count, counts);
  under_way_.back().kernels.push_back({.name = names_.number_of(dispatch.pipeline.label()),
                                       .bytes = dispatch.bytes + count * dispatch.bytes_per_count,
                                       .flops = count * dispatch.flops_per_count});
}

void Tracer::submitted(Clock::time_point begin) {
  under_way_.back().submitted_at = since_start(begin);
}

void Tracer::add_host(std::string_view name, Clock::time_point begin, Clock::time_point end) {
  host_.push_back(
      {.name = names_.number_of(name), .begin = since_start(begin), .end = since_start(end)});
}

void Tracer::read_oldest() {
  Submission submission = std::move(under_way_.front());
  under_way_.pop_front();
  const Result<std::vector<gpu::Timer::Span>> times = submission.timer.wait();
  free_timers_.push_back(std::move(submission.timer));
  if (!times || times->empty()) return;  // the step's own result has the error
  if (detail_ == TraceDetail::kSteps) submission.kernels.clear();
  // A GPU's clock may have run for years: as seconds alone it would be known to microseconds.
  if (steps_.empty()) first_ns_ = times->front().begin_ns;
  const auto seconds = [&](uint64_t ns) {
    return static_cast<double>(static_cast<int64_t>(ns - first_ns_)) * 1e-9;
  };
  std::vector<Span>& kernels = submission.kernels;
  kernels.resize(std::min(kernels.size(), times->size()));
  for (size_t i = 0; i < kernels.size(); ++i) {
    kernels[i].begin = seconds((*times)[i].begin_ns);
    kernels[i].end = seconds((*times)[i].end_ns);
  }
  steps_.push_back({.kernels = std::move(kernels),
                    .begin = seconds(times->front().begin_ns),
                    .end = seconds(times->back().end_ns),
                    .submitted_at = submission.submitted_at});
}

Trace Tracer::take() {
  while (!under_way_.empty()) read_oldest();
  double offset = std::numeric_limits<double>::lowest();
  for (const Step& step : steps_) offset = std::max(offset, step.submitted_at - step.begin);
  Trace trace;
  const uint32_t step_name = names_.number_of("step");
  double previous_end = 0;
  // The GPU may note a beginning while it still works on what came before.
  const auto place = [&](Span span) {
    span.begin = std::max(span.begin + offset, previous_end);
    span.end = std::max(span.end + offset, span.begin);
    return span;
  };
  for (const Step& step : steps_) {
    trace.steps.push_back(place({.name = step_name, .begin = step.begin, .end = step.end}));
    for (const Span& kernel : step.kernels) {
      trace.kernels.push_back(place(kernel));
      previous_end = trace.kernels.back().end;
    }
    previous_end = trace.steps.back().end;
  }
  trace.names = std::move(names_).take();
  trace.host = std::move(host_);
  return trace;
}

}  // namespace weft::backend
