// What a processor can do at most: loops of nothing but the operation that is measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weft::bench {

enum class Dot : uint8_t {
  kInt8,   // sums of four products of bytes, in 32 bits
  kInt16,  // sums of two products of 16 bits, in 32 bits
  kFloat,  // f32 multiply-add
};

// Runs `rounds` rounds on registers; how many multiply-adds that were. `sink` takes the result.
[[nodiscard]] uint64_t run_dot(Dot dot, uint64_t rounds, float& sink);

// The sum of the 32-bit words of `bytes`, whose size is a multiple of kReadUnit.
inline constexpr size_t kReadUnit = 1024;
[[nodiscard]] uint32_t read_all(std::span<const std::byte> bytes);

// The instruction set that was chosen.
[[nodiscard]] const char* instruction_set();

}  // namespace weft::bench
