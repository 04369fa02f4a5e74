// Every family's GGUF file, written as a folder, is read as the same network and computes what
// Transformers computed; what cannot be written is refused by name.
#include "model/write_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "model/gguf_image.h"
#include "model/load.h"
#include "testing/family_goldens.h"
#include "testing/reference_model.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::filesystem::path gguf_of(const std::string& family) {
  return source_path("testing/models") / family / "model.gguf";
}

Result<void> write(const std::string& family, const std::filesystem::path& folder,
                   const model::FolderOptions& options = {}) {
  WEFT_ASSIGN(const formats::GgufFile file, formats::GgufFile::open(gguf_of(family)));
  return model::write_folder(file, folder, options);
}

double difference(const std::filesystem::path& folder, const std::string& family) {
  const auto opened = model::HfFolder::open(folder);
  EXPECT_TRUE(opened.has_value()) << opened.error().message();
  const auto spec = model::spec_from_folder(*opened);
  EXPECT_TRUE(spec.has_value()) << spec.error().message();
  const GoldenPrompt prompt = golden_prompts(family).back();
  std::vector<float> logits;
  for (const auto& row : reference_logits(*spec, prompt.tokens)) {
    for (const double logit : row) logits.push_back(static_cast<float>(logit));
  }
  return golden_difference(logits, prompt);
}

class WriteFolder : public ::testing::TestWithParam<const char*> {};

TEST_P(WriteFolder, LogitsAreThoseOfTransformers) {
  const TemporaryFolder out;
  const auto done = write(GetParam(), out.path() / "new");
  ASSERT_TRUE(done.has_value()) << done.error().message();
  EXPECT_LT(difference(out.path() / "new", GetParam()), 1e-5);
}

// What Transformers reads is what it wrote, where the GGUF file says so at all.
TEST_P(WriteFolder, ConfigIsThatOfTransformers) {
  const TemporaryFolder out;
  ASSERT_TRUE(write(GetParam(), out.path()).has_value());
  const json got = json::parse(*read_text_file(out.path() / "config.json"));
  const auto path = source_path("testing/models") / GetParam() / "config.json";
  const json wanted = json::parse(*read_text_file(path));
  for (const auto& [name, value] : got.items()) {
    if (!wanted.contains(name) || wanted.at(name).is_null() || value.is_null()) continue;
    if (value.is_number_float()) {
      EXPECT_NEAR(value.get<double>(), wanted.at(name).get<double>(), 1e-7) << name;
    } else {
      EXPECT_EQ(value, wanted.at(name)) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, WriteFolder,
                         ::testing::Values("command-r", "gemma", "gpt-oss", "gpt-oss-bf16",
                                           "granite", "granitemoe", "llama", "llama-yarn", "llama3",
                                           "llama4", "mistral", "mixtral", "olmo2", "olmoe", "phi3",
                                           "phi3-longrope", "phimoe", "qwen2", "qwen2moe", "qwen3",
                                           "qwen35", "qwen35moe", "qwen3moe", "qwen3next",
                                           "smollm3", "stablelm", "starcoder2"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(WriteFolderTypes, MatricesGetTheTypeThatIsAskedFor) {
  for (const auto& [type, name] :
       {std::pair(formats::TensorType::kF32, "F32"), std::pair(formats::TensorType::kF16, "F16")}) {
    const TemporaryFolder out;
    ASSERT_TRUE(write("llama", out.path(), {.type = type}).has_value());
    const auto weights = formats::SafetensorsFolder::open(out.path());
    EXPECT_EQ(weights->find("model.layers.0.self_attn.q_proj.weight")->dtype, name);
    EXPECT_EQ(weights->find("model.norm.weight")->dtype, "F32");
    EXPECT_LT(difference(out.path(), "llama"), 1e-5);
  }
}

// Files of Qwen3-Next by newer converters, whose folders have these matrices in one all the same.
TEST(WriteFolderQwen3Next, MatricesThatAreApartInTheFileAreJoined) {
  const formats::GgufFile file = *formats::GgufFile::open(gguf_of("qwen3next"));
  const model::ModelSpec spec = *model::spec_from_gguf(file);
  model::GgufImage image = *model::image_of(file);
  std::erase_if(image.tensors, [](const model::ImageTensor& tensor) {
    return tensor.info.name.contains(".ssm_in.") || tensor.info.name.contains(".ssm_ba.");
  });
  for (size_t layer = 0; layer < spec.layers.size(); ++layer) {
    if (!spec.layers[layer].delta_net) continue;
    const model::DeltaNet& net = *spec.layers[layer].delta_net;
    for (const auto& [role, matrix] : {std::pair("attn_qkv", &net.qkv),
                                       {"attn_gate", &net.gate},
                                       {"ssm_beta", &net.beta},
                                       {"ssm_alpha", &net.alpha}}) {
      image.tensors.push_back(
          {.info = {.name = fmt::format("blk.{}.{}.weight", layer, role),
                    .type = matrix->tensor.type,
                    .dims = {matrix->cols, matrix->rows}},
           .data = [matrix](std::vector<std::byte>&) -> Result<std::span<const std::byte>> {
             return matrix->tensor.data;
           }});
    }
  }
  const TemporaryFolder out;
  const auto apart = out.path() / "apart.gguf";
  ASSERT_TRUE(model::write_image(std::move(image), {}, apart, {}).has_value());
  const auto done =
      model::write_folder(*formats::GgufFile::open(apart.string()), out.path() / "new", {});
  ASSERT_TRUE(done.has_value()) << done.error().message();
  const auto weights = formats::SafetensorsFolder::open(out.path() / "new");
  EXPECT_NE(weights->find("model.layers.0.linear_attn.in_proj_qkvz.weight"), nullptr);
  EXPECT_LT(difference(out.path() / "new", "qwen3next"), 1e-5);
}

TEST(WriteFolderRefuses, WhatCannotBeWritten) {
  const TemporaryFolder out;
  EXPECT_THAT(write("falcon-7b", out.path()).error().message(),
              HasSubstr("Architecture 'falcon' cannot be written as a folder"));
  ASSERT_TRUE(write("llama", out.path()).has_value());
  EXPECT_THAT(write("llama", out.path()).error().message(), HasSubstr("is not empty"));
}

}  // namespace
}  // namespace weft::testing
