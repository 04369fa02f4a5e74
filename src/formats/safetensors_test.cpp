#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/file.h"
#include "testing/safetensors_writer.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::formats {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::safetensors_bytes;
using testing::TemporaryFolder;
using Bytes = std::vector<std::byte>;

std::string error_of(std::string_view header, size_t data_bytes = 0) {
  const Bytes bytes = safetensors_bytes(header, Bytes(data_bytes));
  const auto file = SafetensorsFile::parse(bytes, "test");
  return file ? "no error" : file.error().message();
}

TEST(Safetensors, ReadsWhatThePythonPackageWrites) {
  const auto path = testing::source_path("formats/safetensors_fuzz_seeds/small.safetensors");
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  EXPECT_EQ(file->tensors().size(), 5U);
  const SafeTensor* a = file->find("a.weight");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->dtype, "F32");
  EXPECT_EQ(tensor_type_of(*a), TensorType::kF32);
  EXPECT_THAT(a->shape, ElementsAre(2, 3));
  std::vector<float> values(6);
  ASSERT_EQ(a->data.size(), 24U);
  std::memcpy(values.data(), a->data.data(), 24);
  EXPECT_THAT(values, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(tensor_type_of(*file->find("b")), TensorType::kF16);
  EXPECT_EQ(file->find("c")->dtype, "I64");
  EXPECT_TRUE(file->find("c")->shape.empty());
  EXPECT_EQ(file->find("c")->data.size(), 8U);
  EXPECT_TRUE(file->find("empty")->data.empty());
  EXPECT_EQ(tensor_type_of(*file->find("flags")), std::nullopt);
  EXPECT_EQ(file->find("__metadata__"), nullptr);
}

