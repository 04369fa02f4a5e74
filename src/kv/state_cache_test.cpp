#include "kv/state_cache.h"

#include <gtest/gtest.h>

namespace weft::kv {
namespace {

using Tokens = std::vector<Token>;

// Fills a state and gives it to the cache.
State keep(StateCache& cache, const Tokens& tokens) {
  const State state = cache.allocate().value();
  cache.insert(tokens, state);
  cache.release(state);
  return state;
}

// How many tokens a state is behind; 0: there is none.
uint32_t matched(StateCache& cache, const Tokens& tokens) {
  const auto match = cache.match(tokens);
  if (!match) return 0;
  cache.release(match->state);
  return match->n_tokens;
}

TEST(StateCache, FindsTheLongestBeginning) {
  StateCache cache(4);
  keep(cache, {1, 2});
  const State longer = keep(cache, {1, 2, 3, 4});
  keep(cache, {5});
  EXPECT_EQ(matched(cache, {1, 2, 3, 4, 9}), 4U);
  EXPECT_EQ(cache.match(Tokens{1, 2, 3, 4})->state, longer);
  EXPECT_EQ(matched(cache, {1, 2, 3}), 2U);
  EXPECT_EQ(matched(cache, {1, 2, 9, 4}), 2U);
  EXPECT_EQ(matched(cache, {1}), 0U);
  EXPECT_EQ(matched(cache, {2, 1}), 0U);
}

TEST(StateCache, KeepsTheStateItHasWhereTwoAreEqual) {
  StateCache cache(2);
  const State first = keep(cache, {1, 2});
  keep(cache, {1, 2});
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.match(Tokens{1, 2})->state, first);
}

TEST(StateCache, EvictsWhatWasUsedLongestAgoAndNotWhatIsInUse) {
  StateCache cache(2);
  keep(cache, {1});
  keep(cache, {2});
  const auto used = cache.match(Tokens{1});
  keep(cache, {3});  // in the place of {2}
  EXPECT_EQ(matched(cache, {2}), 0U);
  keep(cache, {4});  // {1} was used before {3}, and still is
  EXPECT_EQ(matched(cache, {3}), 0U);
  EXPECT_EQ(matched(cache, {1}), 1U);
  const auto other = cache.match(Tokens{4});
  EXPECT_FALSE(cache.allocate());
  cache.release(used->state);
  cache.release(other->state);
  EXPECT_TRUE(cache.allocate());
}

TEST(StateCache, OfNoStatesKeepsNone) {
  StateCache cache(0);
  EXPECT_FALSE(cache.allocate());
  EXPECT_FALSE(cache.match(Tokens{1}));
}

TEST(StateCache, ClearFreesAllThatNoOneUses) {
  StateCache cache(2);
  keep(cache, {1});
  keep(cache, {2});
  cache.clear();
  EXPECT_EQ(matched(cache, {1}), 0U);
  EXPECT_TRUE(cache.allocate());
  EXPECT_TRUE(cache.allocate());
  EXPECT_FALSE(cache.allocate());
}

}  // namespace
}  // namespace weft::kv
