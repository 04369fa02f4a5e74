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

// A piece at a time, so that little of the file is in memory beside its packed form.
void pack(const Linear& linear, std::byte* to, ThreadPool& pool,
          const std::function<void(std::span<const std::byte>)>& release) {
  constexpr size_t kPiece = size_t{4} << 20;
  const std::span<const std::byte> data = linear.weight->tensor.data;
  const size_t bytes = tile_bytes(linear);
  const size_t source_bytes = kTileRows * (data.size() / linear.weight->rows);  // of a tile
  const auto at_once = static_cast<uint32_t>(std::max<size_t>(1, kPiece / bytes));
  for (uint32_t first = 0; first < tiles(linear); first += at_once) {
    const uint32_t n = std::min(at_once, tiles(linear) - first);
    pool.run(n, [&](uint32_t i, uint32_t) {
      pack_one_tile(linear, first + i, to + (first + i) * bytes);
    });
    const size_t begin = first * source_bytes;
    if (release) release(data.subspan(begin, std::min(n * source_bytes, data.size() - begin)));
  }
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
    if (tile_bytes(*linear) == 0) continue;
    linear->packed = next;
    pack(*linear, next, pool, release);
    next += tiles(*linear) * tile_bytes(*linear);
  }
  return memory;
}

}  // namespace weft::backend
