// Files that are wrong, each in one place: an error that names it, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "formats/gguf.h"
#include "testing/gguf_writer.h"

namespace weft::formats {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;
using testing::put;
using testing::put_string;

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

std::string error_of(const Bytes& bytes) {
  const auto file = GgufFile::parse(bytes, "bad.gguf");
  return file ? "no error" : file.error().message();
}

Bytes header(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
  Bytes out;
  for (const char c : {'G', 'G', 'U', 'F'}) put(out, c);
  put(out, version);
  put(out, tensors);
  put(out, keys);
  return out;
}

Bytes operator+(Bytes a, const Bytes& b) {
  testing::put_bytes(a, b);
  return a;
}

Bytes entry(std::string_view key, GgufType type, const Bytes& value) {
  Bytes out;
  put_string(out, key);
  put(out, static_cast<uint32_t>(type));
  return out + value;
}

template <class... Numbers>
Bytes numbers(Numbers... values) {
  Bytes out;
  (put(out, values), ...);
  return out;
}

Bytes tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
             uint64_t offset) {
  Bytes out;
  put_string(out, name);
  put(out, static_cast<uint32_t>(dims.size()));
  for (const uint64_t dim : dims) put(out, dim);
  put(out, type);
  put(out, offset);
  return out;
}

// Pads to the alignment and appends data.
Bytes with_data(Bytes head, size_t bytes) {
  head.resize((head.size() + 31) / 32 * 32 + bytes);
  return head;
}

constexpr uint32_t kF32 = 0;
constexpr uint32_t kQ8_0 = 8;

// A good file that has each structure: numbers, string, arrays, two tensors.
Bytes good_file() {
  Bytes text;
  put_string(text, "value");
  Bytes strings = numbers(uint32_t{8}, uint64_t{2});
  put_string(strings, "one");
  put_string(strings, "two");
  return with_data(
      header(2, 5) + entry("number", GgufType::kU32, numbers(uint32_t{1})) +
          entry("flag", GgufType::kBool, numbers(uint8_t{1})) +
          entry("text", GgufType::kString, text) +
          entry("floats", GgufType::kArray, numbers(uint32_t{6}, uint64_t{2}, 1.0F, 2.0F)) +
          entry("strings", GgufType::kArray, strings) + tensor("a", {8}, kF32, 0) +
          tensor("b", {32, 2}, kQ8_0, 32),
      32 + 68);
}

// Uses all that parsing gave, so that a sanitizer sees a view that is wrong.
uint64_t read_all(const GgufFile& file) {
  uint64_t sum = 0;
  const auto read = [&](std::span<const std::byte> bytes) {
    for (const std::byte b : bytes) sum += std::to_integer<uint64_t>(b);
  };
  for (const GgufEntry& e : file.metadata()) read(e.value.bytes);
  for (const TensorView& t : file.tensors()) read(t.data);
  if (const auto strings = file.get_strings("strings")) {
    for (const std::string_view s : *strings) read(std::as_bytes(std::span(s)));
  }
  return sum;
}

TEST(BadGguf, TheGoodFileIsGood) { EXPECT_EQ(error_of(good_file()), "no error"); }

TEST(BadGguf, EveryPrefixIsAnError) {
  const Bytes good = good_file();
  for (size_t size = 0; size < good.size(); ++size) {
    const Bytes prefix(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_THAT(error_of(prefix), HasSubstr("While reading 'bad.gguf'.")) << size;
  }
}

TEST(BadGguf, NoChangedByteCrashes) {
  const Bytes good = good_file();
  uint64_t sum = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int change : {0x01, 0x02, 0x40, 0x80, 0xff}) {
      Bytes changed = good;
      changed[at] ^= static_cast<std::byte>(change);
      if (const auto file = GgufFile::parse(changed, "changed")) sum += read_all(*file);
    }
  }
  EXPECT_GT(sum, 0U);
}

