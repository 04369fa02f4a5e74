#include "formats/gguf_file_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

GgufTensorInfo info_of(const TensorView& tensor) {
  return {.name = tensor.name,
          .type = tensor.type,
          .dims = {tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims}};
}

// testdata/make_gguf.py made the file with the Python package: keys of every type, two tensors.
TEST(GgufFileWriter, CopiesAFileOfThePythonPackageByteForByte) {
  const auto original = *GgufFile::open(testing::source_path("formats/gguf_fuzz_seeds/small.gguf"));
  GgufMetadata metadata;
  for (const GgufEntry& entry : original.metadata()) metadata.set(entry);
  std::vector<GgufTensorInfo> tensors;
  for (const TensorView& tensor : original.tensors()) tensors.push_back(info_of(tensor));

  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "copy.gguf";
  auto writer = GgufFileWriter::create(path, metadata, tensors);
  ASSERT_TRUE(writer.has_value()) << writer.error().message();
  for (const TensorView& tensor : original.tensors()) {
    ASSERT_TRUE(writer->write(tensor.data.first(5)).has_value());
    ASSERT_TRUE(writer->write(tensor.data.subspan(5)).has_value());
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  ASSERT_TRUE(writer->commit().has_value());
  EXPECT_EQ(*read_text_file(path), *read_text_file(original.name()));
  EXPECT_EQ(writer->size_bytes(), std::filesystem::file_size(path));
}

TEST(GgufFileWriter, KeysThatAreSetAreRead) {
  GgufMetadata metadata;
  metadata.set("u32", 7U);
  metadata.set("f32", 0.5F);
  metadata.set("text", "first");
  metadata.set_flag("flag", true);
  metadata.set("texts", std::vector<std::string>{"a", "", "bc"});
  metadata.set("i32s", std::vector<int32_t>{-1, 2});
  metadata.set("f32s", std::vector<float>{0.25F});
  metadata.set("gone", 1U);
  metadata.erase("gone");
  metadata.set("text", "second");
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "keys.gguf";
  ASSERT_TRUE(GgufFileWriter::create(path, metadata, {})->commit().has_value());

  const auto file = GgufFile::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  EXPECT_EQ(file->metadata().size(), 7U);
  EXPECT_EQ(file->metadata()[2].key, "text");  // its place of before
  EXPECT_EQ(file->get_u32("u32"), 7U);
  EXPECT_EQ(file->get_f32("f32"), 0.5F);
  EXPECT_EQ(file->get_string("text"), "second");
  EXPECT_EQ(file->get_bool("flag"), true);
  EXPECT_THAT(*file->get_strings("texts"), ElementsAre("a", "", "bc"));
  EXPECT_THAT(*file->get_i32s("i32s"), ElementsAre(-1, 2));
  EXPECT_THAT(*file->get_f32s("f32s"), ElementsAre(0.25F));
}

TEST(GgufFileWriter, RefusesRowsThatAreNoWholeBlocks) {
  const GgufTensorInfo tensor{.name = "a", .type = TensorType::kQ8_0, .dims = {33, 2}};
  EXPECT_THAT(tensor.size_bytes().error().message(),
              HasSubstr("Tensor 'a' has rows of 33 elements, and q8_0 has blocks of 32."));
  const GgufTensorInfo huge{.name = "b", .type = TensorType::kF32, .dims = {1ULL << 62, 4}};
  EXPECT_THAT(huge.size_bytes().error().message(), HasSubstr("more than 2^64 bytes"));
}

TEST(GgufFileWriter, LeavesNothingWithoutCommit) {
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(GgufFileWriter::create(folder.path() / "x.gguf", {}, {}).has_value());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace weft::formats
