// Every family's GGUF file, written as a folder, is read as the same network and computes what
// Transformers computed; what cannot be written is refused by name.
#include "model/write_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
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
    if (!wanted.contains(name) || value.is_null()) continue;
    if (value.is_number_float()) {
      EXPECT_NEAR(value.get<double>(), wanted.at(name).get<double>(), 1e-7) << name;
    } else {
      EXPECT_EQ(value, wanted.at(name)) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, WriteFolder,
                         ::testing::Values("command-r", "gemma", "granite", "llama", "llama-yarn",
                                           "llama3", "mistral", "olmo2", "phi3", "phi3-longrope",
                                           "qwen2", "qwen3", "smollm3", "stablelm", "starcoder2"),
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

TEST(WriteFolderRefuses, WhatCannotBeWritten) {
  const TemporaryFolder out;
  EXPECT_THAT(write("mixtral", out.path()).error().message(), HasSubstr("experts"));
  EXPECT_THAT(write("falcon-7b", out.path()).error().message(),
              HasSubstr("Architecture 'falcon' cannot be written as a folder"));
  ASSERT_TRUE(write("llama", out.path()).has_value());
  EXPECT_THAT(write("llama", out.path()).error().message(), HasSubstr("is not empty"));
}

}  // namespace
}  // namespace weft::testing
