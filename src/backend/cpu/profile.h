// Wall time by kind of operation, for Backend::start_profile.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
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
  void start() { on_ = true; }

  // Stops; the slowest first.
  [[nodiscard]] std::vector<KernelTime> take();

  // Runs `operation`, and measures it while on.
  template <class Operation>
  void measure(const Cost& cost, uint64_t rows, const Operation& operation) {
    if (!on_) {
      operation();
      return;
    }
    const auto start = std::chrono::steady_clock::now();
    operation();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    add(cost, rows, took.count());
  }

 private:
  void add(const Cost& cost, uint64_t rows, double seconds);

  bool on_ = false;
  std::map<std::string, KernelTime, std::less<>> times_;
};

}  // namespace weft::backend
