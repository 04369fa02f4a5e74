#include "backend/cpu/processor.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
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

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

std::optional<uint32_t> whole_cores(std::optional<uint64_t> quota, std::optional<uint64_t> period) {
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<uint32_t>(std::clamp<uint64_t>(*quota / *period, 1, 1U << 20));
}

// Version 2: "QUOTA PERIOD" or "max PERIOD", in microseconds.
std::optional<uint32_t> quota_v2(const fs::path& group) {
  const std::string line = first_line(group / "cpu.max").value_or("");
  const size_t space = line.find(' ');
  if (space == std::string::npos) return std::nullopt;
  const std::string_view text = line;
  return whole_cores(parse_number(text.substr(0, space)), parse_number(text.substr(space + 1)));
}

// Version 1: a quota of -1 is none.
std::optional<uint32_t> quota_v1(const fs::path& group) {
  const auto quota = first_line(group / "cpu.cfs_quota_us");
  const auto period = first_line(group / "cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  return whole_cores(parse_number(*quota), parse_number(*period));
}

using Quota = std::optional<uint32_t> (*)(const fs::path& group);

// Lowers `cores` to the smallest quota of the group at `path` below `root` and of those above it.
void lower_to_quotas(const fs::path& root, std::string_view path, Quota quota,
                     std::optional<uint32_t>& cores) {
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  for (fs::path group = path;; group = group.parent_path()) {
    if (const auto here = quota(root / group)) cores = std::min(cores.value_or(*here), *here);
    if (group.empty()) return;
  }
}

std::string whole_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
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

// A line is "NUMBER:CONTROLLERS:PATH"; version 2 has no controllers.
std::optional<uint32_t> cores_in_quota(const fs::path& root, std::string_view groups) {
  std::optional<uint32_t> cores;
  while (!groups.empty()) {
    const std::string_view line = groups.substr(0, groups.find('\n'));
    groups.remove_prefix(std::min(groups.size(), line.size() + 1));
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (controllers.empty()) {
      lower_to_quotas(root, path, quota_v2, cores);
    } else if (controllers == "cpu" || controllers.starts_with("cpu,")) {
      lower_to_quotas(root / "cpu", path, quota_v1, cores);
      lower_to_quotas(root / controllers, path, quota_v1, cores);
    }
  }
  return cores;
}

uint32_t usable_cores() {
  const uint32_t cores = cores_in_affinity_mask();
  const auto quota = cores_in_quota("/sys/fs/cgroup", whole_text("/proc/self/cgroup"));
  return std::min(cores, quota.value_or(cores));
}

}  // namespace weft::backend
#endif  // HWY_ONCE
