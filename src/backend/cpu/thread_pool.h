// Threads that share out the tasks of one loop at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace weft::backend {

// The calling thread is one of the `threads`; the others wait, first spinning for a few
// microseconds (a decode step has hundreds of short loops), then asleep. Tasks are claimed one by
// one, so a thread that another process has pushed off its core delays only the task it is in.
class ThreadPool {
 public:
  explicit ThreadPool(uint32_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] uint32_t threads() const { return static_cast<uint32_t>(workers_.size()) + 1; }

  // Calls task(index, thread) once for each index below `count`, in any order, on any thread, and
  // returns when all are done. No two calls run at once with the same `thread`, which is below
  // threads(). One loop at a time; a task starts no loop of its own.
  template <class Task>
  void run(uint32_t count, const Task& task) {
    run_loop(count,
             {.object = &task, .call = [](const void* object, uint32_t index, uint32_t thread) {
                (*static_cast<const Task*>(object))(index, thread);
              }});
  }

 private:
  struct Loop {
    const void* object;
    void (*call)(const void* object, uint32_t index, uint32_t thread);
  };

  void run_loop(uint32_t count, Loop loop);
  void work(uint32_t thread);
  bool run_one_task(uint32_t thread);
  void wait_for_work();
  void wait_for_end();

  // Tasks not yet claimed, in the low half, and the loop's number in the high half. Claiming is
  // one compare-and-swap, so a late thread can never take a task of another loop for its own.
  std::atomic<uint64_t> unclaimed_{0};
  std::atomic<uint32_t> unfinished_{0};  // tasks of the current loop
  Loop loop_{};                          // stable while a task of it is unfinished

  std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable loop_ended_;
  std::atomic<uint32_t> sleeping_workers_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace weft::backend
