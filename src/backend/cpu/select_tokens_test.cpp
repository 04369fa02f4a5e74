#include "backend/cpu/select_tokens.h"

#include <gtest/gtest.h>

namespace weft::backend {
namespace {

using sample::Candidate;

TEST(SelectTokens, OfEqualLogitsTheFirstTokenComesFirst) {
  const std::vector<float> logits = {1, 5, -2, 5, 3, 5};
  EXPECT_EQ(most_likely(logits), 1U);
  EXPECT_EQ(most_likely(logits, 4), (std::vector<Candidate>{{1, 5}, {3, 5}, {5, 5}, {4, 3}}));
  EXPECT_EQ(most_likely(logits, 2), (std::vector<Candidate>{{1, 5}, {3, 5}}));
}

TEST(SelectTokens, FewTokensAreAllListed) {
  EXPECT_EQ(most_likely(std::vector<float>{-1, 2}, 5), (std::vector<Candidate>{{1, 2}, {0, -1}}));
}

}  // namespace
}  // namespace weft::backend
