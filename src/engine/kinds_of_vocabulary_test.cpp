// What files of each kind of vocabulary say beside their tokens.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "engine/folder_text.h"
#include "engine/vocabulary.h"
#include "testing/gguf_writer.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::engine {
namespace {

using nlohmann::json;
using testing::Bytes;
using ::testing::ElementsAre;
using testing::GgufWriter;
using ::testing::HasSubstr;
using text::Bounds;
using text::Special;

void write(const std::filesystem::path& path, const std::string& text) {
  ASSERT_TRUE(write_file(path, std::as_bytes(std::span(text))).has_value());
}

// The tokenizer.model of the goldens' unigram.
std::string sentencepiece_model() {
  const auto path = testing::source_path("text/goldens/tokenizer_kinds_goldens.json");
  const std::string digits = json::parse(std::ifstream(path))["unigram"]["model"];
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

TEST(SentencePieceFolder, IsReadWhereThereIsNoTokenizerJson) {
  const testing::TemporaryFolder folder;
  write(folder.path() / "tokenizer.model", sentencepiece_model());
  const auto plain = tokenizer_from_folder(folder.path());
  ASSERT_TRUE(plain.has_value()) << plain.error().message();
  EXPECT_EQ(plain->size(), 400U);
  EXPECT_EQ(plain->encode("", Special::parse, Bounds::of_model).value().back(), 2U);  // </s>

  write(folder.path() / "added_tokens.json", R"({"<more>": 401, "<|end|>": 402})");
  write(folder.path() / "tokenizer_config.json",
        R"({"bos_token": "<s>", "eos_token": {"content": "<|end|>"}, "add_bos_token": true,
            "add_eos_token": false,
            "added_tokens_decoder": {"402": {"content": "<|end|>", "special": true}}})");
  const auto tokenizer = tokenizer_from_folder(folder.path());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  EXPECT_EQ(tokenizer->size(), 403U);
  EXPECT_EQ(tokenizer->eos(), 402U);
  EXPECT_TRUE(tokenizer->is_control(402));
  EXPECT_THAT(tokenizer->encode("<more><|end|>", Special::parse, Bounds::of_model).value(),
              ElementsAre(1, 401, 402));

  write(folder.path() / "added_tokens.json", R"({"<more>": -1})");
  EXPECT_THAT(tokenizer_from_folder(folder.path()).error().message(), HasSubstr("'<more>'"));
}

TEST(NamedTemplates, AreThoseForTheUse) {
  using Pair = std::pair<std::string, std::string>;  // for a chat, with tools
  const testing::TemporaryFolder folder;
  const auto both = [&] {
    return Pair(chat_template_from_folder(folder.path()).value_or("none"),
                chat_template_from_folder(folder.path(), TemplateUse::tools).value_or("none"));
  };
  EXPECT_EQ(both(), Pair("none", "none"));
  write(folder.path() / "tokenizer_config.json", R"({"chat_template": "one"})");
  EXPECT_EQ(both(), Pair("one", "one"));
  write(folder.path() / "tokenizer_config.json",
        R"({"chat_template": [{"name": "rag", "template": "r"},
                              {"name": "default", "template": "d"}]})");
  EXPECT_EQ(both(), Pair("d", "d"));
  write(folder.path() / "tokenizer_config.json",
        R"({"chat_template": [{"name": "tool_use", "template": "t"},
                              {"name": "default", "template": "d"}]})");
  EXPECT_EQ(both(), Pair("d", "t"));
  write(folder.path() / "chat_template.jinja", "file");
  EXPECT_EQ(both(), Pair("file", "file"));
  std::filesystem::create_directory(folder.path() / "additional_chat_templates");
  write(folder.path() / "additional_chat_templates" / "tool_use.jinja", "more");
  EXPECT_EQ(both(), Pair("file", "more"));

  GgufWriter writer;
  writer.set("tokenizer.chat_template", "d");
  const auto of_file = [&](TemplateUse use) {
    const Bytes bytes = writer.finish();
    const auto file = formats::GgufFile::parse(bytes, "test");
    return std::string(*chat_template_from_gguf(*file, use));
  };
  EXPECT_EQ(of_file(TemplateUse::tools), "d");
  writer.set("tokenizer.chat_template.tool_use", "t");
  EXPECT_EQ(of_file(TemplateUse::tools), "t");
  EXPECT_EQ(of_file(TemplateUse::chat), "d");
}

