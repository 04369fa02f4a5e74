// Memory for vectors: aligned, zeroed, of a size fixed at birth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "base/check.h"
#include "base/checked.h"

namespace weft::backend {

// Pages of a large array are taken from the system when they are first written.
template <class T>
class AlignedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t size) : size_(size) {
    const auto bytes = checked_mul(size, sizeof(T));
    void* memory = bytes ? std::calloc(1, *bytes + kAlignment) : nullptr;
    if (memory == nullptr) throw std::bad_alloc();
    memory_.reset(memory);
    data_ = reinterpret_cast<T*>(round_up(reinterpret_cast<uintptr_t>(memory), kAlignment));
  }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::span<T> values() const { return {data_, size_}; }
  [[nodiscard]] size_t size_bytes() const { return size_ * sizeof(T); }

 private:
  static constexpr uintptr_t kAlignment = 64;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  std::unique_ptr<void, Free> memory_;
  T* data_ = nullptr;
  size_t size_ = 0;
};

// Rows of floats that lie somewhere, `stride` floats from one to the next.
struct Rows {
  float* data;
  size_t stride;
  uint32_t cols;

  [[nodiscard]] float* row(uint32_t index) const { return data + index * stride; }
  [[nodiscard]] std::span<float> values(uint32_t index) const { return {row(index), cols}; }
  [[nodiscard]] Rows from(uint32_t index) const { return {row(index), stride, cols}; }
};

// Memory for rows of up to max_cols floats, each beginning at an aligned address.
class RowBuffer {
 public:
  RowBuffer() = default;
  // From row to row the address moves on by a line more than a power of two would, or rows that are
  // read together would fight for the same places of a cache.
  RowBuffer(uint32_t rows, uint32_t max_cols)
      : stride_(round_up(max_cols, 16U) + 16), values_(rows * stride_) {}

  [[nodiscard]] Rows rows(uint32_t cols) const {
    CHECK(cols <= stride_);
    return {values_.data(), stride_, cols};
  }
  [[nodiscard]] size_t size_bytes() const { return values_.size_bytes(); }

 private:
  size_t stride_ = 0;
  AlignedArray<float> values_;
};

}  // namespace weft::backend
