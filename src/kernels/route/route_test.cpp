#include "kernels/route/route.h"

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class RouteTest : public KernelTest {
 protected:
  void expect_right(const Route& shape, const std::vector<float>& logits) {
    SCOPED_TRACE(testing::Message()
                 << shape.used << " of " << shape.experts << ", scores "
                 << static_cast<int>(shape.scores) << ", normalized " << shape.normalized);
    const size_t rows = logits.size() / shape.experts;
    const TestBuffer x = input(logits);
    const TestBuffer y = output<ExpertChoice>(rows * shape.used);
    run(route(device(), shape, {.logits = x, .choices = y}), {.rows = static_cast<uint32_t>(rows)});
    std::vector<uint32_t> experts, want_experts;
    std::vector<float> weights;
    std::vector<double> want_weights;
    for (const ExpertChoice& choice : values<ExpertChoice>(y)) {
      experts.push_back(choice.expert);
      weights.push_back(choice.weight);
    }
    for (size_t row = 0; row < rows; ++row) {
      const RouteRef want =
          route_ref(shape, std::span(logits).subspan(row * shape.experts, shape.experts));
      want_experts.insert(want_experts.end(), want.experts.begin(), want.experts.end());
      want_weights.insert(want_weights.end(), want.weights.begin(), want.weights.end());
    }
    EXPECT_EQ(experts, want_experts);
    // exp(x) may be wrong by 3 + 2 |x| units in the last place, and |x| is up to 16 here.
    expect_near(weights, want_weights, {.relative = (80.0 + shape.experts) * kEpsilon});
  }
};

TEST_F(RouteTest, IsWhatTheFormulaSays) {
  constexpr struct {
    uint32_t experts, used;
  } kShapes[] = {{1, 1}, {5, 2}, {63, 4}, {64, 64}, {65, 3}, {128, 8}, {1024, 10}};
  for (const auto& [experts, used] : kShapes) {
    const std::vector<float> logits = random_floats(size_t{3} * experts, experts, -8, 8);
    for (const Scores scores : {Scores::kSoftmax, Scores::kSigmoid}) {
      for (const bool normalized : {false, true}) {
        expect_right({.experts = experts, .used = used, .scores = scores, .normalized = normalized},
                     logits);
      }
    }
    expect_right({.experts = experts, .used = used, .scores = Scores::kSparseMixer}, logits);
  }
}

TEST_F(RouteTest, TakesTheFirstOfEqualOnes) {
  std::vector<float> logits(70, -1);
  logits[3] = logits[66] = logits[67] = 2;
  expect_right({.experts = 70, .used = 5, .normalized = true}, logits);
}

}  // namespace
}  // namespace weft::kernels
