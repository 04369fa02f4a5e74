#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kv/block_pool.h"
#include "kv/prefix_cache.h"

namespace weft::kv {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint32_t kBlockTokens = 2;

// A sequence's life in short: takes blocks for `tokens`, gives them to the cache, and ends.
std::vector<Block> run(PrefixCache& cache, BlockPool& pool, const std::vector<Token>& tokens) {
  std::vector<Block> blocks = cache.match(tokens);
  while (blocks.size() < tokens.size() / kBlockTokens) {
    blocks.push_back(cache.allocate().value());
  }
  cache.insert(tokens, blocks);
  for (const Block block : blocks) pool.release(block);
  return blocks;
}

TEST(BlockPool, HandsOutEachBlockOnce) {
  BlockPool pool(3);
  std::set<Block> blocks;
  for (int i = 0; i < 3; ++i) blocks.insert(pool.allocate().value());
  EXPECT_THAT(blocks, ElementsAre(0, 1, 2));
  EXPECT_FALSE(pool.allocate());
  pool.retain(1);
  pool.release(1);
  EXPECT_FALSE(pool.allocate());
  pool.release(1);
  EXPECT_EQ(pool.allocate(), 1U);
}

TEST(BlockPoolDeathTest, ReleasingAFreeBlockIsAMistake) {
  BlockPool pool(1);
  EXPECT_DEATH(pool.release(0), "references_");
}

TEST(PrefixCache, FindsTheLongestEqualBeginningInWholeBlocks) {
  BlockPool pool(8);
  PrefixCache cache(pool, kBlockTokens);
  const std::vector<Block> blocks = run(cache, pool, {1, 2, 3, 4, 5, 6});
  const auto matched = [&](std::vector<Token> tokens) {
    const std::vector<Block> found = cache.match(tokens);
    for (const Block block : found) pool.release(block);
    return found;
  };
  EXPECT_EQ(matched({1, 2, 3, 4, 5, 6, 7}), blocks);
  EXPECT_THAT(matched({1, 2, 3, 4, 5}), ElementsAre(blocks[0], blocks[1]));
  EXPECT_THAT(matched({1, 2, 9, 4, 5, 6}), ElementsAre(blocks[0]));
  EXPECT_THAT(matched({3, 4}), IsEmpty());
  EXPECT_THAT(matched({1}), IsEmpty());
}

TEST(PrefixCache, KeepsTheBlockItHasWhereTwoAreEqual) {
  BlockPool pool(4);
  PrefixCache cache(pool, kBlockTokens);
  const std::vector<Token> tokens = {1, 2};
  const Block first = cache.allocate().value();
  const Block second = cache.allocate().value();
  cache.insert(tokens, std::vector<Block>{first});
  cache.insert(tokens, std::vector<Block>{second});
  EXPECT_EQ(pool.references(first), 2U);
  EXPECT_EQ(pool.references(second), 1U);
}

TEST(PrefixCache, EvictsWhatWasUsedLongestAgoAndEndsASequence) {
  BlockPool pool(4);
  PrefixCache cache(pool, kBlockTokens);
  const std::vector<Block> a = run(cache, pool, {1, 1, 2, 2});
  const std::vector<Block> b = run(cache, pool, {1, 1, 3, 3});
  const std::vector<Block> c = run(cache, pool, {4, 4});
  EXPECT_EQ(pool.n_free(), 0U);
  EXPECT_EQ(cache.n_available(), 4U);
  EXPECT_EQ(cache.allocate(), a[1]);
  EXPECT_EQ(cache.n_available(), 3U);
  EXPECT_EQ(cache.allocate(), b[1]);
  EXPECT_EQ(cache.allocate(), a[0]);  // b's too: older than c, and now it begins no other
  EXPECT_EQ(cache.allocate(), c[0]);
  EXPECT_FALSE(cache.allocate());
}

TEST(PrefixCache, DoesNotEvictWhatASequenceUses) {
  BlockPool pool(2);
  PrefixCache cache(pool, kBlockTokens);
  run(cache, pool, {1, 1, 2, 2});
  const std::vector<Block> used = cache.match(std::vector<Token>{1, 1, 2, 2});
  EXPECT_FALSE(cache.allocate());
  EXPECT_EQ(cache.size(), 2U);  // nor does it forget what it could not evict
  pool.release(used[1]);
  EXPECT_EQ(cache.allocate(), used[1]);
  EXPECT_FALSE(cache.allocate());
}

TEST(PrefixCache, DoesNotEvictWhatBeginsABlockInUse) {
  BlockPool pool(3);
  PrefixCache cache(pool, kBlockTokens);
  const std::vector<Block> shorter = {cache.allocate().value()};
  const std::vector<Block> longer = {cache.allocate().value(), cache.allocate().value()};
  cache.insert(std::vector<Token>{1, 1}, shorter);
  cache.insert(std::vector<Token>{1, 1, 2, 2}, longer);  // its second block behind shorter's first
  pool.release(shorter[0]);
  EXPECT_FALSE(cache.allocate());
  pool.release(longer[1]);
  EXPECT_EQ(cache.allocate(), longer[1]);
  EXPECT_EQ(cache.allocate(), shorter[0]);
}

// Random sequences against a model that knows what each block was filled with: a match must hand
// out blocks that still hold just these tokens after just those before them.
TEST(PrefixCache, NeverHandsOutABlockWithOtherContents) {
  constexpr uint32_t kBlocks = 24;
  struct Sequence {
    std::vector<Token> tokens;
    std::vector<Block> blocks;
  };
  std::mt19937 random(3);
  BlockPool pool(kBlocks);
  PrefixCache cache(pool, kBlockTokens);
  std::map<Block, std::vector<Token>> contents;
  std::vector<Sequence> running;
  size_t matched = 0;
  const auto beginning = [](const Sequence& sequence, size_t n_blocks) {
    return std::vector<Token>(
        sequence.tokens.begin(),
        sequence.tokens.begin() + static_cast<ptrdiff_t>(n_blocks * kBlockTokens));
  };
  const auto end_one = [&](size_t i) {
    for (const Block block : running[i].blocks) pool.release(block);
    running.erase(running.begin() + static_cast<ptrdiff_t>(i));
  };
  for (int round = 0; round < 20000; ++round) {
    const size_t action = running.empty() ? 0 : random() % 4;
    if (action == 1) {
      end_one(random() % running.size());
      continue;
    }
    if (action == 2) {
      // Late: of two that ran side by side with equal tokens, one finds its place taken, or
      // continues the other's block.
      const Sequence& one = running[random() % running.size()];
      cache.insert(one.tokens, one.blocks);
      continue;
    }
    Sequence sequence;
    for (size_t n = kBlockTokens * (random() % 6); n > 0; --n)
      sequence.tokens.push_back(random() % 2);
    sequence.blocks = cache.match(sequence.tokens);
    matched += sequence.blocks.size();
    for (size_t i = 0; i < sequence.blocks.size(); ++i) {
      ASSERT_EQ(contents[sequence.blocks[i]], beginning(sequence, i + 1));
    }
    running.push_back(sequence);
    Sequence& current = running.back();
    while (current.blocks.size() < current.tokens.size() / kBlockTokens) {
      const std::optional<Block> block = cache.allocate();
      if (!block) break;
      ASSERT_EQ(pool.references(*block), 1U);
      current.blocks.push_back(*block);
      contents[*block] = beginning(current, current.blocks.size());
    }
    // Every block is free, or counted once for each sequence that has it and once for the cache.
    std::map<Block, uint32_t> expected;
    for (const Sequence& s : running) {
      for (const Block block : s.blocks) ++expected[block];
    }
    uint32_t counted = 0;
    uint32_t references = 0;
    for (Block block = 0; block < kBlocks; ++block) {
      const uint32_t n = pool.references(block);
      ASSERT_TRUE(n == expected[block] || n == expected[block] + 1);
      counted += n != 0;
      references += n - expected[block];
    }
    ASSERT_EQ(counted + pool.n_free(), kBlocks);
    ASSERT_EQ(references, cache.size());
  }
  EXPECT_GT(matched, 1000U);
  while (!running.empty()) end_one(0);
  cache.clear();
  EXPECT_EQ(pool.n_free(), kBlocks);
}

}  // namespace
}  // namespace weft::kv
