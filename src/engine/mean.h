// Mean of numbers that come one by one, and how sure it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace weft::engine {

class Mean {
 public:
  void add(double number) {
    sum_ += number;
    squares_ += number * number;
    ++count_;
  }

  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] double value() const { return sum_ / static_cast<double>(count_); }
  // 0 for a single number.
  [[nodiscard]] double standard_error() const {
    if (count_ < 2) return 0;
    const double n = static_cast<double>(count_);
    return std::sqrt(std::max(0.0, squares_ / n - value() * value()) / (n - 1));
  }

 private:
  double sum_ = 0;
  double squares_ = 0;
  uint64_t count_ = 0;
};

}  // namespace weft::engine
