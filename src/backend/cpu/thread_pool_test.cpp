#include "backend/cpu/thread_pool.h"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>

namespace weft::backend {
namespace {

TEST(ThreadPool, EachTaskRunsOnceInEveryOfManyLoops) {
  for (const uint32_t threads : {1U, 2U, 4U, 7U}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (uint32_t round = 0; round < 2000; ++round) {
      const uint32_t count = round % 23;
      std::vector<std::atomic<uint32_t>> calls(count);
      pool.run(count, [&](uint32_t index, uint32_t) { ++calls[index]; });
      for (uint32_t i = 0; i < count; ++i) ASSERT_EQ(calls[i], 1U) << "round " << round;
    }
  }
}

TEST(ThreadPool, AThreadNumberIsInUseOnce) {
  constexpr uint32_t kThreads = 4;
  ThreadPool pool(kThreads);
  std::vector<std::atomic<uint32_t>> users(kThreads);
  std::atomic<bool> clash = false;
  for (int round = 0; round < 200; ++round) {
    pool.run(50, [&](uint32_t, uint32_t thread) {
      if (thread >= kThreads || users[thread].fetch_add(1) != 0) clash = true;
      users[thread].fetch_sub(1);
    });
  }
  EXPECT_FALSE(clash);
}

TEST(ThreadPool, SleepingThreadsWakeForWork) {
  ThreadPool pool(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // longer than they spin
    std::atomic<uint32_t> sum = 0;
    pool.run(100, [&](uint32_t index, uint32_t) {
      if (index == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));  // caller sleeps
      sum += index;
    });
    EXPECT_EQ(sum, 4950U);
  }
}

TEST(ThreadPool, AThreadThatIsKeptFromRunningRestsForAWhile) {
  using std::chrono::milliseconds;
  ThreadPool pool(2);
  const auto run_until = [&pool](uint32_t in_use, milliseconds delay_of_worker) {
    for (int round = 0; round < 2000 && pool.threads_in_use() != in_use; ++round) {
      std::atomic<bool> worker_has_one = false;
      pool.run(8, [&](uint32_t, uint32_t thread) {
        if (thread != 0) {
          worker_has_one = true;
          std::this_thread::sleep_for(delay_of_worker);
        }
        while (pool.threads_in_use() == 2 && !worker_has_one) std::this_thread::yield();
      });
      std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_EQ(pool.threads_in_use(), in_use);
  };
  run_until(1, milliseconds(5));
  pool.run(8, [](uint32_t, uint32_t thread) { EXPECT_EQ(thread, 0U); });
  run_until(2, milliseconds(0));
}

}  // namespace
}  // namespace weft::backend
