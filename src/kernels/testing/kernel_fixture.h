// The frame of a kernel's parity test:
//
//   TEST_F(RmsNormTest, ...) {
//     const Input x = input(random_floats(rows * cols, 1));
//     const Output y = output<float>(rows * cols);
//     run(rms_norm(device(), shape, {.x = x, .w = w, .y = y}, sum), {.rows = rows});
//     expect_near(values<float>(y), rms_norm_ref(...), {.relative = 4 * kEpsilon *
//     std::log2(cols)});
//   }
//
// Inputs are followed by NaN, so that what a kernel reads past them shows in its result. Outputs
// hold NaN, and lie between canaries that are looked at when they are read.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "gpu/recorder.h"
#include "kernels/dispatch.h"
#include "kernels/testing/test_device.h"

namespace weft::kernels {

inline constexpr double kEpsilon = std::numeric_limits<float>::epsilon();

// Uniform in [low, high), the same for the same seed on every machine.
[[nodiscard]] std::vector<float> random_floats(size_t count, uint32_t seed, float low = -1,
                                               float high = 1);
[[nodiscard]] std::vector<uint32_t> random_words(size_t count, uint32_t seed);

// binary16 to f32.
[[nodiscard]] std::vector<float> floats_of_halves(std::span<const uint16_t> halves);

// Rows of binary16 as Elements::kF16Chunks places them, and back to f32 rows.
[[nodiscard]] std::vector<uint16_t> chunks_of_rows(std::span<const uint16_t> rows, size_t columns);
[[nodiscard]] std::vector<float> rows_of_chunks(std::span<const uint16_t> chunks, size_t rows,
                                                size_t columns);

// |got - want| <= absolute + relative * |want|
struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

// Reports how many differ, the first and the worst. A NaN differs.
void expect_near(std::span<const float> got, std::span<const double> want,
                 const Tolerance& tolerance);

// Words that fill what a kernel must not touch.
inline constexpr uint32_t kNan = 0x7fc07fc0U;     // as f32 and as two f16: what it makes is NaN too
inline constexpr uint32_t kCanary = 0xb0a710adU;  // no NaN: a NaN written over it shows

// A buffer of the test, bound with the margin that follows it.
class TestBuffer {
 public:
  static constexpr uint64_t kMargin = 256;  // bytes before and after

  TestBuffer(gpu::Buffer buffer, uint64_t size_bytes, uint32_t margin_word)
      : buffer_(std::move(buffer)), size_bytes_(size_bytes), margin_word_(margin_word) {}

  [[nodiscard]] operator gpu::Binding() const {
    return {.buffer = &buffer_, .offset = kMargin, .size_bytes = buffer_.size_bytes() - kMargin};
  }
  [[nodiscard]] const gpu::Buffer& buffer() const { return buffer_; }
  [[nodiscard]] uint64_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] uint32_t margin_word() const { return margin_word_; }

 private:
  gpu::Buffer buffer_;
  uint64_t size_bytes_;   // between the margins
  uint32_t margin_word_;  // fills the margins
};

class KernelTest : public testing::Test {
 protected:
  explicit KernelTest(Features features = Features::kAll) : features_(features) {}

  void SetUp() override;  // skips the test on a machine without adapter

  [[nodiscard]] gpu::Device& device();

  template <class T>
  [[nodiscard]] TestBuffer input(std::span<const T> values) {
    return upload(std::as_bytes(values), kNan);
  }
  template <class T>
  [[nodiscard]] TestBuffer input(const std::vector<T>& values) {
    return input(std::span<const T>(values));
  }
  template <class T>
  [[nodiscard]] TestBuffer output(size_t count) {
    const std::vector<uint32_t> nans((count * sizeof(T) + 3) / 4, kNan);
    return upload(std::as_bytes(std::span(nans)).first(count * sizeof(T)), kCanary);
  }

  // Runs them one after the other in one submission.
  void run(std::span<const Dispatch> dispatches, const StepCounts& step);
  void run(const Dispatch& dispatch, const StepCounts& step) { run({&dispatch, 1}, step); }

  template <class T>
  [[nodiscard]] std::vector<T> values(const TestBuffer& buffer) {
    const std::vector<std::byte> bytes = download(buffer);
    std::vector<T> result(bytes.size() / sizeof(T));
    std::memcpy(result.data(), bytes.data(), result.size() * sizeof(T));
    return result;
  }

 private:
  TestBuffer upload(std::span<const std::byte> bytes, uint32_t margin_word);
  std::vector<std::byte> download(const TestBuffer& buffer);  // checks the margins

  Features features_;
};

}  // namespace weft::kernels