TEST(BadGguf, Headers) {
  EXPECT_THAT(error_of({}), HasSubstr("magic number takes 4 bytes from offset 0 on, and the file "
                                      "has 0 bytes"));
  Bytes other = good_file();
  other[0] = std::byte{0x1b};
  EXPECT_THAT(error_of(other), HasSubstr("begins with '\\x1bGUF'"));
  EXPECT_THAT(error_of(header(0, 0, 1)), HasSubstr("version 1"));
  EXPECT_THAT(error_of(header(0, 0, 4)), HasSubstr("version 4"));
  EXPECT_THAT(error_of(header(0, 0, 0x03000000)), HasSubstr("big endian"));
  EXPECT_EQ(error_of(header(0, 0)), "no error");
}

TEST(BadGguf, CountsBeyondTheFile) {
  EXPECT_THAT(error_of(header(0, 1)), HasSubstr("announces 1 keys, and the 0 bytes that follow"));
  EXPECT_THAT(error_of(header(1, 0)), HasSubstr("announces 1 tensors, and the 0 bytes"));
  EXPECT_THAT(error_of(header(0, kHuge)), HasSubstr("18446744073709551615 keys, and at most"));
  EXPECT_THAT(error_of(header(kHuge, 0)), HasSubstr("18446744073709551615 tensors, and at most"));
  EXPECT_THAT(error_of(header(uint64_t{1} << 63, 0)), HasSubstr("at most"));
}

TEST(BadGguf, Lengths) {
  const auto file = [](GgufType type, const Bytes& value) {
    return header(0, 1) + entry("k", type, value);
  };
  EXPECT_THAT(error_of(header(0, 1) + numbers(kHuge, uint64_t{0})),
              HasSubstr("name of a key at offset 24 is 18446744073709551615 bytes long"));
  EXPECT_THAT(error_of(file(GgufType::kString, numbers(kHuge))), HasSubstr("key 'k'"));
  EXPECT_THAT(error_of(file(GgufType::kString, numbers(uint64_t{9}, uint64_t{0}))),
              HasSubstr("takes 9 bytes"));
  const auto floats = [&](uint64_t count) {
    return error_of(file(GgufType::kArray, numbers(uint32_t{6}, count, 1.0F, 2.0F)));
  };
  EXPECT_THAT(floats(3), HasSubstr("The array takes 12 bytes"));
  EXPECT_THAT(floats(kHuge), HasSubstr("18446744073709551615 elements: more than any file holds"));
  EXPECT_THAT(floats((uint64_t{1} << 62) + 1), HasSubstr("more than any file holds"));
  for (const uint64_t count : {kHuge, uint64_t{3}}) {
    EXPECT_THAT(
        error_of(file(GgufType::kArray, numbers(uint32_t{8}, count, uint64_t{0}, uint64_t{0}))),
        HasSubstr("string in the array"));
  }
}

TEST(BadGguf, Types) {
  EXPECT_THAT(error_of(header(0, 1) + entry("k", static_cast<GgufType>(13), numbers(uint64_t{0}))),
              HasSubstr("13, and GGUF defines 0 to 12. While reading key 'k'."));
  EXPECT_THAT(error_of(header(0, 1) + entry("k", GgufType::kArray,
                                            numbers(uint32_t{9}, uint64_t{1}, uint64_t{0}))),
              HasSubstr("array of arrays"));
  EXPECT_THAT(error_of(header(0, 1) + entry("k", GgufType::kBool, numbers(uint8_t{2}))),
              HasSubstr("A bool is 2"));
  EXPECT_THAT(error_of(header(0, 1) +
                       entry("k", GgufType::kArray, numbers(uint32_t{7}, uint64_t{1}, uint8_t{3}))),
              HasSubstr("A bool is 3"));
}

TEST(BadGguf, Duplicates) {
  const Bytes key = entry("twin", GgufType::kU32, numbers(uint32_t{1}));
  EXPECT_THAT(error_of(header(0, 2) + key + key), HasSubstr("Key 'twin' is there twice."));
  EXPECT_THAT(error_of(with_data(
                  header(2, 0) + tensor("twin", {8}, kF32, 0) + tensor("twin", {8}, kF32, 32), 64)),
              HasSubstr("Tensor 'twin' is there twice."));
}

