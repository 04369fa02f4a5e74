#include "backend/cpu/packed_weights.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "backend/cpu/pack_weights.h"
#include "base/check.h"
#include "base/checked.h"

namespace weft::backend {
namespace {

constexpr size_t kLargePage = size_t{2} << 20;

uint32_t tiles(const Linear& linear) { return ceil_div(linear.weight->rows, kTileRows); }

size_t tile_bytes(const Linear& linear) {
  return packed_tile_bytes(linear.weight->tensor.type, linear.weight->cols);
}

void pack_one_tile(const Linear& linear, uint32_t tile, std::byte* to) {
  const model::Weight& weight = *linear.weight;
  const size_t row_bytes = weight.tensor.data.size() / weight.rows;
  const uint32_t first = tile * kTileRows;
  pack_tile({.type = weight.tensor.type,
             .data = weight.tensor.data.data() + first * row_bytes,
             .row_bytes = row_bytes,
             .rows = std::min(kTileRows, weight.rows - first),
             .cols = weight.cols},
            to);
}

}  // namespace

LargePages::LargePages(size_t size_bytes) {
  if (size_bytes == 0) return;
  const size_t size = round_up(size_bytes, kLargePage);
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  ::madvise(memory, size, MADV_HUGEPAGE);  // a hint
#endif
  memory_ = {static_cast<std::byte*>(memory), size};
}

LargePages::~LargePages() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

LargePages pack_weights(std::span<Linear* const> linears, ThreadPool& pool,
                        const std::function<void(std::span<const std::byte>)>& release) {
  size_t size = 0;
  for (const Linear* linear : linears) size += tiles(*linear) * tile_bytes(*linear);
  LargePages memory(size);
  std::byte* next = memory.bytes().data();
  for (Linear* linear : linears) {
    const size_t bytes = tile_bytes(*linear);
    if (bytes == 0) continue;
    std::byte* const packed = next;
    pool.run(tiles(*linear),
             [&](uint32_t tile, uint32_t) { pack_one_tile(*linear, tile, packed + tile * bytes); });
    linear->packed = packed;
    next += tiles(*linear) * bytes;
    if (release) release(linear->weight->tensor.data);
  }
  return memory;
}

}  // namespace weft::backend
