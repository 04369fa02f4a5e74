#include "engine/folder_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "engine/folder_text.h"
#include "engine/vocabulary.h"
#include "engine/write_folder_text.h"
#include "formats/gguf.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::engine {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::filesystem::path kLlama3 = testing::source_path("testing/models/llama3");

class FolderVocabulary : public ::testing::Test {
 protected:
  // A folder with llama3's tokenizer after `change`.
  template <class Change>
  void make_folder(Change change) {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}) {
      std::filesystem::copy_file(kLlama3 / name, folder_.path() / name);
    }
    json tokenizer = json::parse(*read_text_file(kLlama3 / "tokenizer.json"));
    change(tokenizer);
    const std::string text = tokenizer.dump();
    ASSERT_TRUE(write_file(folder_.path() / "tokenizer.json", std::as_bytes(std::span(text))));
  }

  // The vocabulary through a GGUF file.
  Result<text::Tokenizer> converted(uint32_t rows) {
    formats::GgufMetadata metadata;
    WEFT_TRY(add_vocabulary(folder_.path(), rows, metadata));
    WEFT_ASSIGN(auto writer,
                formats::GgufFileWriter::create(folder_.path() / "v.gguf", metadata, {}));
    WEFT_TRY(writer.commit());
    WEFT_ASSIGN(formats::GgufFile file, formats::GgufFile::open(folder_.path() / "v.gguf"));
    file_.emplace(std::move(file));
    WEFT_ASSIGN(const text::Vocabulary vocabulary, vocabulary_from_gguf(*file_));
    return text::Tokenizer::from_vocabulary(vocabulary);
  }

  testing::TemporaryFolder folder_;
  std::optional<formats::GgufFile> file_;
};

