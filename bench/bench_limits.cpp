// bench_limits: what this machine can do at most, for judging what kernels do. One JSON line a
// case.
#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "bench/limits.h"

namespace weft::bench {
namespace {

using Seconds = std::chrono::duration<double>;
using Work = std::function<double(uint32_t thread)>;  // how much was done

// Amounts a second of all threads together: `work` over and over for `time`. The best of three, as
// other programs can only take away.
double best_rate(uint32_t threads, Seconds time, const Work& work) {
  double best = 0;
  for (int run = 0; run < 3; ++run) {
    std::vector<double> rates(threads);
    std::barrier start(threads);
    std::vector<std::jthread> running;
    for (uint32_t thread = 0; thread < threads; ++thread) {
      running.emplace_back([&, thread] {
        (void)work(thread);  // touches its memory, raises the clock
        start.arrive_and_wait();
        const auto begin = std::chrono::steady_clock::now();
        double done = 0;
        Seconds took{};
        do {
          done += work(thread);
          took = std::chrono::steady_clock::now() - begin;
        } while (took < time);
        rates[thread] = done / took.count();
      });
    }
    running.clear();  // joins
    double sum = 0;
    for (const double rate : rates) sum += rate;
    best = std::max(best, sum);
  }
  return best;
}

// `size` bytes in all, each thread its own share of them.
double read_rate(uint32_t threads, Seconds time, size_t size) {
  const size_t share = size / threads / kReadUnit * kReadUnit;
  std::vector<std::vector<std::byte>> memory(threads, std::vector<std::byte>(share, std::byte{1}));
  std::vector<uint32_t> sinks(threads);
  const auto passes = std::max<size_t>(1, (size_t{1} << 20) / share);  // of one call
  return best_rate(threads, time, [&](uint32_t thread) {
    for (size_t pass = 0; pass < passes; ++pass) sinks[thread] += read_all(memory[thread]);
    return static_cast<double>(share * passes);
  });
}

double dot_rate(uint32_t threads, Seconds time, Dot dot) {
  std::vector<float> sinks(threads);
  return best_rate(threads, time, [&](uint32_t thread) {
    return 2.0 * static_cast<double>(run_dot(dot, 10000, sinks[thread]));
  });
}

void measure(uint32_t threads, Seconds time, size_t largest) {
  for (size_t size = size_t{32} << 10; size <= largest; size *= 4) {
    fmt::print("{{\"limit\":\"read\",\"threads\":{},\"working_set_bytes\":{},\"gb_s\":{:.1f}}}\n",
               threads, size, read_rate(threads, time, size) * 1e-9);
  }
  for (const auto& [dot, name] :
       {std::pair(Dot::kInt8, "dot_int8"), {Dot::kInt16, "dot_int16"}, {Dot::kFloat, "dot_f32"}}) {
    fmt::print("{{\"limit\":\"{}\",\"threads\":{},\"instruction_set\":\"{}\",\"gop_s\":{:.0f}}}\n",
               name, threads, instruction_set(), dot_rate(threads, time, dot) * 1e-9);
  }
}

int run(int argc, char** argv) {
  CLI::App app("Measures this machine's read bandwidth and dot-product rates, as JSON lines");
  std::vector<uint32_t> threads = {1, std::max(1U, std::thread::hardware_concurrency())};
  double milliseconds = 100;
  size_t largest_mib = 2048;
  app.add_option("-t,--threads", threads, "Numbers of threads")->delimiter(',');
  app.add_option("--ms", milliseconds, "How long to measure each case, three times");
  app.add_option("--largest", largest_mib, "Largest working set in MiB");
  CLI11_PARSE(app, argc, argv);
  for (const uint32_t n : threads) {
    measure(std::max(1U, n), Seconds(milliseconds / 1000), largest_mib << 20);
  }
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }
