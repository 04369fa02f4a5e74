#include "formats/gguf_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/gguf_file_writer.h"
#include "testing/temporary_folder.h"

namespace weft::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(GgufPart, IsInTheName) {
  const auto part = gguf_part("a/b-c-00002-of-00010.gguf");
  ASSERT_TRUE(part.has_value());
  EXPECT_EQ(part->base, "a/b-c");
  EXPECT_EQ(part->number, 2U);
  EXPECT_EQ(part->count, 10U);
  EXPECT_EQ(part->path(10), "a/b-c-00010-of-00010.gguf");
  for (const char* whole :
       {"a.gguf", "a-00001-of-00002", "a-0001-of-0002.gguf", "a-1-of-2.gguf",
        "a-00003-of-00002.gguf", "a-00000-of-00002.gguf", "-00001-of-00002.gguf",
        "a-0000x-of-00002.gguf", "a_00001-of-00002.gguf", ""}) {
    EXPECT_FALSE(gguf_part(whole).has_value()) << whole;
  }
  EXPECT_THAT(gguf_files("x-00002-of-00002.gguf"),
              ElementsAre("x-00001-of-00002.gguf", "x-00002-of-00002.gguf"));
  EXPECT_THAT(gguf_files("x.gguf"), ElementsAre("x.gguf"));
}

struct Part {
  uint32_t number = 0;  // from 0 on
  uint32_t count = 3;
  std::vector<std::string> tensors;
  uint32_t tensors_in_all = 0;
};

// Each tensor is one float, the number of letters in its name.
void write_part(const std::filesystem::path& path, const Part& part) {
  GgufMetadata metadata;
  if (part.number == 0) metadata.set("general.architecture", "llama");
  metadata.set("split.no", part.number);
  metadata.set("split.count", part.count);
  if (part.tensors_in_all > 0) metadata.set("split.tensors.count", part.tensors_in_all);
  std::vector<GgufTensorInfo> infos;
  for (const std::string& name : part.tensors) infos.push_back({name, TensorType::kF32, {1}});
  auto writer = GgufFileWriter::create(path, metadata, infos);
  ASSERT_TRUE(writer.has_value()) << writer.error().message();
  for (const std::string& name : part.tensors) {
    const auto value = static_cast<float>(name.size());
    ASSERT_TRUE(writer->write(std::as_bytes(std::span(&value, 1))).has_value());
  }
  ASSERT_TRUE(writer->commit().has_value());
}

class GgufParts : public ::testing::Test {
 protected:
  void SetUp() override {
    write(0, {.tensors_in_all = 3});  // as a first part may be
    write(1, {.number = 1, .tensors = {"bb", "a"}});
    write(2, {.number = 2, .tensors = {"ccc"}});
  }
  [[nodiscard]] std::filesystem::path path(uint32_t number) const {
    return folder_.path() / fmt::format("m-{:05}-of-00003.gguf", number + 1);
  }
  void write(uint32_t place, const Part& part) const { write_part(path(place), part); }
  [[nodiscard]] std::string error(uint32_t opened = 0) const {
    const auto file = GgufFile::open(path(opened));
    return file ? "no error" : file.error().message();
  }
  testing::TemporaryFolder folder_;
};

TEST_F(GgufParts, AreOneFile) {
  auto opened = GgufFile::open(path(0));
  ASSERT_TRUE(opened.has_value()) << opened.error().message();
  const GgufFile file = std::move(*opened);
  EXPECT_EQ(file.n_parts(), 3U);
  EXPECT_EQ(*file.get_string("general.architecture"), "llama");
  std::vector<std::string> names;
  for (const TensorView& tensor : file.tensors()) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("bb", "a", "ccc"));
  for (const std::string& name : names) {
    const TensorView* tensor = file.find_tensor(name);
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(load_unaligned<float>(tensor->data.data()), static_cast<float>(name.size()));
  }
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < 3; ++i) bytes += std::filesystem::file_size(path(i));
  EXPECT_EQ(file.size_bytes(), bytes);
}

TEST_F(GgufParts, LaterOnesPointToTheFirst) {
  EXPECT_THAT(error(1), HasSubstr("part 2 of 3: the model is loaded by the first, "));
  EXPECT_THAT(error(1), HasSubstr("m-00001-of-00003.gguf"));
}

TEST_F(GgufParts, ThatDoNotBelongTogetherAreErrors) {
  EXPECT_EQ(error(), "no error");
  write(2, {.number = 1, .tensors = {"ccc"}});
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf' is part 2 of 3"));
  write(2, {.number = 2, .count = 4, .tensors = {"ccc"}});
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf' is part 3 of 4"));
  write(2, {.number = 2, .tensors = {"bb"}});
  EXPECT_THAT(error(), HasSubstr("Tensor 'bb' of "));
  write(2, {.number = 2, .tensors = {"ccc", "d"}});
  EXPECT_THAT(error(), HasSubstr("have 4 tensors, and key 'split.tensors.count' is 3"));
  std::filesystem::remove(path(2));
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf"));
  std::filesystem::copy_file(path(0), folder_.path() / "renamed.gguf");
  const auto renamed = GgufFile::open(folder_.path() / "renamed.gguf");
  ASSERT_FALSE(renamed.has_value());
  EXPECT_THAT(renamed.error().message(), HasSubstr("one of 3 parts, and its name does not end"));
}

}  // namespace
}  // namespace weft::formats
