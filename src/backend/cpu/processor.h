// What the machine is and how much of it this process may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace weft::backend {

// The processor's name and the chosen instruction set: "Intel(R) Xeon(R) Processor (AVX3_DL)".
[[nodiscard]] std::string processor_name();

// Physical cores in this process's affinity mask, at most what its cgroups' CPU quota pays for,
// at least 1.
[[nodiscard]] uint32_t usable_cores();

// Whole processors, at least 1, that the CPU quotas of a process's control groups and of those
// above them pay for; nothing where none has a quota. `groups` is the text of /proc/self/cgroup;
// version 2 groups lie in `root`, those of version 1 in root/cpu or root/cpu,cpuacct.
[[nodiscard]] std::optional<uint32_t> cores_in_quota(const std::filesystem::path& root,
                                                     std::string_view groups);

}  // namespace weft::backend
