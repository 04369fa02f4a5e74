#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "testing/gguf_writer.h"
#include "testing/source_path.h"

namespace weft::formats {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using testing::GgufWriter;
using ::testing::HasSubstr;
using testing::put;

const std::filesystem::path kSmallFile = testing::source_path("formats/gguf_fuzz_seeds/small.gguf");

Bytes scalar_of(auto value) {
  Bytes bytes;
  put(bytes, value);
  return bytes;
}

std::string message(const auto& result) { return result ? "no error" : result.error().message(); }

// The file that testdata/make_gguf.py made with the Python package.
TEST(Gguf, ReadsWhatThePythonPackageWrote) {
  const auto file = GgufFile::open(kSmallFile);
  ASSERT_TRUE(file.has_value()) << message(file);
  EXPECT_EQ(file->version(), 3U);
  EXPECT_EQ(file->get_u32("test.u8"), 200U);
  EXPECT_EQ(file->get_u32("test.u16"), 60000U);
  EXPECT_EQ(file->get_u32("test.u32"), 4000000000U);
  EXPECT_EQ(file->get_u64("test.u64"), 10000000000000000000U);
  EXPECT_EQ(file->get_f32("test.f32"), 0.1F);
  EXPECT_EQ(file->get_f32("test.f64"), 0.1F);
  EXPECT_EQ(file->get_bool("test.bool"), true);
  EXPECT_EQ(file->get_string("test.string"), "w\u00e4rp");
  EXPECT_THAT(*file->get_strings("test.strings"), ElementsAre("one", "", "three"));
  EXPECT_THAT(*file->get_i32s("test.i32s"), ElementsAre(1, -2, 3));
  EXPECT_THAT(*file->get_f32s("test.f32s"), ElementsAre(0.5F, -0.25F));

  ASSERT_EQ(file->tensors().size(), 2U);
  const TensorView* a = file->find_tensor("a.weight");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->type, TensorType::kF32);
  EXPECT_THAT(a->dims, ElementsAre(3, 2, 1, 1));
  ASSERT_EQ(a->data.size(), 24U);
  float values[6];
  std::memcpy(values, a->data.data(), sizeof(values));
  EXPECT_THAT(values, ElementsAre(0, 1, 2, 3, 4, 5));
  const TensorView* b = file->find_tensor("b.weight");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->type, TensorType::kQ8_0);
  EXPECT_THAT(b->dims, ElementsAre(64, 1, 1, 1));
  EXPECT_EQ(b->data.size(), 68U);
  EXPECT_EQ(b->offset, static_cast<uint64_t>(b->data.data() - file->mapping()->bytes().data()));
  EXPECT_EQ(file->find_tensor("c.weight"), nullptr);
}

TEST(Gguf, ReadsVersion2) {
  GgufWriter writer;
  writer.set("key", 7U);
  const Bytes bytes = writer.finish(2);
  const auto file = GgufFile::parse(bytes, "two");
  ASSERT_TRUE(file.has_value()) << message(file);
  EXPECT_EQ(file->version(), 2U);
  EXPECT_EQ(file->get_u32("key"), 7U);
}

TEST(Gguf, IntegersOfEveryTypeThatFitAreTaken) {
  GgufWriter writer;
  writer.set_raw("u64", 10, scalar_of(uint64_t{5}));
  writer.set_raw("i8", 1, scalar_of(int8_t{6}));
  writer.set_raw("negative", 1, scalar_of(int8_t{-1}));
  writer.set_raw("large", 10, scalar_of(uint64_t{1} << 32));
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "test");
  ASSERT_TRUE(file.has_value()) << message(file);
  EXPECT_EQ(file->get_u32("u64"), 5U);
  EXPECT_EQ(file->get_u32("i8"), 6U);
  EXPECT_EQ(file->get_u64("large"), 4294967296U);
  EXPECT_EQ(message(file->get_u32("large")),
            "Key 'large' is 4294967296 of type u64, and an integer from 0 to 4294967295 was "
            "wanted.");
  EXPECT_THAT(message(file->get_u32("negative")), HasSubstr("is -1 of type i8"));
}

TEST(Gguf, ValuesOfAnotherKindAreErrorsThatNameBoth) {
  GgufWriter writer;
  writer.set("number", 7U);
  writer.set("text", "x");
  const std::string strings[] = {"a"};
  writer.set("texts", strings);
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "test");
  ASSERT_TRUE(file.has_value()) << message(file);
  EXPECT_EQ(message(file->get_u32("text")),
            "Key 'text' is of type string, and an integer from 0 to 4294967295 was wanted.");
  EXPECT_EQ(message(file->get_f32("number")),
            "Key 'number' is 7 of type u32, and a floating-point number was wanted.");
  EXPECT_THAT(message(file->get_string("number")), HasSubstr("a string was wanted"));
  EXPECT_THAT(message(file->get_bool("number")), HasSubstr("a bool was wanted"));
  EXPECT_THAT(message(file->get_string("texts")), HasSubstr("of type array of string"));
  EXPECT_THAT(message(file->get_strings("text")), HasSubstr("an array of string was wanted"));
  EXPECT_THAT(message(file->get_i32s("texts")), HasSubstr("an array of 32-bit integers"));
  EXPECT_THAT(message(file->get_f32s("number")), HasSubstr("an array of floating-point numbers"));
}

TEST(Gguf, FallbackIsForMissingKeysOnly) {
  GgufWriter writer;
  writer.set("text", "x");
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "test");
  ASSERT_TRUE(file.has_value()) << message(file);
  EXPECT_EQ(message(file->get_u32("missing")), "Key 'missing' is missing.");
  EXPECT_EQ(file->get_u32_or("missing", 3), 3U);
  EXPECT_EQ(file->get_f32_or("missing", 0.5F), 0.5F);
  EXPECT_EQ(file->get_bool_or("missing", true), true);
  EXPECT_EQ(file->get_string_or("missing", "y"), "y");
  EXPECT_FALSE(file->get_u32_or("text", 3).has_value());
  EXPECT_FALSE(file->get_f32_or("text", 3).has_value());
  EXPECT_FALSE(file->get_bool_or("text", true).has_value());
}

TEST(Gguf, DefaultModelHasTheTensorsOfFacts) {
  const char* path = std::getenv("WEFT_TEST_MODEL");
  if (path == nullptr) GTEST_SKIP() << "WEFT_TEST_MODEL names no model";
  const auto file = GgufFile::open(path);
  ASSERT_TRUE(file.has_value()) << message(file);
  EXPECT_EQ(file->get_string("general.architecture"), "llama");
  EXPECT_EQ(file->get_strings("tokenizer.ggml.tokens")->size(), 49152U);
  std::map<TensorType, int> types;
  for (const TensorView& tensor : file->tensors()) ++types[tensor.type];
  EXPECT_THAT(types, ElementsAre(std::pair(TensorType::kF32, 61), std::pair(TensorType::kQ4_1, 210),
                                 std::pair(TensorType::kQ8_0, 1)));
}

}  // namespace
}  // namespace weft::formats
