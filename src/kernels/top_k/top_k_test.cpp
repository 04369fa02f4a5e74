#include "kernels/top_k/top_k.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class TopKTest : public KernelTest {
 protected:
  std::vector<Candidate> compute(const std::vector<float>& logits, uint32_t vocab) {
    const auto n = static_cast<uint32_t>(logits.size() / vocab);
    const TestBuffer logit_buffer = input(logits);
    const TestBuffer scratch = output<std::byte>(top_k_scratch_bytes(vocab, n));
    const TestBuffer top = output<Candidate>(n * kTopK);
    const auto dispatches =
        top_k(device(), vocab, {.logits = logit_buffer, .scratch = scratch, .top = top});
    EXPECT_TRUE(dispatches.has_value());
    run(*dispatches, {.outputs = n});
    (void)values<uint32_t>(scratch);  // for its canaries
    return values<Candidate>(top);
  }

  static std::vector<Candidate> reference(const std::vector<float>& logits, uint32_t vocab) {
    std::vector<Candidate> top;
    for (size_t first = 0; first < logits.size(); first += vocab) {
      std::vector<Candidate> of_output = top_k_ref(std::span(logits).subspan(first, vocab));
      of_output.resize(kTopK, {0xffffffffU, std::numeric_limits<float>::lowest()});
      top.insert(top.end(), of_output.begin(), of_output.end());
    }
    return top;
  }

  void check(const std::vector<float>& logits, uint32_t vocab) {
    SCOPED_TRACE(testing::Message() << vocab << " tokens");
    EXPECT_EQ(compute(logits, vocab), reference(logits, vocab));
  }
};

TEST_F(TopKTest, IsWhatSortingGives) {
  for (const uint32_t vocab : {1U, 63U, 64U, 65U, 255U, 256U, 257U, 4095U, 4096U, 4097U, 50021U}) {
    check(random_floats(3 * vocab, vocab), vocab);
  }
  check(random_floats(262144, 1), 262144);
}

TEST_F(TopKTest, EqualLogitsByToken) {
  constexpr uint32_t kVocab = 9001;
  check(std::vector<float>(kVocab, 1.5F), kVocab);
  std::vector<float> few_values = random_floats(kVocab, 2, 0, 40);
  for (float& value : few_values) value = std::floor(value);
  check(few_values, kVocab);
}

// Every invocation that reaches the bound does so with all its entries: the longest list there is.
TEST_F(TopKTest, TheLargestLogitsAllInTheSameLanes) {
  constexpr uint32_t kVocab = 4096;
  std::vector<float> logits = random_floats(kVocab, 3);
  for (uint32_t i = 0; i < kVocab; ++i) {
    if (i % 256 < kTopK) logits[i] += 10;
  }
  check(logits, kVocab);
}

TEST_F(TopKTest, SortedLogits) {
  constexpr uint32_t kVocab = 10000;
  std::vector<float> logits = random_floats(kVocab, 4);
  std::ranges::sort(logits);
  check(logits, kVocab);
  std::ranges::reverse(logits);
  check(logits, kVocab);
}

TEST_F(TopKTest, RefusesLargerVocabularies) { EXPECT_FALSE(top_k(device(), 262145, {})); }

}  // namespace
}  // namespace weft::kernels
