// Random numbers that depend on nothing but a seed and a position: Philox4x32-10, from
// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
#pragma once

#include <array>
#include <cstdint>

namespace weft::sample {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

[[nodiscard]] PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key);

// In [0, 1), a multiple of 2^-53.
[[nodiscard]] double uniform(uint64_t seed, uint64_t position);

// From the system's source of entropy.
[[nodiscard]] uint64_t random_seed();

}  // namespace weft::sample
