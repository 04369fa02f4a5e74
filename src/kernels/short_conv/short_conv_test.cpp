#include "kernels/short_conv/short_conv.h"

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

// Two sequences of `rows` rows each, in steps of `chunk` rows, that go on from a state kept
// besides.
class ShortConvTest : public KernelTest {
 protected:
  static constexpr uint32_t kGap = 3;  // elements behind a row of x that belong to others

  void check(uint32_t channels, uint32_t taps, uint32_t rows, uint32_t chunk) {
    SCOPED_TRACE(testing::Message()
                 << channels << " channels, " << taps << " taps, " << rows << " rows by " << chunk);
    const ShortConv shape{.channels = channels, .taps = taps, .x_stride = channels + kGap};
    const std::vector<float> w = random_floats(size_t{taps} * channels, 1);
    std::vector<std::vector<float>> x, got(2);
    for (const uint32_t seed : {2U, 3U}) x.push_back(random_floats(size_t{rows} * channels, seed));
    // What states held before must not show; two for each sequence.
    const TestBuffer states = input(random_floats(size_t{4} * (taps - 1) * channels, 4));
    for (uint32_t first = 0; first < rows; first += chunk) {
      const uint32_t n = std::min(chunk, rows - first);
      std::vector<Sequence> sequences;
      std::vector<float> step;
      for (uint32_t s = 0; s < 2; ++s) {
        sequences.push_back({.first_row = s * n,
                             .n_rows = n,
                             .before = first == 0 ? kNoState : 2 + s,
                             .state = 1 - s,
                             .kept = 2 + s});
        for (uint32_t row = first; row < first + n; ++row) {
          const auto part = std::span(x[s]).subspan(size_t{row} * channels, channels);
          step.insert(step.end(), part.begin(), part.end());
          step.resize(step.size() + kGap, std::numeric_limits<float>::quiet_NaN());
        }
      }
      const TestBuffer in = input(step), runs = input(sequences), weights = input(w),
                       y = output<float>(size_t{2} * n * channels);
      run(short_conv(device(), shape,
                     {.sequences = runs, .x = in, .w = weights, .states = states, .y = y}),
          {.rows = 2 * n, .sequences = 2});
      const std::vector<float> values = this->values<float>(y);
      for (uint32_t s = 0; s < 2; ++s) {
        const auto part = std::span(values).subspan(size_t{s} * n * channels, size_t{n} * channels);
        got[s].insert(got[s].end(), part.begin(), part.end());
      }
    }
    for (uint32_t s = 0; s < 2; ++s) {
      expect_near(got[s], short_conv_ref(x[s], w, channels),
                  {.relative = 24 * kEpsilon, .absolute = 4 * taps * kEpsilon});
    }
  }
};

TEST_F(ShortConvTest, IsWhatTheFormulaSaysInStepsOfAnySize) {
  for (const uint32_t channels : {1U, 63U, 64U, 65U, 1009U}) {
    for (const uint32_t taps : {2U, 3U, 4U}) {
      check(channels, taps, 1, 1);
      check(channels, taps, 7, 7);
      check(channels, taps, 7, 1);
      check(channels, taps, 7, 2);
    }
  }
}

}  // namespace
}  // namespace weft::kernels
