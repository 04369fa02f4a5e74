// What happened when, while a backend ran steps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft::backend {

enum class TraceDetail : uint8_t {
  kSteps,    // steps run as fast as without a trace
  kKernels,  // each kernel too, which lengthens steps on a GPU
};

struct Span {
  uint32_t name = 0;          // in Trace::names
  double begin = 0, end = 0;  // seconds since the trace began, on the host's clock
  uint64_t bytes = 0;         // read and written at least once, by the shapes
  uint64_t flops = 0;

  [[nodiscard]] double seconds() const { return end - begin; }
};

// Those of a step that failed are missing.
struct Trace {
  std::vector<std::string> names;
  std::vector<Span> host;     // what the thread did that submits steps to a GPU; may nest
  std::vector<Span> steps;    // where they were computed
  std::vector<Span> kernels;  // of these steps
};

// Gives equal names the same number.
class SpanNames {
 public:
  [[nodiscard]] uint32_t number_of(std::string_view name);
  [[nodiscard]] std::vector<std::string> take() &&;  // by number

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

// The sums over all spans of a name.
struct KernelTime {
  std::string name;
  uint64_t count = 0;
  double seconds = 0;
  uint64_t bytes = 0;
  uint64_t flops = 0;
};

// The slowest first.
[[nodiscard]] std::vector<KernelTime> kernel_times(const Trace& trace);

[[nodiscard]] double seconds_of(const std::vector<Span>& spans);

}  // namespace weft::backend
