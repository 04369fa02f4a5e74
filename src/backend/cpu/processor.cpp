#include "backend/cpu/processor.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/processor.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
const char* instruction_set() { return hwy::TargetName(HWY_TARGET); }
}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {
namespace {

HWY_EXPORT(instruction_set);

namespace fs = std::filesystem;

// The first line of a file, or nothing.
std::optional<std::string> first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

// Hyper-threads of one core share the list of siblings.
uint32_t cores_in_affinity_mask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) {
    return std::max(1U, std::thread::hardware_concurrency());
  }
  std::set<std::string> cores;
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    const auto siblings =
        first_line(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    cores.insert(siblings.value_or(fmt::format("cpu{}", cpu)));
  }
  return std::max<uint32_t>(1, static_cast<uint32_t>(cores.size()));
}

// Whole processors that a quota pays for, from cgroup v2's cpu.max: "QUOTA PERIOD" or "max PERIOD".
std::optional<uint32_t> parse_cpu_max(std::string_view line) {
  uint64_t quota = 0;
  uint64_t period = 0;
  const char* const end = line.data() + line.size();
  const auto [after_quota, quota_error] = std::from_chars(line.data(), end, quota);
  if (quota_error != std::errc() || after_quota == end) return std::nullopt;
  const auto [after_period, period_error] = std::from_chars(after_quota + 1, end, period);
  if (period_error != std::errc() || period == 0) return std::nullopt;
  return static_cast<uint32_t>(std::clamp<uint64_t>(quota / period, 1, 1U << 20));
}

// The smallest quota of this process's cgroup (v2) and those above it.
uint32_t cores_in_quota() {
  uint32_t cores = std::numeric_limits<uint32_t>::max();
  const fs::path root = "/sys/fs/cgroup";
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::/")) continue;
    for (fs::path group = root / line.substr(4);; group = group.parent_path()) {
      const auto quota = parse_cpu_max(first_line(group / "cpu.max").value_or(""));
      cores = std::min(cores, quota.value_or(cores));
      if (group == root || !group.has_relative_path()) break;
    }
  }
  return cores;
}

}  // namespace

std::string processor_name() {
  std::string name = "unknown processor";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t value = line.find(": ");
    if (!line.starts_with("model name") || value == std::string::npos) continue;
    name = line.substr(value + 2);
    break;
  }
  return fmt::format("{} ({})", name, HWY_DYNAMIC_DISPATCH(instruction_set)());
}

uint32_t usable_cores() { return std::min(cores_in_affinity_mask(), cores_in_quota()); }

}  // namespace weft::backend
#endif  // HWY_ONCE
