#include "backend/cpu/thread_pool.h"

#include <chrono>

#include <hwy/cache_control.h>

#include "base/check.h"

namespace weft::backend {
namespace {

constexpr auto kSpin = std::chrono::microseconds(60);
constexpr uint64_t kCountMask = 0xffffffff;

// A window in which the calling thread waited for this long is one of a crowded machine.
constexpr auto kWindow = std::chrono::milliseconds(20);
constexpr auto kTooLate = std::chrono::milliseconds(4);
constexpr uint32_t kMaxRest = 32;  // windows

// Whether `done` came true while spinning.
template <class Done>
bool spin_until(const Done& done) {
  using Clock = std::chrono::steady_clock;
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

ThreadPool::ThreadPool(uint32_t threads) : shares_(threads), in_use_(threads) {
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
  use_changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_loop(Loop loop) {
  if (loop.count == 0) return;
  if (loop.count == 1 || loop.shares == 1) {
    for (uint32_t index = 0; index < loop.count; ++index) loop.call(loop.object, index, 0);
    if (in_use_ < threads()) judge_window(Clock::now());
    return;
  }
  const auto start = Clock::now();
  loop_ = loop;
  unfinished_ = loop.count;
  const uint32_t number = loop_number_.load(std::memory_order_relaxed) + 1;
  for (uint32_t share = 0; share < loop.shares; ++share) {
    const uint32_t first = share == 0 ? 0 : end_of(share - 1);
    shares_[share].unclaimed = (uint64_t{number} << 32) | (end_of(share) - first);
  }
  loop_number_ = number;
  // A worker counts itself asleep before it looks at loop_number_ for the last time: either it sees
  // this loop, or it is seen here.
  if (sleeping_workers_ > 0) {
    {
      const std::lock_guard lock(mutex_);
    }
    work_arrived_.notify_all();
  }
  const uint32_t done = run_tasks(0);
  const auto own_end = Clock::now();
  wait_for_end();
  const auto end = Clock::now();
  // Another's task takes about as long as one of its own.
  const auto expected = 2 * (own_end - start) / std::max(done, 1U) + kSpin;
  if (end - own_end > expected) late_ += end - own_end;
  judge_window(end);
}

void ThreadPool::judge_window(Clock::time_point now) {
  if (now - window_start_ < kWindow) return;
  const bool crowded = late_ > kTooLate && now - window_start_ < 2 * kWindow;
  window_start_ = now;
  late_ = {};
  if (crowded && in_use_ > 1) {
    use(in_use_ - 1);
    windows_of_rest_ = next_rest_;
    next_rest_ = std::min(2 * next_rest_, kMaxRest);
  } else if (in_use_ == threads()) {
    next_rest_ = 1;
  } else if (windows_of_rest_ == 0 || --windows_of_rest_ == 0) {
    use(in_use_ + 1);
  }
}

void ThreadPool::use(uint32_t threads) {
  {
    const std::lock_guard lock(mutex_);
    in_use_ = threads;
  }
  use_changed_.notify_all();
}

// Where the tasks of a share of the current loop end: those of the next one begin.
uint32_t ThreadPool::end_of(uint32_t share) const {
  return static_cast<uint32_t>(uint64_t{loop_.count} * (share + 1) / loop_.shares);
}

std::optional<uint32_t> ThreadPool::claim(uint32_t share) {
  std::atomic<uint64_t>& state = shares_[share].unclaimed;
  uint64_t unclaimed = state.load(std::memory_order_acquire);
  do {
    if ((unclaimed & kCountMask) == 0) return std::nullopt;
  } while (!state.compare_exchange_weak(unclaimed, unclaimed - 1, std::memory_order_acq_rel));
  return end_of(share) - static_cast<uint32_t>(unclaimed & kCountMask);
}

// A task of the thread's own share, or else of another one.
std::optional<uint32_t> ThreadPool::claim_any(uint32_t thread) {
  std::optional<uint32_t> index;
  for (uint32_t i = 0; i < threads() && !index; ++i) index = claim((thread + i) % threads());
  return index;
}

// Runs tasks until none is left, and counts them off at once: the threads share that number. How
// many there were.
uint32_t ThreadPool::run_tasks(uint32_t thread) {
  uint32_t done = 0;
  while (const std::optional<uint32_t> index = claim_any(thread)) {
    loop_.call(loop_.object, *index, thread);
    ++done;
  }
  if (done != 0 && unfinished_.fetch_sub(done) == done && caller_sleeps_) {
    {
      const std::lock_guard lock(mutex_);
    }
    loop_ended_.notify_one();
  }
  return done;
}

void ThreadPool::work(uint32_t thread) {
  while (!stop_) {
    const uint32_t last_loop = loop_number_;
    run_tasks(thread);
    wait_for_work(thread, last_loop);
  }
}

void ThreadPool::wait_for_work(uint32_t thread, uint32_t last_loop) {
  const auto arrived = [&] {
    return loop_number_.load() != last_loop || stop_.load(std::memory_order_relaxed);
  };
  const auto used = [&] { return thread < in_use_ || stop_; };
  if (used() && spin_until(arrived)) return;
  std::unique_lock lock(mutex_);
  use_changed_.wait(lock, used);
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
