// The format of llama-imatrix before it wrote GGUF files, from its description.
#include "model/importance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "testing/gguf_writer.h"
#include "testing/temporary_folder.h"

namespace weft::model {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::put;

void put_text(Bytes& to, std::string_view text) {
  put(to, static_cast<int32_t>(text.size()));
  testing::put_bytes(to, std::as_bytes(std::span(text)));
}

void put_tensor(Bytes& to, std::string_view name, int32_t uses, std::vector<float> values) {
  put_text(to, name);
  put(to, uses);
  put(to, static_cast<int32_t>(values.size()));
  testing::put_bytes(to, std::as_bytes(std::span(values)));
}

Bytes two_tensors() {
  Bytes bytes;
  put(bytes, int32_t{2});
  put_tensor(bytes, "a.weight", 4, {8, 2});
  put_tensor(bytes, "b.weight", 0, {1});
  return bytes;
}

Result<Importance> open(const Bytes& bytes) {
  const testing::TemporaryFolder folder;
  EXPECT_TRUE(write_file(folder.path() / "imatrix.dat", bytes).has_value());
  return Importance::open(folder.path() / "imatrix.dat");
}

std::vector<float> of(const Importance& importance, const char* tensor, uint64_t cols) {
  const auto values =
      importance.of({.name = tensor, .type = formats::TensorType::kF32, .dims = {cols, 3}});
  EXPECT_TRUE(values.has_value());
  return {values->begin(), values->end()};
}

TEST(LegacyImportance, IsTheMeanOfSquares) {
  Bytes bytes = two_tensors();
  const auto oldest = open(bytes);
  ASSERT_TRUE(oldest.has_value()) << oldest.error().message();
  EXPECT_EQ(oldest->size(), 2U);
  EXPECT_EQ(oldest->chunks(), 0U);
  EXPECT_THAT(of(*oldest, "a.weight", 2), ElementsAre(2, 0.5F));
  EXPECT_THAT(of(*oldest, "b.weight", 1), ElementsAre(1));
  EXPECT_THAT(of(*oldest, "c.weight", 1), ElementsAre());

  put(bytes, int32_t{7});
  put_text(bytes, "wiki.txt");
  const auto importance = open(bytes);
  ASSERT_TRUE(importance.has_value()) << importance.error().message();
  EXPECT_EQ(importance->chunks(), 7U);
  EXPECT_EQ(importance->dataset(), "wiki.txt");
  EXPECT_EQ(importance->name(), "imatrix.dat");
}

TEST(LegacyImportance, BrokenFilesAreErrors) {
  const auto error = [](const Bytes& bytes) { return open(bytes).error().message(); };
  const Bytes whole = two_tensors();
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_THAT(error(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))),
                HasSubstr("bytes too early"));
  }
  Bytes negative;
  put(negative, int32_t{-1});
  EXPECT_THAT(error(negative), HasSubstr("A count is -1"));
  Bytes bad;
  put(bad, int32_t{1});
  put_tensor(bad, "a.weight", 1, {-2});
  EXPECT_THAT(error(bad), HasSubstr("Tensor 'a.weight' has the value -2"));
  Bytes twice;
  put(twice, int32_t{2});
  put_tensor(twice, "a.weight", 1, {});
  put_tensor(twice, "a.weight", 1, {});
  EXPECT_THAT(error(twice), HasSubstr("is there twice"));
}

}  // namespace
}  // namespace weft::model
