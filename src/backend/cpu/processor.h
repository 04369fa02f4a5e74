// What the machine is and how much of it this process may use.
#pragma once

#include <cstdint>
#include <string>

namespace weft::backend {

// The processor's name and the chosen instruction set: "Intel(R) Xeon(R) Processor (AVX3_DL)".
[[nodiscard]] std::string processor_name();

// Physical cores in this process's affinity mask, at most what its cgroups' CPU quota pays for,
// at least 1.
[[nodiscard]] uint32_t usable_cores();

}  // namespace weft::backend
