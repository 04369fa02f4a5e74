// Each family's GGUF file, altered in one field, gives an error that names the field; so does
// config.json in families_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/changed_gguf.h"
#include "testing/family_goldens.h"

namespace weft::testing {
namespace {

using model::GgufImage;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class GgufRefusals : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    look_at_changed(
        GetParam(), [](GgufImage&) {},
        [&](const Result<model::ModelSpec>& spec) {
          ASSERT_TRUE(spec.has_value()) << spec.error().message();
          architecture_ = spec->architecture;
          vocab_ = spec->vocab;
          heads_ = spec->layers.back().attention.n_heads;
          const auto& mixture = spec->layers.back().mlp.mixture;
          experts_ = mixture ? mixture->experts : 0;
          rotates_ = spec->layers.front().attention.rope.dims > 0;
        });
  }
  // What is said of the file with another value of a key of the architecture.
  template <class Value>
  [[nodiscard]] std::string with(std::string_view key, Value value) const {
    return error_of_changed(GetParam(),
                            [&](GgufImage& image) { image.metadata.set(key_of(key), value); });
  }
  [[nodiscard]] std::string key_of(std::string_view key) const {
    return fmt::format("{}.{}", architecture_, key);
  }

  std::string architecture_;
  uint32_t vocab_ = 0, heads_ = 0, experts_ = 0;
  bool rotates_ = false;
};

TEST_P(GgufRefusals, NameTheKey) {
  EXPECT_THAT(with("vocab_size", vocab_ + 1),
              HasSubstr(fmt::format("'{}' is {}, and tensor 'token_embd.weight' has {} rows",
                                    key_of("vocab_size"), vocab_ + 1, vocab_)));
  EXPECT_THAT(with("attention.head_count", 0U), HasSubstr(key_of("attention.head_count")));
  EXPECT_THAT(with("attention.wing_span", heads_),
              HasSubstr(fmt::format("Key '{}' is not known", key_of("attention.wing_span"))));
  EXPECT_THAT(with("expert_count", experts_ + 1),
              AnyOf(HasSubstr("Key '" + key_of("expert_count")),
                    HasSubstr("Key '" + key_of("expert_used_count"))));
  EXPECT_THAT(with("block_count", 0U), HasSubstr("Key '" + key_of("block_count")));
  if (rotates_) {
    EXPECT_THAT(with("rope.scaling.type", "spiral"), HasSubstr("'spiral'"));
  }
  EXPECT_THAT(error_of_changed(
                  GetParam(),
                  [](GgufImage& image) { image.metadata.set("general.architecture", "strange"); }),
              HasSubstr("Architecture 'strange'"));
}

// Each matrix in turn, lying on its side.
TEST_P(GgufRefusals, NameTheTensor) {
  const auto file =
      formats::GgufFile::open(source_path("testing/models/" + GetParam() + "/model.gguf"));
  size_t n_altered = 0;
  for (size_t i = 0; i < file->tensors().size(); ++i) {
    const formats::TensorView& tensor = file->tensors()[i];
    const bool has_floats = formats::info(tensor.type).block_elements == 1;
    if (!has_floats || tensor.n_dims < 2 || tensor.dims[0] == tensor.dims[1]) continue;
    if (i % 3 != 0) continue;  // to be quick
    const std::string error = error_of_changed(GetParam(), [&](GgufImage& image) {
      std::swap(image.tensors[i].info.dims[0], image.tensors[i].info.dims[1]);
    });
    EXPECT_THAT(error, HasSubstr(tensor.name));
    ++n_altered;
  }
  EXPECT_GT(n_altered, 0U);
}

INSTANTIATE_TEST_SUITE_P(All, GgufRefusals, ::testing::ValuesIn(family_names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace weft::testing
