// AMX: the unit of some x86 processors that multiplies small matrices of bytes. Eight tile
// registers of up to 16 rows of 64 bytes belong to each thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::backend::amx {

inline constexpr uint32_t kTileRegisterRows = 16;

// Whether the processor has it and the system lets this process use it. Asks the system once.
[[nodiscard]] bool available();

#ifdef __x86_64__
// As text, because the compiler would want a flag for each function that says these.

// What each tile register holds, in the processor's layout.
struct alignas(64) Shapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  void set(size_t tile, uint32_t n_rows, uint32_t n_bytes) {
    rows[tile] = static_cast<uint8_t>(n_rows);
    row_bytes[tile] = static_cast<uint16_t>(n_bytes);
  }
};

// The thread's tile registers from here to end().
inline void begin(const Shapes& shapes) { __asm__ volatile("ldtilecfg %0" ::"m"(shapes)); }
inline void end() { __asm__ volatile("tilerelease"); }

template <int kTile>
inline void clear() {
  __asm__ volatile("tilezero %%tmm%c0" ::"i"(kTile));
}

// Rows lie `stride` bytes apart.
template <int kTile>
inline void load(const void* rows, size_t stride) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(rows), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline void store(void* rows, size_t stride) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(rows), "r"(stride), "i"(kTile)
                   : "memory");
}

// sums[m][n] += the sum over k and b < 4 of a[m][4 k + b] * b[k][4 n + b]: signed bytes of `a`,
// unsigned ones of `b`, 32-bit sums. Exact.
template <int kSums, int kA, int kB>
inline void multiply_add() {
  __asm__ volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kA), "i"(kB));
}
#endif

}  // namespace weft::backend::amx
