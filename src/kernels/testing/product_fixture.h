// The frame of the tests of kernels that make products (kernels/product/product.h).
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/matvec/matvec_ref.h"
#include "kernels/product/product.h"
#include "kernels/testing/kernel_fixture.h"
#include "kernels/testing/random_weight.h"

namespace weft::kernels {

class ProductTest : public KernelTest {
 protected:
  // `make` builds the kernel: Product to Dispatch.
  template <class Make>
  std::vector<float> compute(const Weight& weight, const std::vector<float>& x, const Make& make) {
    const uint32_t rows = static_cast<uint32_t>(x.size()) / weight.layout.cols;
    const TestBuffer x_buffer = input(x);
    const TestBuffer y_buffer = output<float>(size_t{rows} * weight.layout.rows);
    run(make({.weight = weight, .x = x_buffer, .y = y_buffer, .y_stride = weight.layout.rows}),
        {.rows = rows});
    return values<float>(y_buffer);
  }

  // A chain of at most k roundings, and a few in each weight, whose parts may be larger than it.
  static Tolerance tolerance(uint32_t k) {
    return {.absolute = (k + 16.0) * kEpsilon * std::sqrt(k)};
  }

  // Where x, below 1, is integers of 16 bits: a random walk of roundings to 2^-15 of the largest,
  // five times as far as expected, besides what a product in f32 has.
  static Tolerance rounded_tolerance(uint32_t k) {
    return {.relative = 1e-4, .absolute = tolerance(k).absolute + std::sqrt(k) * 4e-5};
  }
};

}  // namespace weft::kernels