TEST(Safetensors, HeadersThatDoNotFitAreErrors) {
  EXPECT_THAT(SafetensorsFile::parse(Bytes(7), "short").error().message(),
              AllOf(HasSubstr("7 bytes"), HasSubstr("While reading 'short'")));
  Bytes bytes = safetensors_bytes("{}", {});
  bytes[0] = std::byte{3};
  EXPECT_THAT(SafetensorsFile::parse(bytes, "x").error().message(), HasSubstr("has 3 bytes"));
  std::fill(bytes.begin(), bytes.begin() + 8, std::byte{0xff});
  EXPECT_THAT(SafetensorsFile::parse(bytes, "x").error().message(),
              HasSubstr("has 18446744073709551615 bytes, and at most 2 fit"));
  EXPECT_THAT(error_of("nonsense"), HasSubstr("is no JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("no object"));
  EXPECT_THAT(error_of(std::string(100, '[') + std::string(100, ']')), HasSubstr("nests deeper"));
  EXPECT_EQ(error_of("{}"), "no error");
}

TEST(Safetensors, TensorsThatDoNotFitAreErrors) {
  const auto one = [](std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return error_of(fmt::format(R"({{"t":{{"dtype":"{}","shape":[{}],"data_offsets":[{}]}}}})",
                                dtype, shape, offsets),
                    16);
  };
  EXPECT_EQ(one("F32", "2,2", "0,16"), "no error");
  EXPECT_EQ(one("I64", "2", "0,16"), "no error");
  EXPECT_THAT(one("Q9", "2,2", "0,16"), HasSubstr("Tensor 't' has the unknown type 'Q9'"));
  EXPECT_THAT(one("F32", "2,2", "0,17"), HasSubstr("offsets [0, 17], and there are 16 bytes"));
  EXPECT_THAT(one("F32", "2,2", "16,0"), HasSubstr("offsets [16, 0]"));
  EXPECT_THAT(one("F32", "2,2", "0"), HasSubstr("offsets [0]"));
  EXPECT_THAT(one("F32", "2,2", "0,-1"), HasSubstr("no 'data_offsets'"));
  EXPECT_THAT(one("F32", "2,3", "0,16"), HasSubstr("has 16 bytes, and F32 [2, 3] takes 24"));
  EXPECT_THAT(one("F16", "2,2", "0,16"), HasSubstr("F16 [2, 2] takes 8"));
  EXPECT_THAT(one("F32", "4294967296,4294967296", "0,16"), HasSubstr("more than 2^64 bytes"));
  EXPECT_THAT(one("F32", "1,1,1,1,1,1,1,1,4", "0,16"), HasSubstr("at most 8"));
  EXPECT_THAT(one("F32", "4", "0,16"), "no error");
  EXPECT_THAT(one("F32", "3", "0,12"), HasSubstr("end at byte"));
  EXPECT_THAT(error_of(R"({"t":{"shape":[],"data_offsets":[0,0]}})"), HasSubstr("no object of"));
  EXPECT_THAT(error_of(R"({"t":{"a":1,"shape":[],"data_offsets":[0,0]}})"),
              HasSubstr("no 'dtype'"));
}

TEST(Safetensors, OverlapsGapsAndDuplicatesAreErrors) {
  const auto two = [](std::string_view second_name, std::string_view second_offsets) {
    return error_of(fmt::format(R"({{"a":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}},)"
                                R"("{}":{{"dtype":"F32","shape":[2],"data_offsets":[{}]}}}})",
                                second_name, second_offsets),
                    16);
  };
  EXPECT_EQ(two("b", "8,16"), "no error");
  EXPECT_THAT(two("b", "4,12"), HasSubstr("Tensor 'b' begins at byte"));
  EXPECT_THAT(two("b", "0,8"), HasSubstr("begins at byte"));
  EXPECT_THAT(two("a", "8,16"), HasSubstr("has the key 'a' twice"));
}

constexpr std::string_view kA = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
constexpr std::string_view kB = R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";

void write(const TemporaryFolder& folder, const char* name, std::span<const std::byte> bytes) {
  ASSERT_TRUE(write_file(folder.path() / name, bytes).has_value());
}

// What opening two shards under `index` gives.
std::string error_of_shards(std::string_view index) {
  const TemporaryFolder folder;
  write(folder, "one.safetensors", safetensors_bytes(kA, Bytes(1)));
  write(folder, "two.safetensors", safetensors_bytes(kB, Bytes(2)));
  write(folder, "model.safetensors.index.json", std::as_bytes(std::span(index)));
  const auto opened = SafetensorsFolder::open(folder.path());
  if (!opened) return opened.error().message();
  EXPECT_EQ(opened->find("b")->data.size(), 2U);
  EXPECT_EQ(opened->find("a")->data.size(), 1U);
  EXPECT_EQ(opened->find("c"), nullptr);
  return "no error";
}

TEST(SafetensorsFolder, IndexAndShardsAgree) {
  EXPECT_EQ(error_of_shards(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})"),
            "no error");
  EXPECT_THAT(error_of_shards(R"({"weight_map":{"a":"two.safetensors","b":"two.safetensors"}})"),
              HasSubstr("tensor 'a' in 'two.safetensors', where it is not"));
  EXPECT_THAT(error_of_shards(R"({"weight_map":{"a":"../one.safetensors"}})"),
              HasSubstr("'../one.safetensors', which is no name"));
  EXPECT_THAT(error_of_shards(R"({"weight_map":{"a":"one.bin"}})"), HasSubstr("'one.bin'"));
  EXPECT_THAT(error_of_shards(R"({"weight_map":{"a":1}})"), HasSubstr("no file for tensor 'a'"));
  EXPECT_THAT(error_of_shards(R"({"weight_map":{"a":"none.safetensors"}})"), HasSubstr("No such"));
  EXPECT_THAT(error_of_shards("{}"), HasSubstr("no 'weight_map'"));
  EXPECT_THAT(error_of_shards("{"), HasSubstr("is no JSON"));
}

TEST(SafetensorsFolder, EveryTensorOfAShardIsInTheIndex) {
  const TemporaryFolder folder;
  const std::string_view both = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})";
  write(folder, "one.safetensors", safetensors_bytes(both, Bytes(3)));
  const std::string_view index = R"({"weight_map":{"a":"one.safetensors"}})";
  write(folder, "model.safetensors.index.json", std::as_bytes(std::span(index)));
  EXPECT_THAT(SafetensorsFolder::open(folder.path()).error().message(),
              HasSubstr("have 2 tensors, and their index names 1"));
}

TEST(SafetensorsFolder, WithoutIndexThereIsOneFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(SafetensorsFolder::open(folder.path()).error().message(),
              HasSubstr("model.safetensors"));
  write(folder, "model.safetensors", safetensors_bytes(kA, Bytes(1)));
  const auto opened = SafetensorsFolder::open(folder.path());
  ASSERT_TRUE(opened.has_value()) << opened.error().message();
  EXPECT_EQ(opened->files().size(), 1U);
}

}  // namespace
}  // namespace weft::formats