TEST(BadGguf, Alignment) {
  for (const uint32_t alignment : {0U, 1U, 4U, 12U}) {
    EXPECT_THAT(
        error_of(header(0, 1) + entry("general.alignment", GgufType::kU32, numbers(alignment))),
        HasSubstr(fmt::format("'general.alignment' is {}", alignment)));
  }
  EXPECT_THAT(error_of(header(0, 1) + entry("general.alignment", GgufType::kF32, numbers(32.0F))),
              HasSubstr("of type f32"));
  const Bytes eight = header(1, 1) +
                      entry("general.alignment", GgufType::kU32, numbers(uint32_t{8})) +
                      tensor("longer name", {2}, kF32, 8);
  Bytes tight = eight;
  tight.resize((eight.size() + 7) / 8 * 8 + 16);
  EXPECT_NE((tight.size() - 16) % 32, 0U) << "the test shows nothing where both agree";
  EXPECT_EQ(error_of(tight), "no error");
  EXPECT_THAT(error_of(with_data(header(1, 0) + tensor("t", {2}, kF32, 8), 64)),
              HasSubstr("The offset 8 is not a multiple of the alignment 32. While locating tensor "
                        "'t'."));
}

TEST(BadGguf, Shapes) {
  const auto file = [](const std::vector<uint64_t>& dims, uint32_t type) {
    return with_data(header(1, 0) + tensor("t", dims, type, 0), 1024);
  };
  EXPECT_EQ(error_of(file({4, 4, 4, 4}, kF32)), "no error");
  EXPECT_THAT(error_of(file({}, kF32)), HasSubstr("dimensions is 0"));
  EXPECT_THAT(error_of(file({1, 1, 1, 1, 1}, kF32)), HasSubstr("dimensions is 5"));
  EXPECT_THAT(error_of(file({4, 0}, kF32)),
              HasSubstr("Dimension 1 is 0. While reading tensor 't'"));
  EXPECT_THAT(error_of(file({33}, kQ8_0)),
              HasSubstr("A row has 33 elements, and blocks of q8_0 hold 32."));
  EXPECT_THAT(error_of(file({16, 2}, kQ8_0)), HasSubstr("A row has 16 elements"));
  for (const uint32_t type : {4U, 38U, 99U}) {
    EXPECT_THAT(error_of(file({32}, type)), HasSubstr(fmt::format("type number is {}", type)));
  }
  EXPECT_THAT(error_of(file({uint64_t{1} << 32, uint64_t{1} << 32}, kF32)), HasSubstr("larger"));
  EXPECT_THAT(error_of(file({uint64_t{1} << 62}, kF32)), HasSubstr("larger than any file"));
  EXPECT_THAT(error_of(file({257}, kF32)), HasSubstr("takes 1028 bytes"));
  EXPECT_THAT(error_of(with_data(header(1, 0) + tensor(std::string(65, 'n'), {8}, kF32, 0), 32)),
              HasSubstr("65 bytes long, and at most 64"));
}

TEST(BadGguf, Places) {
  const auto file = [](uint64_t offset_a, uint64_t offset_b) {
    return with_data(
        header(2, 0) + tensor("a", {16}, kF32, offset_a) + tensor("b", {8}, kF32, offset_b), 96);
  };
  EXPECT_EQ(error_of(file(0, 64)), "no error");
  EXPECT_EQ(error_of(file(32, 0)), "no error");
  EXPECT_THAT(error_of(file(0, 32)), HasSubstr("they overlap"));
  EXPECT_THAT(error_of(file(32, 32)), HasSubstr("they overlap"));
  EXPECT_THAT(error_of(file(0, 96)), HasSubstr("While locating tensor 'b'"));
  EXPECT_THAT(error_of(file(0, kHuge - 31)), HasSubstr("While locating tensor 'b'"));
  EXPECT_THAT(error_of(file(kHuge - 31, 64)), HasSubstr("While locating tensor 'a'"));
}

}  // namespace
}  // namespace weft::formats
