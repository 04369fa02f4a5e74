#include "testing/gguf_writer.h"

#include <utility>

#include "base/checked.h"

namespace weft::testing {
namespace {

using formats::GgufType;

constexpr size_t kAlignment = 32;

uint32_t number(GgufType type) { return static_cast<uint32_t>(type); }

template <class T>
Bytes array(GgufType element, std::span<const T> values) {
  Bytes out;
  put(out, number(element));
  put<uint64_t>(out, values.size());
  for (const T& value : values) {
    if constexpr (std::same_as<T, std::string>) {
      put_string(out, value);
    } else {
      put(out, value);
    }
  }
  return out;
}

template <class T>
Bytes scalar(T value) {
  Bytes out;
  put(out, value);
  return out;
}

}  // namespace

void put_bytes(Bytes& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void put_string(Bytes& to, std::string_view text) {
  put<uint64_t>(to, text.size());
  put_bytes(to, std::as_bytes(std::span(text)));
}

void GgufWriter::set_raw(std::string key, uint32_t type, Bytes value) {
  values_[std::move(key)] = {type, std::move(value)};
}

void GgufWriter::set(std::string key, uint32_t value) {
  set_raw(std::move(key), number(GgufType::kU32), scalar(value));
}

void GgufWriter::set(std::string key, float value) {
  set_raw(std::move(key), number(GgufType::kF32), scalar(value));
}

void GgufWriter::set_flag(std::string key, bool value) {
  set_raw(std::move(key), number(GgufType::kBool), scalar<uint8_t>(value ? 1 : 0));
}

void GgufWriter::set(std::string key, std::string_view value) {
  Bytes out;
  put_string(out, value);
  set_raw(std::move(key), number(GgufType::kString), std::move(out));
}

void GgufWriter::set(std::string key, std::span<const std::string> values) {
  set_raw(std::move(key), number(GgufType::kArray), array(GgufType::kString, values));
}

void GgufWriter::set(std::string key, std::span<const int32_t> values) {
  set_raw(std::move(key), number(GgufType::kArray), array(GgufType::kI32, values));
}

void GgufWriter::set(std::string key, std::span<const float> values) {
  set_raw(std::move(key), number(GgufType::kArray), array(GgufType::kF32, values));
}

void GgufWriter::add_tensor(std::string name, std::vector<uint64_t> dims, formats::TensorType type,
                            Bytes data) {
  tensors_.push_back(
      {std::move(name), std::move(dims), static_cast<uint32_t>(type), std::move(data)});
}

void GgufWriter::erase_tensor(std::string_view name) {
  std::erase_if(tensors_, [name](const Tensor& tensor) { return tensor.name == name; });
}

Bytes GgufWriter::finish(uint32_t version) const {
  Bytes out;
  for (const char c : std::string_view("GGUF")) put(out, c);
  put(out, version);
  put<uint64_t>(out, tensors_.size());
  put<uint64_t>(out, values_.size());
  for (const auto& [key, value] : values_) {
    put_string(out, key);
    put(out, value.type);
    put_bytes(out, value.bytes);
  }
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    put_string(out, tensor.name);
    put(out, narrow<uint32_t>(tensor.dims.size()));
    for (const uint64_t dim : tensor.dims) put(out, dim);
    put(out, tensor.type);
    put(out, offset);
    offset += round_up(tensor.data.size(), kAlignment);
  }
  for (const Tensor& tensor : tensors_) {
    out.resize(round_up(out.size(), kAlignment));
    put_bytes(out, tensor.data);
  }
  return out;
}

}  // namespace weft::testing
