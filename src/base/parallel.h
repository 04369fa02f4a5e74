// A loop whose tasks threads share out: for loops of milliseconds and more, as the threads live no
// longer than the loop.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace weft {

// Calls task(index) once for each index below `count`, in any order, on at most `threads` threads,
// of which the caller is one; 0 stands for one a processor. `task` does not throw.
template <class Task>
void parallel_for(size_t count, unsigned threads, const Task& task) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) task(i);
  };
  std::vector<std::jthread> helpers;
  for (size_t i = 1; i < std::min<size_t>(threads, count); ++i) helpers.emplace_back(work);
  work();
}

}  // namespace weft
