#include "kernels/argmax/argmax.h"

#include <algorithm>
#include <limits>

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class ArgmaxTest : public KernelTest {
 protected:
  struct Outcome {
    std::vector<uint32_t> sampled;
    std::vector<uint32_t> slot_tokens;
  };

  // Output i is of row n - 1 - i, whose slot is that number plus 1.
  Outcome compute(const std::vector<float>& logits, uint32_t vocab) {
    const auto n = static_cast<uint32_t>(logits.size() / vocab);
    std::vector<Row> rows;
    std::vector<uint32_t> outputs;
    for (uint32_t i = 0; i < n; ++i) {
      rows.push_back({.slot = i + 1});
      outputs.push_back(n - 1 - i);
    }
    const TestBuffer logit_buffer = input(logits), row_buffer = input(rows);
    const TestBuffer output_buffer = input(outputs);
    const TestBuffer scratch = output<std::byte>(argmax_scratch_bytes(vocab, n));
    const TestBuffer sampled = output<uint32_t>(n), slot_tokens = output<uint32_t>(n + 2);
    run(argmax(device(), vocab,
               {.logits = logit_buffer,
                .rows = row_buffer,
                .outputs = output_buffer,
                .scratch = scratch,
                .sampled = sampled,
                .slot_tokens = slot_tokens}),
        {.rows = n, .outputs = n});
    return {values<uint32_t>(sampled), values<uint32_t>(slot_tokens)};
  }
};

TEST_F(ArgmaxTest, IsTheLargestOfEachOutput) {
  for (const uint32_t vocab : {1U, 2U, 255U, 256U, 257U, 4095U, 4096U, 4097U, 49152U, 50021U}) {
    SCOPED_TRACE(testing::Message() << vocab << " tokens");
    const std::vector<float> logits = random_floats(3 * vocab, vocab);
    const Outcome outcome = compute(logits, vocab);
    std::vector<uint32_t> want;
    for (uint32_t i = 0; i < 3; ++i) {
      want.push_back(argmax_ref(std::span(logits).subspan(i * vocab, vocab)));
    }
    EXPECT_EQ(outcome.sampled, want);
    EXPECT_EQ(outcome.slot_tokens, (std::vector{kNan, want[2], want[1], want[0], kNan}));
  }
}

TEST_F(ArgmaxTest, OfEqualLogitsTheLowestToken) {
  constexpr uint32_t kVocab = 9000;
  std::vector<float> logits(kVocab, -2.5F);
  EXPECT_EQ(compute(logits, kVocab).sampled[0], 0U);
  for (const uint32_t token : {8999U, 8192U, 4097U, 4096U, 4095U, 257U, 256U, 3U}) {
    logits[token] = 1;
    EXPECT_EQ(compute(logits, kVocab).sampled[0], token);
  }
}

TEST_F(ArgmaxTest, NoTokenWhereNoLogitIsANumber) {
  const std::vector<float> logits(300, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(compute(logits, 300).sampled[0], kNoToken);
}

}  // namespace
}  // namespace weft::kernels
