// Every family's folder, converted, is the GGUF file beside it, which the Python package gguf
// wrote, and computes what Transformers computed.
#include "model/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "formats/dequantize.h"
#include "model/load.h"
#include "testing/family_goldens.h"
#include "testing/reference_model.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;

class Convert : public ::testing::TestWithParam<std::string> {};

Result<void> convert(const std::filesystem::path& from, const std::filesystem::path& to) {
  WEFT_ASSIGN(const model::HfFolder folder, model::HfFolder::open(from));
  WEFT_ASSIGN(model::GgufImage image, model::image_of(folder));
  return model::write_image(std::move(image), {}, to, {});
}

std::vector<float> values_of(const formats::TensorView& tensor) {
  std::vector<float> values(tensor.elements());
  EXPECT_TRUE(formats::dequantize(tensor.type, tensor.data, values).has_value());
  return values;
}

TEST_P(Convert, TensorsAreThoseOfThePythonPackage) {
  const std::filesystem::path folder = source_path("testing/models") / GetParam();
  const TemporaryFolder out;
  const auto done = convert(folder, out.path() / "out.gguf");
  ASSERT_TRUE(done.has_value()) << done.error().message();
  const auto converted = *formats::GgufFile::open(out.path() / "out.gguf");
  const auto wanted = *formats::GgufFile::open(folder / "model.gguf");
  EXPECT_EQ(converted.tensors().size(), wanted.tensors().size());
  for (const formats::TensorView& tensor : wanted.tensors()) {
    const formats::TensorView* got = converted.find_tensor(tensor.name);
    ASSERT_NE(got, nullptr) << tensor.name;
    EXPECT_EQ(got->dims, tensor.dims) << tensor.name;
    // Computed: their bits may differ.
    if (tensor.name == "rope_freqs.weight" || tensor.name.ends_with("ssm_a")) continue;
    EXPECT_EQ(values_of(*got), values_of(tensor)) << tensor.name;
    const bool is_position =
        tensor.name == "position_embd.weight";  // of BF16 there, and of F32 here
    EXPECT_EQ(got->type, is_position ? formats::TensorType::kF32 : tensor.type) << tensor.name;
  }
  for (const formats::GgufEntry& entry : wanted.metadata()) {
    EXPECT_NE(converted.find(entry.key), nullptr) << entry.key;
  }
}

TEST_P(Convert, LogitsAreThoseOfTransformers) {
  const TemporaryFolder out;
  const auto done = convert(source_path("testing/models") / GetParam(), out.path() / "out.gguf");
  ASSERT_TRUE(done.has_value()) << done.error().message();
  const auto file = *formats::GgufFile::open(out.path() / "out.gguf");
  const auto spec = model::spec_from_gguf(file);
  ASSERT_TRUE(spec.has_value()) << spec.error().message();
  const GoldenPrompt prompt = golden_prompts(GetParam()).back();
  std::vector<float> logits;
  for (const auto& row : reference_logits(*spec, prompt.tokens)) {
    for (const double logit : row) logits.push_back(static_cast<float>(logit));
  }
  EXPECT_LT(golden_difference(logits, prompt), 1e-5);
}

// Layers of SmolLM3 that do without RoPE are every fourth in GGUF files, and any in folders.
TEST(ConvertRefuses, WhatAGgufFileCannotSayIsAnError) {
  const std::filesystem::path from = source_path("testing/models") / "smollm3";
  const TemporaryFolder folder;
  std::filesystem::copy_file(from / "model.safetensors", folder.path() / "model.safetensors");
  nlohmann::json config = nlohmann::json::parse(*read_text_file(from / "config.json"));
  config["no_rope_layers"] = {1, 0, 1, 1};
  const std::string text = config.dump();
  ASSERT_TRUE(
      write_file(folder.path() / "config.json", std::as_bytes(std::span(text))).has_value());
  const auto done = convert(folder.path(), folder.path() / "out.gguf");
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error().message(), HasSubstr("in layer 1, the number of rotated elements is 0"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out.gguf"));
}

INSTANTIATE_TEST_SUITE_P(All, Convert, ::testing::ValuesIn(family_names()), [](const auto& test) {
  std::string name = test.param;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace weft::testing
