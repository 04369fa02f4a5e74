// Arithmetic on numbers that come from outside: nothing wraps, nothing is cut.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/check.h"

namespace weft {

// The value, or nothing where the type cannot hold it.
template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> checked_mul(T a, T b) {
  T product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// For numbers of our own that are known to fit: a number that does not is our mistake.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr To narrow(From value) {
  CHECK(std::in_range<To>(value));
  return static_cast<To>(value);
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr T ceil_div(T a, T b) {
  return a / b + (a % b != 0);
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr T round_up(T value, T multiple) {
  return ceil_div(value, multiple) * multiple;
}

}  // namespace weft