Result<text::Vocabulary> vocabulary_of(const GgufWriter& writer) {
  static Bytes bytes;  // views of the vocabulary point into it
  bytes = writer.finish();
  const auto file = formats::GgufFile::parse(bytes, "test");
  return vocabulary_from_gguf(*file);
}

GgufWriter writer_of(const char* kind) {
  GgufWriter writer;
  const std::string tokens[] = {"a", "b", "c"};
  const float scores[] = {-1, -2, -3};
  writer.set("tokenizer.ggml.model", kind);
  writer.set("tokenizer.ggml.tokens", std::span(tokens));
  writer.set("tokenizer.ggml.scores", std::span(scores));
  writer.set("tokenizer.ggml.merges", std::span<const std::string>());
  writer.set("tokenizer.ggml.bos_token_id", 0U);
  writer.set("tokenizer.ggml.eos_token_id", 1U);
  return writer;
}

TEST(GgufVocabulary, KindsHaveTheirOwnBounds) {
  const auto bounds = [](const char* kind) {
    const auto vocabulary = vocabulary_of(writer_of(kind));
    EXPECT_TRUE(vocabulary.has_value()) << kind;
    return std::pair(vocabulary->special.add_bos, vocabulary->special.add_eos);
  };
  EXPECT_EQ(bounds("gpt2"), std::pair(false, false));
  EXPECT_EQ(bounds("llama"), std::pair(true, false));
  EXPECT_EQ(bounds("t5"), std::pair(false, true));
  EXPECT_EQ(bounds("bert"), std::pair(true, true));
  EXPECT_EQ(bounds("rwkv"), std::pair(false, false));
  EXPECT_EQ(bounds("plamo2"), std::pair(false, false));
  EXPECT_EQ(bounds("gemma4"), std::pair(true, false));
  EXPECT_THAT(vocabulary_of(writer_of("morse")).error().message(), HasSubstr("'morse'"));
}

TEST(GgufVocabulary, BertAndT5SayHowTextsAreNormalised) {
  GgufWriter bert = writer_of("bert");
  bert.set("tokenizer.ggml.cls_token_id", 2U);
  bert.set("tokenizer.ggml.seperator_token_id", 0U);
  bert.set("tokenizer.ggml.normalizer.lowercase", false);
  const auto words = vocabulary_of(bert);
  EXPECT_EQ(words->special.bos, 2U);
  EXPECT_EQ(words->special.eos, 0U);
  EXPECT_FALSE(words->lowercase);
  EXPECT_FALSE(words->strip_accents);

  GgufWriter t5 = writer_of("t5");
  t5.set("tokenizer.ggml.remove_extra_whitespaces", true);
  Bytes map;
  testing::put(map, uint32_t{0});  // of u8
  testing::put(map, uint64_t{2});
  testing::put(map, uint16_t{0x4241});
  t5.set_raw("tokenizer.ggml.precompiled_charsmap", 9, map);
  const auto unigram = vocabulary_of(t5);
  ASSERT_TRUE(unigram.has_value()) << unigram.error().message();
  EXPECT_TRUE(unigram->remove_extra_spaces);
  EXPECT_THAT(unigram->charsmap, ElementsAre('A', 'B'));
  t5.set("tokenizer.ggml.precompiled_charsmap", 1U);
  EXPECT_THAT(vocabulary_of(t5).error().message(), HasSubstr("charsmap' is u32"));
}

}  // namespace
}  // namespace weft::engine
