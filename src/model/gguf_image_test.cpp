#include "model/gguf_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "formats/dequantize.h"
#include "formats/gguf.h"
#include "formats/quantize.h"
#include "testing/gguf_writer.h"
#include "testing/temporary_folder.h"

namespace weft::model {
namespace {

using formats::GgufFile;
using formats::TensorType;
using testing::Bytes;
using ::testing::HasSubstr;

constexpr uint64_t kCols = 256;

std::vector<float> wave(size_t n) {
  std::vector<float> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = std::sin(static_cast<float>(i * i % 1009));
  return out;
}

Bytes bytes_of(std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  return {bytes.begin(), bytes.end()};
}

testing::GgufWriter model_file() {
  testing::GgufWriter file;
  file.set("general.architecture", "llama");
  file.set("general.alignment", 32U);
  file.set("llama.attention.head_count", 4U);
  file.set("other.key", "kept");
  file.add_tensor("blk.0.attn_v.weight", {kCols, 70}, TensorType::kF32, bytes_of(wave(kCols * 70)));
  file.add_tensor("blk.0.attn_norm.weight", {kCols}, TensorType::kF32, bytes_of(wave(kCols)));
  return file;
}

class WriteImage : public ::testing::Test {
 protected:
  Result<void> write(const Bytes& content, const WriteOptions& options) {
    source_ = content;
    input_.emplace(*GgufFile::parse(source_, "in"));
    changes_.clear();
    WEFT_ASSIGN(GgufImage image, image_of(*input_));
    WEFT_TRY(write_image(std::move(image), options, path(),
                         {.on_tensor = [this](const TensorChange& c) { changes_.push_back(c); }}));
    WEFT_ASSIGN(GgufFile written, GgufFile::open(path()));
    output_.emplace(std::move(written));
    return {};
  }
  std::filesystem::path path() const { return folder_.path() / "out.gguf"; }

