// Makes GGUF files, right and wrong ones. What is added is written as it is, unchecked.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/gguf.h"

namespace weft::testing {

using Bytes = std::vector<std::byte>;

// Little-endian numbers and GGUF's strings, one behind the other.
void put_bytes(Bytes& to, std::span<const std::byte> bytes);
template <class T>
  requires std::integral<T> || std::floating_point<T>
void put(Bytes& to, T number) {
  put_bytes(to, std::as_bytes(std::span(&number, 1)));
}
void put_string(Bytes& to, std::string_view text);

// Setting a key again replaces its value; tensors keep their order.
class GgufWriter {
 public:
  void set(std::string key, uint32_t value);
  void set(std::string key, float value);
  void set(std::string key, std::same_as<bool> auto value) { set_flag(std::move(key), value); }
  void set(std::string key, std::string_view value);
  void set(std::string key, const char* value) { set(std::move(key), std::string_view(value)); }
  void set(std::string key, std::span<const std::string> values);
  void set(std::string key, std::span<const int32_t> values);
  void set(std::string key, std::span<const float> values);
  // Type number and value as the file will hold them.
  void set_raw(std::string key, uint32_t type, Bytes value);
  void erase(const std::string& key) { values_.erase(key); }

  // `dims` in ggml's order, `type` GGUF's number. Data is aligned to 32 bytes.
  void add_tensor(std::string name, std::vector<uint64_t> dims, formats::TensorType type,
                  Bytes data);
  void erase_tensor(std::string_view name);

  [[nodiscard]] Bytes finish(uint32_t version = 3) const;

 private:
  void set_flag(std::string key, bool value);

  struct Value {
    uint32_t type;
    Bytes bytes;
  };
  struct Tensor {
    std::string name;
    std::vector<uint64_t> dims;
    uint32_t type;
    Bytes data;
  };
  std::map<std::string, Value> values_;
  std::vector<Tensor> tensors_;
};

}  // namespace weft::testing
