// Threads that share out the tasks of one loop at a time.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

namespace weft::backend {

// The calling thread is one of the `threads`; the others wait, first spinning for a few
// microseconds (a decode step has hundreds of short loops), then asleep. Each thread has a run of
// neighbouring tasks of its own, so that what it reads of weights is in one piece and the same in
// each step; one that is done takes tasks of others, so a thread that another process has pushed
// off its core delays only the task it is in. Where that happens again and again, one thread less
// is used for a while: then each has a core, and none waits for another's turn to end.
class ThreadPool {
 public:
  explicit ThreadPool(uint32_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Threads that take part in loops now.
  [[nodiscard]] uint32_t threads_in_use() const { return in_use_; }
  [[nodiscard]] uint32_t threads() const { return static_cast<uint32_t>(shares_.size()); }

  // Calls task(index, thread) once for each index below `count`, in any order, on any thread, and
  // returns when all are done. No two calls run at once with the same `thread`, which is below
  // threads(). One loop at a time; a task starts no loop of its own.
  template <class Task>
  void run(uint32_t count, const Task& task) {
    run_loop({.count = count,
              .shares = in_use_,
              .object = &task,
              .call = [](const void* object, uint32_t index, uint32_t thread) {
                (*static_cast<const Task*>(object))(index, thread);
              }});
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Loop {
    uint32_t count;
    uint32_t shares;  // the tasks are cut into
    const void* object;
    void (*call)(const void* object, uint32_t index, uint32_t thread);
  };

  // The tasks of one thread that nobody has claimed yet: how many, in the low half, and the loop's
  // number in the high half. They are claimed in order, by one compare-and-swap, so a late thread
  // can never take a task of another loop for its own.
  struct alignas(64) Share {
    std::atomic<uint64_t> unclaimed{0};
  };

  void run_loop(Loop loop);
  void work(uint32_t thread);
  uint32_t run_tasks(uint32_t thread);
  [[nodiscard]] std::optional<uint32_t> claim_any(uint32_t thread);
  [[nodiscard]] std::optional<uint32_t> claim(uint32_t share);
  [[nodiscard]] uint32_t end_of(uint32_t share) const;
  void wait_for_work(uint32_t thread, uint32_t last_loop);
  void wait_for_end();
  void judge_window(Clock::time_point now);
  void use(uint32_t threads);

  std::vector<Share> shares_;  // a thread each
  std::atomic<uint32_t> loop_number_{0};
  std::atomic<uint32_t> unfinished_{0};  // tasks of the current loop
  Loop loop_{};                          // stable while a task of it is unfinished

  // Of the calling thread alone: how long it waited for tasks that should have been done.
  Clock::time_point window_start_{};
  Clock::duration late_{};
  uint32_t windows_of_rest_ = 0;  // before another thread is tried again
  uint32_t next_rest_ = 1;

  std::atomic<uint32_t> in_use_;
  std::mutex mutex_;
  std::condition_variable use_changed_;
  std::condition_variable work_arrived_;
  std::condition_variable loop_ended_;
  std::atomic<uint32_t> sleeping_workers_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

// Calls body(row) for each row, shared out over the threads.
template <class Body>
void for_rows(ThreadPool& pool, uint32_t rows, const Body& body) {
  const uint32_t tasks = std::min(rows, pool.threads() * 4);
  pool.run(tasks, [&](uint32_t task, uint32_t) {
    for (uint32_t row = rows * task / tasks; row < rows * (task + 1) / tasks; ++row) body(row);
  });
}

}  // namespace weft::backend
