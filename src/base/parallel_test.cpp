#include "base/parallel.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(ParallelFor, CallsEachTaskOnce) {
  for (const unsigned threads : {0U, 1U, 2U, 7U}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{5}, size_t{1000}}) {
      std::vector<int> calls(count);
      parallel_for(count, threads, [&](size_t i) { ++calls[i]; });
      EXPECT_EQ(calls, std::vector<int>(count, 1)) << threads << " threads, " << count << " tasks";
    }
  }
}

TEST(ParallelFor, UsesNoMoreThreadsThanAskedFor) {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  parallel_for(64, 3, [&](size_t) {
    const int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    --running;
  });
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 2);
}

}  // namespace
}  // namespace weft
