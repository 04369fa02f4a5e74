// Weights of testdata/quantized, which make_quantized.py packed, are the numbers that it started
// from; and what is not known is refused by name.
#include "model/hf_quantization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/file.h"
#include "formats/dequantize.h"
#include "formats/json.h"
#include "model/hf_folder.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::model {
namespace {

using formats::TensorType;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Case {
  const char* name;
  TensorType type;
};

std::filesystem::path folder_of(const std::string& name) {
  return testing::source_path("model/testdata/quantized") / name;
}

class Quantized : public ::testing::TestWithParam<Case> {};

TEST_P(Quantized, WeightsAreTheNumbersThatWerePacked) {
  const auto folder = HfFolder::open(folder_of(GetParam().name));
  ASSERT_TRUE(folder.has_value()) << folder.error().message();
  EXPECT_THAT(folder->tensor_names(), ElementsAre("w.weight"));
  const auto weight = folder->find("w.weight");
  ASSERT_TRUE(weight.has_value() && weight->has_value());
  EXPECT_EQ((*weight)->type, GetParam().type);
  const auto wanted_file =
      formats::SafetensorsFile::open(folder_of(GetParam().name) / "expected.safetensors");
  const formats::SafeTensor& wanted_tensor = *wanted_file->find("w.weight");
  std::vector<float> wanted(wanted_tensor.data.size() / sizeof(float));
  std::memcpy(wanted.data(), wanted_tensor.data.data(), wanted_tensor.data.size());
  std::vector<uint64_t> shape((*weight)->dims.begin(), (*weight)->dims.begin() + (*weight)->n_dims);
  std::ranges::reverse(shape);
  EXPECT_EQ(shape, wanted_tensor.shape);
  std::vector<float> got(wanted.size());
  ASSERT_EQ((*weight)->elements(), got.size());
  ASSERT_TRUE(formats::dequantize((*weight)->type, (*weight)->data, got).has_value());
  EXPECT_EQ(got, wanted);
}

INSTANTIATE_TEST_SUITE_P(
    All, Quantized,
    ::testing::Values(Case{"gptq", TensorType::kQ5_0}, Case{"gptq-symmetric", TensorType::kQ4_0},
                      Case{"gptq-v2", TensorType::kQ5_0}, Case{"gptq-one-group", TensorType::kQ5_0},
                      Case{"gptq-act-order", TensorType::kF16},
                      Case{"gptq-8bit-symmetric", TensorType::kQ8_0},
                      Case{"gptq-8bit", TensorType::kF16}, Case{"awq", TensorType::kQ5_0},
                      Case{"fp8-tensor", TensorType::kBF16}, Case{"fp8-rows", TensorType::kBF16},
                      Case{"fp8-blocks", TensorType::kBF16}, Case{"mxfp4", TensorType::kMXFP4},
                      Case{"int8-blocks", TensorType::kQ8_0},
                      Case{"int8-blocks-flat", TensorType::kQ8_0},
                      Case{"int8-blocks-small", TensorType::kF32}),
    [](const auto& test) {
      std::string name = test.param.name;
      std::ranges::replace(name, '-', '_');
      return name;
    });

// What opening the case's folder says after `change` of its quantization_config, which may also be
// in a file of its own.
template <class Change>
std::string error_after(const char* name, Change change, const char* file = "config.json") {
  const testing::TemporaryFolder folder;
  std::filesystem::copy_file(folder_of(name) / "model.safetensors",
                             folder.path() / "model.safetensors");
  json config = json::parse(*read_text_file(folder_of(name) / "config.json"));
  change(config["quantization_config"]);
  const bool is_beside = std::string_view(file) != "config.json";
  const auto write = [&](const char* to, const json& value) {
    const std::string text = value.dump();
    EXPECT_TRUE(write_file(folder.path() / to, std::as_bytes(std::span(text))).has_value());
  };
  write("config.json", is_beside ? json::object() : config);
  if (is_beside) write(file, config["quantization_config"]);
  const auto opened = HfFolder::open(folder.path());
  return opened ? "no error" : opened.error().message();
}

std::string error_with(const char* name, const char* field, const json& value) {
  return error_after(name, [&](json& config) { config[field] = value; });
}

TEST(QuantizedFolder, UnknownMethodsAndFieldsAreNamed) {
  EXPECT_THAT(error_with("gptq", "quant_method", "hqq"), HasSubstr("method 'hqq'"));
  EXPECT_THAT(error_with("gptq", "spin", 1), HasSubstr("Field 'spin' of 'quantization_config'"));
  EXPECT_THAT(error_with("gptq", "bits", 3), HasSubstr("'bits' of 'quantization_config' is '3'"));
  EXPECT_THAT(error_with("gptq", "group_size", 0), HasSubstr("'group_size'"));
  EXPECT_THAT(error_with("gptq", "checkpoint_format", "marlin"), HasSubstr("'marlin'"));
  EXPECT_THAT(error_with("gptq", "dynamic", {{"-:.*", 1}}), HasSubstr("'dynamic'"));
  EXPECT_THAT(error_with("awq", "version", "gemv"), HasSubstr("'gemv'"));
  EXPECT_THAT(error_with("awq", "zero_point", false), HasSubstr("'zero_point'"));
  EXPECT_THAT(error_with("fp8-tensor", "fmt", "e5m2"), HasSubstr("'fmt'"));
  EXPECT_THAT(error_with("fp8-blocks", "weight_block_size", {128}), HasSubstr("block_size'"));
  EXPECT_THAT(error_with("fp8-rows", "format", "pack-quantized"), HasSubstr("'pack-quantized'"));
}

TEST(QuantizedFolder, PartsThatDoNotFitAreNamed) {
  EXPECT_THAT(error_with("gptq", "group_size", 32),
              HasSubstr("Tensor 'w.qzeros' is I32 [1, 3], and I32 [2, 3] was wanted"));
  EXPECT_THAT(error_with("gptq-act-order", "group_size", 8), HasSubstr("'w.qzeros'"));
  EXPECT_THAT(error_with("gptq", "bits", 8), HasSubstr("Tensor 'w.qzeros'"));
  EXPECT_THAT(error_with("fp8-blocks", "weight_block_size", {8, 32}),
              HasSubstr("Tensor 'w.weight_scale_inv' has 4 scales, and 6 were wanted"));
  EXPECT_THAT(error_with("gptq", "quant_method", "awq"), HasSubstr("'w.qzeros'"));
}

TEST(QuantizedFolder, ScalesOfIntegersAreCounted) {
  const testing::TemporaryFolder folder;
  std::string weights = *read_text_file(folder_of("int8-blocks") / "model.safetensors");
  const std::string_view shape = "[6,128]";
  weights.replace(weights.find(shape), shape.size(), "[8,96] ");
  ASSERT_TRUE(write_file(folder.path() / "model.safetensors", std::as_bytes(std::span(weights)))
                  .has_value());
  std::filesystem::copy_file(folder_of("int8-blocks") / "config.json",
                             folder.path() / "config.json");
  const auto opened = HfFolder::open(folder.path());
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().message(),
              HasSubstr("Tensor 'w.weight_scale' has 12 scales, and 16 were wanted for [8, 96]"));
}

TEST(QuantizedFolder, OlderFoldersHaveAFileOfTheirOwn) {
  const auto erase_method = [](json& config) { config.erase("quant_method"); };
  EXPECT_EQ(error_after("gptq", erase_method, "quantize_config.json"), "no error");
  EXPECT_THAT(error_after(
                  "gptq", [](json& c) { c["bits"] = 5; }, "quantize_config.json"),
              HasSubstr("'bits'"));
}

}  // namespace
}  // namespace weft::model