  testing::TemporaryFolder folder_;
  Bytes source_;
  std::optional<GgufFile> input_, output_;
  std::vector<TensorChange> changes_;
};

WriteOptions to(std::string_view type) { return {.type = *find_quantize_type(type), .threads = 3}; }

TEST_F(WriteImage, QuantisesMatricesAndKeepsTheRest) {
  const auto done = write(model_file().finish(), to("Q5_K_S"));
  ASSERT_TRUE(done.has_value()) << done.error().message();
  EXPECT_EQ(output_->get_string("other.key"), "kept");
  EXPECT_EQ(output_->get_u32("general.file_type"), 16U);
  EXPECT_EQ(output_->get_u32("general.quantization_version"), 2U);
  const auto* norm = output_->find_tensor("blk.0.attn_norm.weight");
  EXPECT_TRUE(std::ranges::equal(norm->data, input_->find_tensor(norm->name)->data));
  const auto* v = output_->find_tensor("blk.0.attn_v.weight");
  ASSERT_EQ(v->type, TensorType::kQ5_K);

  const auto values = wave(v->elements());
  std::vector<float> decoded(values.size());
  ASSERT_TRUE(formats::dequantize(v->type, v->data, decoded).has_value());
  double errors = 0, squares = 0, largest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double error = std::abs(static_cast<double>(values[i]) - static_cast<double>(decoded[i]));
    errors += error * error;
    squares += std::pow(static_cast<double>(values[i]), 2);
    largest = std::max(largest, error);
  }
  ASSERT_EQ(changes_.size(), 2U);
  EXPECT_NEAR(changes_[0].relative_error(), std::sqrt(errors / squares), 1e-9);
  EXPECT_NEAR(changes_[0].rms_error(), std::sqrt(errors / static_cast<double>(values.size())),
              1e-9);
  EXPECT_EQ(changes_[0].largest_error, largest);
  EXPECT_EQ(changes_[0].bytes_after, v->data.size());
  EXPECT_EQ(changes_[1].relative_error(), 0);
}

TEST_F(WriteImage, WithoutATypeAllStaysAsItIs) {
  ASSERT_TRUE(write(model_file().finish(), {}).has_value());
  for (const auto& tensor : input_->tensors()) {
    EXPECT_TRUE(std::ranges::equal(output_->find_tensor(tensor.name)->data, tensor.data));
  }
  EXPECT_EQ(output_->find("general.file_type"), nullptr);
}

TEST_F(WriteImage, NumbersThatCannotBeWrittenAreErrors) {
  for (const auto& [value, words] : {std::pair{NAN, "row 1, which has a number that is not finite"},
                                     std::pair{1e38F, "row 1, which has numbers too large"}}) {
    auto values = wave(kCols * 2);
    values[kCols + 7] = value;
    auto file = model_file();
    file.add_tensor("blk.0.ffn_up.weight", {kCols, 2}, TensorType::kF32, bytes_of(values));
    const auto done = write(file.finish(), to("Q8_0"));
    ASSERT_FALSE(done.has_value());
    EXPECT_THAT(done.error().message(),
                HasSubstr("Tensor 'blk.0.ffn_up.weight' cannot become q8_0"));
    EXPECT_THAT(done.error().message(), HasSubstr(words));
    EXPECT_FALSE(std::filesystem::exists(path()));
  }
}

// As llama-imatrix writes it: sums of squares, and how many there were.
Bytes importance_file(std::span<const float> sums, float count) {
  testing::GgufWriter file;
  file.set("general.type", "imatrix");
  file.set("imatrix.datasets", std::vector<std::string>{"text.txt"});
  file.set("imatrix.chunk_count", 5U);
  file.add_tensor("blk.0.attn_v.weight.in_sum2", {sums.size()}, TensorType::kF32, bytes_of(sums));
  file.add_tensor("blk.0.attn_v.weight.counts", {1}, TensorType::kF32,
                  bytes_of(std::vector<float>{count}));
  return file.finish();
}

TEST_F(WriteImage, ImportanceComesFromTheFile) {
  std::vector<float> sums(kCols, 2.0F);
  for (size_t i = 0; i < kCols; i += 2) sums[i] = 200;
  ASSERT_TRUE(write_file(folder_.path() / "i.gguf", importance_file(sums, 2)).has_value());
  const auto importance = Importance::open(folder_.path() / "i.gguf");
  ASSERT_TRUE(importance.has_value()) << importance.error().message();

  WriteOptions options = to("Q4_0");
  options.importance = &*importance;
  ASSERT_TRUE(write(model_file().finish(), options).has_value());
  EXPECT_EQ(output_->get_u32("quantize.imatrix.chunks_count"), 5U);
  EXPECT_EQ(output_->get_string("quantize.imatrix.dataset"), "text.txt");
  const auto* v = output_->find_tensor("blk.0.attn_v.weight");
  std::vector<float> means(kCols);
  for (size_t i = 0; i < kCols; ++i) means[i] = sums[i] / 2;
  const auto values = wave(v->elements());
  for (size_t row = 0; row < v->rows(); ++row) {
    Bytes wanted(kCols / 32 * 18);
    formats::quantize_row(TensorType::kQ4_0, std::span(values).subspan(row * kCols, kCols), means,
                          wanted);
    ASSERT_TRUE(std::ranges::equal(wanted, v->data.subspan(row * wanted.size(), wanted.size())));
  }
}

TEST_F(WriteImage, AnImportanceOfAnotherModelIsAnError) {
  const std::vector<float> sums(kCols / 2, 1.0F);
  ASSERT_TRUE(write_file(folder_.path() / "i.gguf", importance_file(sums, 1)).has_value());
  const auto importance = Importance::open(folder_.path() / "i.gguf");
  WriteOptions options = to("Q4_0");
  options.importance = &*importance;
  const auto done = write(model_file().finish(), options);
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error().message(), HasSubstr("has 128 numbers for tensor 'blk.0.attn_v.weight', "
                                                "and 256 were wanted"));
  ASSERT_TRUE(write_file(folder_.path() / "m.gguf", model_file().finish()).has_value());
  EXPECT_THAT(Importance::open(folder_.path() / "m.gguf").error().message(),
              HasSubstr("is no importance matrix"));
}

}  // namespace
}  // namespace weft::model
