#include "backend/cpu/thread_pool.h"

#include <chrono>

#include <hwy/cache_control.h>

#include "base/check.h"

namespace weft::backend {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kSpin = std::chrono::microseconds(60);
constexpr uint64_t kCountMask = 0xffffffff;

// Whether `done` came true while spinning.
template <class Done>
bool spin_until(const Done& done) {
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      hwy::Pause();
    }
  } while (Clock::now() < end);
  return false;
}

}  // namespace

ThreadPool::ThreadPool(uint32_t threads) {
  CHECK(threads >= 1);
  workers_.reserve(threads - 1);
  for (uint32_t thread = 1; thread < threads; ++thread) {
    workers_.emplace_back([this, thread] { work(thread); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_arrived_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_loop(uint32_t count, Loop loop) {
  if (count == 0) return;
  if (count == 1 || workers_.empty()) {
    for (uint32_t index = 0; index < count; ++index) loop.call(loop.object, index, 0);
    return;
  }
  loop_ = loop;
  unfinished_ = count;
  const uint64_t number = (unclaimed_.load(std::memory_order_relaxed) >> 32) + 1;
  unclaimed_ = (number << 32) | count;
  // A worker counts itself asleep before it looks at unclaimed_ for the last time: either it sees
  // this loop, or it is seen here.
  if (sleeping_workers_ > 0) {
    {
      const std::lock_guard lock(mutex_);
    }
    work_arrived_.notify_all();
  }
  while (run_one_task(0)) {
  }
  wait_for_end();
}

bool ThreadPool::run_one_task(uint32_t thread) {
  uint64_t unclaimed = unclaimed_.load(std::memory_order_acquire);
  do {
    if ((unclaimed & kCountMask) == 0) return false;
  } while (!unclaimed_.compare_exchange_weak(unclaimed, unclaimed - 1, std::memory_order_acq_rel));
  const auto index = static_cast<uint32_t>(unclaimed & kCountMask) - 1;
  loop_.call(loop_.object, index, thread);
  if (unfinished_.fetch_sub(1) == 1 && caller_sleeps_) {
    {
      const std::lock_guard lock(mutex_);
    }
    loop_ended_.notify_one();
  }
  return true;
}

void ThreadPool::work(uint32_t thread) {
  while (!stop_) {
    if (!run_one_task(thread)) wait_for_work();
  }
}

void ThreadPool::wait_for_work() {
  const auto arrived = [this] {
    return (unclaimed_.load() & kCountMask) != 0 || stop_.load(std::memory_order_relaxed);
  };
  if (spin_until(arrived)) return;
  std::unique_lock lock(mutex_);
  ++sleeping_workers_;
  work_arrived_.wait(lock, arrived);
  --sleeping_workers_;
}

void ThreadPool::wait_for_end() {
  const auto ended = [this] { return unfinished_.load() == 0; };
  if (spin_until(ended)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  loop_ended_.wait(lock, ended);
  caller_sleeps_ = false;
}

}  // namespace weft::backend
