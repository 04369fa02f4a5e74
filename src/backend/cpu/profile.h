// Wall time of steps and their operations, for Backend::start_trace.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/backend.h"

namespace weft::backend {

// What an operation reads, writes and computes, by the shapes: `fixed` once, the rest for each row.
struct Cost {
  std::string name;
  uint64_t fixed_bytes = 0;
  uint64_t row_bytes = 0;
  uint64_t fixed_flops = 0;
  uint64_t row_flops = 0;
};

class Profile {
 public:
  void start(TraceDetail detail);
  [[nodiscard]] Trace take();  // stops

  // Runs `operation`, and measures it while that is wanted.
  template <class Operation>
  void measure(const Cost& cost, uint64_t rows, const Operation& operation) {
    if (detail_ != TraceDetail::kKernels) {
      operation();
      return;
    }
    Span span = begin(cost.name);
    operation();
    span.bytes = cost.fixed_bytes + cost.row_bytes * rows;
    span.flops = cost.fixed_flops + cost.row_flops * rows;
    end(span, trace_.kernels);
  }

  // A whole step.
  template <class Step>
  auto measure_step(const Step& step) {
    if (!detail_) return step();
    const Span span = begin("step");
    auto result = step();
    end(span, trace_.steps);
    return result;
  }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] double now() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }
  [[nodiscard]] Span begin(std::string_view name);
  void end(Span span, std::vector<Span>& list) const;

  std::optional<TraceDetail> detail_;  // while it is on
  Clock::time_point start_;
  SpanNames names_;
  Trace trace_;
};

}  // namespace weft::backend
