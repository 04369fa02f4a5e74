#include "sample/most_likely.h"

#include <gtest/gtest.h>

namespace weft::sample {
namespace {

TEST(MostLikely, OfEqualLogitsTheFirstTokenComesFirst) {
  const std::vector<float> logits = {1, 5, -2, 5, 3, 5};
  EXPECT_EQ(most_likely(logits), 1U);
  EXPECT_EQ(most_likely(logits, 4), (std::vector<Candidate>{{1, 5}, {3, 5}, {5, 5}, {4, 3}}));
  EXPECT_EQ(most_likely(logits, 2), (std::vector<Candidate>{{1, 5}, {3, 5}}));
}

TEST(MostLikely, IsFoundAtEveryPlace) {
  for (const size_t size : {1U, 15U, 16U, 17U, 50U}) {
    for (size_t place = 0; place < size; ++place) {
      std::vector<float> logits(size, -3);
      logits[place] = -2;
      EXPECT_EQ(most_likely(logits), place) << "of " << size;
    }
  }
}

TEST(MostLikely, FewTokensAreAllListed) {
  EXPECT_EQ(most_likely(std::vector<float>{-1, 2}, 5), (std::vector<Candidate>{{1, 2}, {0, -1}}));
}

TEST(MostLikely, NanIsLeastLikely) {
  const std::vector<float> logits = {std::nanf(""), 1, std::nanf(""), 2};
  EXPECT_EQ(most_likely(logits, 2), (std::vector<Candidate>{{3, 2}, {1, 1}}));
  EXPECT_EQ(most_likely(logits), 3U);
  EXPECT_EQ(most_likely(std::vector<float>(20, std::nanf(""))), 0U);
}

}  // namespace
}  // namespace weft::sample
