// A whole model with AWQ's weights gives the logits of Transformers with their values, from its
// folder and from a GGUF file of it.
#include <gtest/gtest.h>

#include "model/convert.h"
#include "model/load.h"
#include "testing/family_goldens.h"
#include "testing/reference_model.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::testing {
namespace {

double difference(const model::ModelSpec& spec, const GoldenPrompt& prompt) {
  std::vector<float> logits;
  for (const auto& row : reference_logits(spec, prompt.tokens)) {
    for (const double logit : row) logits.push_back(static_cast<float>(logit));
  }
  return golden_difference(logits, prompt);
}

TEST(QuantizedModel, LogitsAreThoseOfTransformers) {
  const std::filesystem::path path = source_path("model/testdata/quantized/llama-awq");
  const GoldenPrompt prompt = golden_prompts_in(path).front();
  const auto folder = model::HfFolder::open(path);
  ASSERT_TRUE(folder.has_value()) << folder.error().message();
  const auto spec = model::spec_from_folder(*folder);
  ASSERT_TRUE(spec.has_value()) << spec.error().message();
  EXPECT_EQ(spec->layers[0].ffn_down.tensor.type, formats::TensorType::kQ5_0);
  EXPECT_LT(difference(*spec, prompt), 1e-5);

  const TemporaryFolder out;
  auto image = model::image_of(*folder);
  ASSERT_TRUE(image.has_value()) << image.error().message();
  const auto done = model::write_image(std::move(*image), {}, out.path() / "out.gguf", {});
  ASSERT_TRUE(done.has_value()) << done.error().message();
  const auto file = formats::GgufFile::open(out.path() / "out.gguf");
  const auto written = model::spec_from_gguf(*file);
  ASSERT_TRUE(written.has_value()) << written.error().message();
  EXPECT_EQ(written->layers[0].ffn_down.tensor.type, formats::TensorType::kQ5_0);
  EXPECT_EQ(written->file_type, "Q5_0");
  EXPECT_LT(difference(*written, prompt), 1e-5);
}

}  // namespace
}  // namespace weft::testing
