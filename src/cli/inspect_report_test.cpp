#include "cli/inspect_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/tiny_model.h"

namespace weft::cli {
namespace {

using formats::GgufFile;
using testing::Bytes;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TinyModel;

TEST(InspectJson, ShowsMetadataTensorsAndMemory) {
  const TinyModel tiny({.tied = true, .tokenizer = true});
  const auto report = inspect_json(tiny.file());
  EXPECT_EQ(report["version"], 3);
  EXPECT_EQ(report["metadata"]["llama.embedding_length"], 64);
  EXPECT_EQ(report["metadata"]["general.architecture"], "llama");
  EXPECT_EQ(report["metadata"]["llama.attention.layer_norm_rms_epsilon"], 1e-5);
  const auto& tokens = report["metadata"]["tokenizer.ggml.tokens"];
  EXPECT_EQ(tokens["count"], 320);
  EXPECT_EQ(tokens["type"], "array of string");
  EXPECT_EQ(tokens["first"].size(), 6U);
  const auto& tensor = report["tensors"][0];
  EXPECT_EQ(tensor["name"], "token_embd.weight");
  EXPECT_EQ(tensor["type"], "f32");
  EXPECT_EQ(tensor["shape"], nlohmann::json({64, 320}));
  EXPECT_EQ(tensor["size_bytes"], 4 * 64 * 320);
  EXPECT_EQ(report["parameters"], tiny.spec().parameters());
  EXPECT_EQ(report["quantization"], "F32");
  EXPECT_EQ(report["memory"]["token embedding"], 4 * 64 * 320);
  EXPECT_EQ(report["memory"]["attention"], 4 * 2 * (2 * 64 * 64 + 2 * 32 * 64));
  EXPECT_EQ(report["memory"]["feed forward"], 4 * 2 * 3 * 64 * 96);
  EXPECT_EQ(report["memory"]["norms"], 4 * 5 * 64);
  EXPECT_FALSE(report["memory"].contains("output head"));
  EXPECT_EQ(report["memory"]["total"], tiny.spec().weight_bytes());
  EXPECT_FALSE(report.contains("unsupported"));
}

TEST(InspectText, ShowsTheSameForPeople) {
  const TinyModel tiny({.tokenizer = true});
  const std::string text = inspect_text(tiny.file());
  EXPECT_THAT(text, HasSubstr("'llama.block_count'"));
  EXPECT_THAT(text, HasSubstr("320 x [\"\\u0100\""));
  EXPECT_THAT(text, HasSubstr("'blk.1.ffn_down.weight'"));
  EXPECT_THAT(text, HasSubstr("[96, 64]"));
  EXPECT_THAT(text, HasSubstr(fmt::format("{} parameters", tiny.spec().parameters())));
  EXPECT_THAT(text, HasSubstr("output head"));
}

TEST(Inspect, ShowsWhatCannotBeRunAndSaysWhy) {
  testing::GgufWriter writer = testing::tiny_gguf({});
  writer.set("general.architecture", "mamba");
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "other.gguf");
  ASSERT_TRUE(file.has_value());
  const auto report = inspect_json(*file);
  EXPECT_THAT(report["unsupported"].get<std::string>(), HasSubstr("'mamba' is not supported"));
  EXPECT_EQ(report["parameters"], TinyModel().spec().parameters());
  EXPECT_THAT(inspect_text(*file), HasSubstr("cannot be run: Architecture 'mamba'"));
}

TEST(InspectText, LetsNoControlByteThrough) {
  testing::GgufWriter writer;
  writer.set("key\x1b[31m", "value\x1b[31m\x9b\xc2\x9b");
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "colour.gguf");
  ASSERT_TRUE(file.has_value());
  const std::string text = inspect_text(*file);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
}

}  // namespace
}  // namespace weft::cli
