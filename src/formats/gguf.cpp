#include "formats/gguf.h"

#include <concepts>
#include <limits>
#include <utility>

#include "formats/quote.h"

namespace weft::formats {
namespace {

// The value as an integer of type To, or nothing where it is no integer or does not fit.
template <class To>
std::optional<To> to_integer(GgufType type, const std::byte* from) {
  return visit_number(type, from, [](auto number) -> std::optional<To> {
    using From = decltype(number);
    if constexpr (std::integral<From> && !std::same_as<From, bool>) {
      if (std::in_range<To>(number)) return static_cast<To>(number);
    }
    return std::nullopt;
  });
}

std::optional<float> to_float(GgufType type, const std::byte* from) {
  return visit_number(type, from, [](auto number) -> std::optional<float> {
    if constexpr (std::floating_point<decltype(number)>) return static_cast<float>(number);
    return std::nullopt;
  });
}

bool is_scalar(const GgufValue& value) {
  return value.type != GgufType::kString && value.type != GgufType::kArray;
}

std::unexpected<Error> unwanted(std::string_view key, const GgufValue& value,
                                std::string_view wanted) {
  if (!is_scalar(value)) {
    return fail("Key {} is of type {}, and {} was wanted.", quote(key), value.type_name(), wanted);
  }
  return visit_number(value.type, value.bytes.data(), [&](auto number) {
    return fail("Key {} is {} of type {}, and {} was wanted.", quote(key), number,
                value.type_name(), wanted);
  });
}

template <class To>
Result<To> scalar_integer(std::string_view key, const GgufValue& value) {
  if (is_scalar(value)) {
    if (const auto number = to_integer<To>(value.type, value.bytes.data())) return *number;
  }
  return unwanted(key, value,
                  fmt::format("an integer from 0 to {}", std::numeric_limits<To>::max()));
}

// Converts each element of an array of numbers; `convert` gives nothing for what does not fit.
template <class To, class Convert>
Result<std::vector<To>> numbers(std::string_view key, const GgufValue& value,
                                std::string_view wanted, Convert&& convert) {
  const size_t element_bytes = gguf_type_bytes(value.element_type);
  if (value.type != GgufType::kArray || element_bytes == 0) return unwanted(key, value, wanted);
  std::vector<To> out;
  out.reserve(value.count);
  for (uint64_t i = 0; i < value.count; ++i) {
    const std::optional<To> number =
        convert(value.element_type, value.bytes.data() + i * element_bytes);
    if (!number) {
      return fail("Element {} of key {} does not fit: it is of type {}, and {} was wanted.", i,
                  quote(key), formats::name(value.element_type), wanted);
    }
    out.push_back(*number);
  }
  return out;
}

}  // namespace

std::string_view name(GgufType type) {
  switch (type) {
    case GgufType::kU8:
      return "u8";
    case GgufType::kI8:
      return "i8";
    case GgufType::kU16:
      return "u16";
    case GgufType::kI16:
      return "i16";
    case GgufType::kU32:
      return "u32";
    case GgufType::kI32:
      return "i32";
    case GgufType::kF32:
      return "f32";
    case GgufType::kBool:
      return "bool";
    case GgufType::kString:
      return "string";
    case GgufType::kArray:
      return "array";
    case GgufType::kU64:
      return "u64";
    case GgufType::kI64:
      return "i64";
    case GgufType::kF64:
      return "f64";
  }
  return "unknown";
}

size_t gguf_type_bytes(GgufType type) {
  if (type == GgufType::kString || type == GgufType::kArray) return 0;
  static constexpr std::byte kZeros[8]{};
  return visit_number(type, kZeros, [](auto number) { return sizeof(number); });
}

std::string GgufValue::type_name() const {
  if (type != GgufType::kArray) return std::string(name(type));
  return fmt::format("array of {}", name(element_type));
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = key_index_.find(key);
  return found == key_index_.end() ? nullptr : &metadata_[found->second].value;
}

const TensorView* GgufFile::find_tensor(std::string_view tensor_name) const {
  const auto found = tensor_index_.find(tensor_name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

Result<const GgufValue*> GgufFile::require(std::string_view key) const {
  if (const GgufValue* value = find(key)) return value;
  return fail("Key {} is missing.", quote(key));
}

Result<uint32_t> GgufFile::get_u32(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  return scalar_integer<uint32_t>(key, *value);
}

Result<uint64_t> GgufFile::get_u64(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  return scalar_integer<uint64_t>(key, *value);
}

Result<float> GgufFile::get_f32(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  if (is_scalar(*value)) {
    if (const auto number = to_float(value->type, value->bytes.data())) return *number;
  }
  return unwanted(key, *value, "a floating-point number");
}

Result<bool> GgufFile::get_bool(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  if (value->type != GgufType::kBool) return unwanted(key, *value, "a bool");
  return value->bytes[0] != std::byte{0};
}

Result<std::string_view> GgufFile::get_string(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  if (value->type != GgufType::kString) return unwanted(key, *value, "a string");
  return value->text();
}

Result<std::vector<std::string_view>> GgufFile::get_strings(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  if (value->type != GgufType::kArray || value->element_type != GgufType::kString) {
    return unwanted(key, *value, "an array of string");
  }
  std::vector<std::string_view> out;
  out.reserve(value->count);
  const std::byte* at = value->bytes.data();  // lengths were checked when the file was parsed
  for (uint64_t i = 0; i < value->count; ++i) {
    const auto length = load_unaligned<uint64_t>(at);
    out.emplace_back(reinterpret_cast<const char*>(at) + sizeof(length), length);
    at += sizeof(length) + length;
  }
  return out;
}

Result<std::vector<float>> GgufFile::get_f32s(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  return numbers<float>(key, *value, "an array of floating-point numbers", to_float);
}

Result<std::vector<int32_t>> GgufFile::get_i32s(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  return numbers<int32_t>(key, *value, "an array of 32-bit integers", to_integer<int32_t>);
}

Result<std::vector<bool>> GgufFile::get_bools(std::string_view key) const {
  WEFT_ASSIGN(const GgufValue* value, require(key));
  if (value->type != GgufType::kArray || value->element_type != GgufType::kBool) {
    return unwanted(key, *value, "an array of bool");
  }
  std::vector<bool> out;
  for (const std::byte flag : value->bytes) out.push_back(flag != std::byte{0});
  return out;
}

Result<uint32_t> GgufFile::get_u32_or(std::string_view key, uint32_t fallback) const {
  return find(key) == nullptr ? fallback : get_u32(key);
}

Result<float> GgufFile::get_f32_or(std::string_view key, float fallback) const {
  return find(key) == nullptr ? fallback : get_f32(key);
}

Result<bool> GgufFile::get_bool_or(std::string_view key, bool fallback) const {
  return find(key) == nullptr ? fallback : get_bool(key);
}

Result<std::string_view> GgufFile::get_string_or(std::string_view key,
                                                 std::string_view fallback) const {
  return find(key) == nullptr ? fallback : get_string(key);
}

}  // namespace weft::formats
