// A metadata value of a GGUF file where it lies in the file, and how to read its numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"

namespace weft::formats {

enum class GgufType : uint32_t {  // the values are GGUF's
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
[[nodiscard]] std::string_view name(GgufType type);  // "u32", "string", ...

struct GgufValue {
  GgufType type;
  GgufType element_type;             // of an array; otherwise the same as type
  uint64_t count;                    // elements of an array; otherwise 1
  std::span<const std::byte> bytes;  // a number's or array's bytes; of a string: its text alone

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::string type_name() const;  // "u32", "array of string"
};

// Bytes of one value; 0 for strings and arrays, whose size is part of their data.
[[nodiscard]] size_t gguf_type_bytes(GgufType type);

// Files align nothing within metadata.
template <class T>
[[nodiscard]] T load_unaligned(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// Calls use(number) with the number at `from` in its own C++ type. Not for strings and arrays.
template <class Use>
auto visit_number(GgufType type, const std::byte* from, Use&& use) {
  switch (type) {
    case GgufType::kU8:
      return use(load_unaligned<uint8_t>(from));
    case GgufType::kI8:
      return use(load_unaligned<int8_t>(from));
    case GgufType::kU16:
      return use(load_unaligned<uint16_t>(from));
    case GgufType::kI16:
      return use(load_unaligned<int16_t>(from));
    case GgufType::kU32:
      return use(load_unaligned<uint32_t>(from));
    case GgufType::kI32:
      return use(load_unaligned<int32_t>(from));
    case GgufType::kF32:
      return use(load_unaligned<float>(from));
    case GgufType::kU64:
      return use(load_unaligned<uint64_t>(from));
    case GgufType::kI64:
      return use(load_unaligned<int64_t>(from));
    case GgufType::kF64:
      return use(load_unaligned<double>(from));
    case GgufType::kBool:
      return use(load_unaligned<uint8_t>(from) != 0);
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  check_failed("a type of number", std::source_location::current());
}

}  // namespace weft::formats
