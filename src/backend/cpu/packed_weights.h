// The memory of a model's packed matrices.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include "backend/cpu/matmul.h"
#include "backend/cpu/thread_pool.h"

namespace weft::backend {

// Pages of the size the system likes best: with large ones, fewer translations are missed and a
// processor reads further ahead. Zeroed; move-only.
class LargePages {
 public:
  LargePages() = default;
  explicit LargePages(size_t size_bytes);  // throws std::bad_alloc
  LargePages(LargePages&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  LargePages& operator=(LargePages&& other) noexcept {
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~LargePages();

  [[nodiscard]] std::span<std::byte> bytes() const { return memory_; }

 private:
  std::span<std::byte> memory_;
};

// Packs each of `linears` whose type has a packed form, and sets its `packed`; all in one piece of
// memory, in this order. `release` (may be empty) hears which weights will not be read from the
// file again.
[[nodiscard]] LargePages pack_weights(
    std::span<Linear* const> linears, ThreadPool& pool,
    const std::function<void(std::span<const std::byte>)>& release);

}  // namespace weft::backend
