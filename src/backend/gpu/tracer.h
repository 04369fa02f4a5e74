// Writes down when the host did what for a step and when the GPU computed it, on one clock.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "backend/trace.h"
#include "gpu/device.h"
#include "gpu/recorder.h"
#include "kernels/dispatch.h"

namespace weft::backend {

class Tracer {
 public:
  using Clock = std::chrono::steady_clock;

  // An error where the device cannot measure time.
  [[nodiscard]] static Result<Tracer> create(gpu::Device& device, TraceDetail detail);

  // For the next submission: a recorder that measures. add() is told of each of its dispatches, and
  // submitted() when the host began to submit it.
  [[nodiscard]] gpu::Recorder record();
  void add(const kernels::Dispatch& dispatch, const kernels::StepCounts& counts);
  void submitted(Clock::time_point begin);

  void add_host(std::string_view name, Clock::time_point begin, Clock::time_point end);

  // Waits for what is under way. A GPU's clock is put where no submission begins before the host
  // made it, and one begins just then.
  [[nodiscard]] Trace take();

 private:
  struct Submission {
    gpu::Timer timer;
    std::vector<Span> kernels;  // without times
    double submitted_at = 0;
  };
  // As measured, on the GPU's clock, from the beginning of the first.
  struct Step {
    std::vector<Span> kernels;
    double begin, end;
    double submitted_at;
  };

  Tracer(gpu::Device& device, TraceDetail detail)
      : device_(&device), detail_(detail), start_(Clock::now()) {}

  [[nodiscard]] double since_start(Clock::time_point time) const {
    return std::chrono::duration<double>(time - start_).count();
  }
  void read_oldest();

  gpu::Device* device_;
  TraceDetail detail_;
  Clock::time_point start_;
  std::vector<Span> host_;
  std::deque<Submission> under_way_;  // the last is being recorded between record() and submitted()
  std::vector<gpu::Timer> free_timers_;
  std::vector<Step> steps_;
  uint64_t first_ns_ = 0;  // on the GPU's clock, when the first of them began
  SpanNames names_;
};

// Tells the tracer, if there is one, how long it lived.
class HostSpan {
 public:
  HostSpan(std::optional<Tracer>& tracer, std::string_view name)
      : tracer_(tracer), name_(name), begin_(Tracer::Clock::now()) {}
  HostSpan(const HostSpan&) = delete;
  HostSpan& operator=(const HostSpan&) = delete;
  ~HostSpan() {
    if (tracer_) tracer_->add_host(name_, begin_, Tracer::Clock::now());
  }

 private:
  std::optional<Tracer>& tracer_;
  std::string_view name_;
  Tracer::Clock::time_point begin_;
};

}  // namespace weft::backend