// src/testing/models/llama3/text.json is what Transformers makes of a text.
TEST_F(FolderVocabulary, GivesTheTokensOfTransformers) {
  make_folder([](json&) {});
  const auto tokenizer = converted(96);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  const json golden = json::parse(*read_text_file(kLlama3 / "text.json"));
  const auto tokens = tokenizer->encode("the other", text::Special::parse, text::Bounds::of_model);
  EXPECT_EQ(*tokens, golden.at("tokens").get<std::vector<Token>>());
  EXPECT_EQ(file_->get_string("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(file_->get_u32("tokenizer.ggml.bos_token_id"), 0U);
  EXPECT_EQ(file_->get_u32("tokenizer.ggml.eos_token_id"), 1U);
  EXPECT_EQ(file_->get_bool("tokenizer.ggml.add_bos_token"), true);
  EXPECT_EQ(file_->get_strings("tokenizer.ggml.tokens")->size(), 96U);
  EXPECT_EQ(file_->get_strings("tokenizer.ggml.tokens")->back(), "[PAD95]");
  EXPECT_EQ(file_->get_i32s("tokenizer.ggml.token_type")->at(0), 3);
  EXPECT_EQ(file_->get_i32s("tokenizer.ggml.token_type")->at(95), 5);
  EXPECT_EQ(*file_->get_string("tokenizer.chat_template"), *chat_template_from_folder(kLlama3));
}

TEST_F(FolderVocabulary, ATemplateForToolsGoesThereAndBack) {
  make_folder([](json&) {});
  const std::string_view text = "with tools";
  const auto more = folder_.path() / "additional_chat_templates";
  std::filesystem::create_directory(more);
  ASSERT_TRUE(write_file(more / "tool_use.jinja", std::as_bytes(std::span(text))));
  ASSERT_TRUE(converted(96).has_value());
  EXPECT_EQ(file_->get_string("tokenizer.chat_template.tool_use"), text);
  EXPECT_EQ(*file_->get_string("tokenizer.chat_template"), *chat_template_from_folder(kLlama3));
  const testing::TemporaryFolder back;
  ASSERT_TRUE(write_folder_text(*file_, back.path()).has_value());
  EXPECT_EQ(*chat_template_from_folder(back.path(), TemplateUse::tools), text);
  EXPECT_EQ(*chat_template_from_folder(back.path()), *chat_template_from_folder(kLlama3));
}

// The way to cut words is found by what it does: digits apart from each other, or three by three.
TEST_F(FolderVocabulary, FindsHowWordsAreCut) {
  const auto with_split = [](const char* pattern) {
    return [pattern](json& tokenizer) {
      json& vocab = tokenizer["model"]["vocab"];
      for (const char* token : {"1", "2", "3", "4", "5", "12", "123"}) {
        vocab[token] = vocab.size();
      }
      tokenizer["model"]["merges"].push_back(std::vector{"1", "2"});
      tokenizer["model"]["merges"].push_back(std::vector{"12", "3"});
      tokenizer["pre_tokenizer"] = {{"type", "Sequence"},
                                    {"pretokenizers",
                                     {{{"type", "Split"},
                                       {"pattern", {{"Regex", pattern}}},
                                       {"behavior", "Isolated"},
                                       {"invert", false}},
                                      {{"type", "ByteLevel"},
                                       {"add_prefix_space", false},
                                       {"trim_offsets", true},
                                       {"use_regex", false}}}}};
    };
  };
  make_folder(with_split(
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"));
  ASSERT_TRUE(converted(96).has_value()) << converted(96).error().message();
  const auto wanted = tokenizer_from_folder(folder_.path());
  const auto got = converted(96);
  for (const char* text : {"123", "the 123 moth12", "a.\n\n12"}) {
    EXPECT_EQ(*got->encode(text, text::Special::parse, text::Bounds::none),
              *wanted->encode(text, text::Special::parse, text::Bounds::none))
        << text << " with " << *file_->get_string("tokenizer.ggml.pre");
  }
}

TEST_F(FolderVocabulary, ACutWithoutANameIsAnError) {
  make_folder([](json& tokenizer) {
    tokenizer["pre_tokenizer"] = {{"type", "Sequence"},
                                  {"pretokenizers",
                                   {{{"type", "Split"},
                                     {"pattern", {{"Regex", "h"}}},
                                     {"behavior", "Isolated"},
                                     {"invert", false}},
                                    {{"type", "ByteLevel"},
                                     {"add_prefix_space", false},
                                     {"trim_offsets", true},
                                     {"use_regex", true}}}}};
  });
  const auto tokenizer = converted(96);
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_THAT(tokenizer.error().message(), HasSubstr("GGUF has no name for the way"));
}

TEST_F(FolderVocabulary, TokensBehindTheRowsAreAnError) {
  make_folder([](json&) {});
  EXPECT_THAT(converted(20).error().message(), HasSubstr("and there are 20 rows"));
}

// A SentencePiece vocabulary as Transformers writes it: merges, bytes, a space before the text.
TEST_F(FolderVocabulary, SentencePieceGetsScores) {
  make_folder([](json& tokenizer) {
    json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
    for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = 3 + byte;
    for (const char* token : {"\u2581", "t", "h", "e", "th", "\u2581the", "the", "\u2581t", "he"}) {
      vocab[token] = vocab.size();
    }
    tokenizer["model"] = {
        {"type", "BPE"},
        {"vocab", vocab},
        {"byte_fallback", true},
        {"unk_token", "<unk>"},
        {"fuse_unk", true},
        {"ignore_merges", false},
        {"merges", {"\u2581 t", "h e", "t h", "\u2581t he", "\u2581 the", "t he", "th e"}}};
    tokenizer["added_tokens"] = json::array();
    for (const auto& [id, content] : {std::pair{0, "<unk>"}, {1, "<s>"}, {2, "</s>"}}) {
      tokenizer["added_tokens"].push_back({{"id", id},
                                           {"content", content},
                                           {"special", true},
                                           {"single_word", false},
                                           {"lstrip", false},
                                           {"rstrip", false},
                                           {"normalized", false}});
    }
    tokenizer["normalizer"] = {
        {"type", "Sequence"},
        {"normalizers",
         {{{"type", "Prepend"}, {"prepend", "\u2581"}},
          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}}}};
    tokenizer["pre_tokenizer"] = nullptr;
    tokenizer["decoder"] = {
        {"type", "Sequence"},
        {"decoders",
         {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
          {{"type", "ByteFallback"}},
          {{"type", "Fuse"}},
          {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  });
  const auto tokenizer = converted(300);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  EXPECT_EQ(file_->get_string("tokenizer.ggml.model"), "llama");
  EXPECT_EQ(file_->get_bool("tokenizer.ggml.add_space_prefix"), true);
  EXPECT_EQ(file_->get_i32s("tokenizer.ggml.token_type")->at(0), 2);  // <unk>
  EXPECT_EQ(file_->get_i32s("tokenizer.ggml.token_type")->at(3), 6);  // <0x00>
  const auto wanted = tokenizer_from_folder(folder_.path());
  for (const char* text : {"the the", "thethe", "heth x"}) {
    EXPECT_EQ(*tokenizer->encode(text, text::Special::parse, text::Bounds::none),
              *wanted->encode(text, text::Special::parse, text::Bounds::none))
        << text;
  }
}

}  // namespace
}  // namespace weft::engine
