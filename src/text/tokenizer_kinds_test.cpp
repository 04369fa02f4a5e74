// Every kind of vocabulary gives the ids of its own package (goldens/make_tokenizer_kinds.py).
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "text/sentencepiece_model.h"
#include "text/tokenizer.h"

namespace weft::text {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = Vocabulary::Kind;

json read(const char* name) {
  return json::parse(std::ifstream(std::string(WEFT_TEXT_GOLDENS "/") + name));
}

const json& texts() {
  static const json kTexts = read("tokenizer_goldens.json")["texts"];
  return kTexts;
}

const json& goldens() {
  static const json kGoldens = read("tokenizer_kinds_goldens.json");
  return kGoldens;
}

// make() of the vocabulary with the golden's lists.
template <class Make>
auto with_lists(const json& golden, Vocabulary vocabulary, Make make) {
  const auto tokens = golden["tokens"].get<std::vector<std::string>>();
  const auto merges = golden.value("merges", std::vector<std::string>());
  vocabulary.tokens.assign(tokens.begin(), tokens.end());
  vocabulary.merges.assign(merges.begin(), merges.end());
  vocabulary.types = golden["types"].get<std::vector<int32_t>>();
  vocabulary.scores = golden.value("scores", std::vector<float>());
  return make(vocabulary);
}

Result<Tokenizer> build(const json& golden, Vocabulary vocabulary) {
  return with_lists(golden, std::move(vocabulary), Tokenizer::from_vocabulary);
}

void expect_ids(const Result<Tokenizer>& tokenizer, const json& ids) {
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  ASSERT_EQ(ids.size(), texts().size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto text = texts()[i].get<std::string>();
    const auto encoded = tokenizer->encode(text, Special::as_text, Bounds::none);
    ASSERT_TRUE(encoded.has_value()) << encoded.error().message();
    EXPECT_EQ(*encoded, ids[i].get<std::vector<Token>>()) << json(text).dump();
  }
}

// Every text, and bytes that are no text, come back whole.
void expect_round_trips(const Tokenizer& tokenizer) {
  for (const json& text : texts()) {
    const auto ids = tokenizer.encode(text.get<std::string>(), Special::as_text, Bounds::none);
    EXPECT_EQ(tokenizer.decode(*ids).value(), text.get<std::string>()) << text.dump();
  }
  for (const std::string bytes : {"\xFF", "a\xC3", "\xE4\xBD x \xF0\x9F"}) {
    std::string back;
    const auto ids = tokenizer.encode(bytes, Special::as_text, Bounds::none).value();
    for (const Token id : ids) back += tokenizer.token_bytes(id);
    EXPECT_EQ(back, bytes);
  }
}

std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

TEST(TokenizerKinds, SentencePieceModelsAgreeWithGoogle) {
  for (const char* name : {"unigram", "unigram_bytes", "bpe"}) {
    SCOPED_TRACE(name);
    const std::string model = from_hex(goldens()[name]["model"]);
    const auto vocabulary = vocabulary_from_sentencepiece(model);
    ASSERT_TRUE(vocabulary.has_value()) << vocabulary.error().message();
    EXPECT_EQ(vocabulary->tokens, goldens()[name]["tokens"].get<std::vector<std::string_view>>());
    EXPECT_EQ(vocabulary->types, goldens()[name]["types"].get<std::vector<int32_t>>());
    EXPECT_EQ(vocabulary->scores, goldens()[name]["scores"].get<std::vector<float>>());
    EXPECT_EQ(vocabulary->special.unknown, 0U);
    EXPECT_EQ(vocabulary->special.add_bos, vocabulary->kind == Kind::sentencepiece_bpe);
    EXPECT_EQ(vocabulary->special.add_eos, vocabulary->kind == Kind::sentencepiece_unigram);
    expect_ids(Tokenizer::from_vocabulary(*vocabulary), goldens()[name]["ids"]);
  }
}

TEST(TokenizerKinds, WordPieceAgreesWithHuggingFace) {
  const auto tokenizer = build(
      goldens()["bert"], {.kind = Kind::word_piece, .special = {.bos = 2, .eos = 3, .unknown = 1}});
  expect_ids(tokenizer, goldens()["bert"]["ids"]);
  const auto ids = tokenizer->encode("The freedom of the program", Special::as_text, Bounds::none);
  EXPECT_EQ(tokenizer->decode(*ids).value(), "the freedom of the program");
  EXPECT_FALSE(build(goldens()["bert"], {.kind = Kind::word_piece}).has_value());
}

TEST(TokenizerKinds, WordPieceMayKeepCapitals) {
  json golden = {{"tokens", {"[UNK]", "▁a", "▁A", "▁á"}}, {"types", {2, 1, 1, 1}}};
  const auto encode = [&](Vocabulary vocabulary, std::string_view text) {
    vocabulary.kind = Kind::word_piece;
    vocabulary.special.unknown = 0;
    return build(golden, vocabulary)->encode(text, Special::as_text, Bounds::none).value();
  };
  EXPECT_THAT(encode({}, "A á"), ElementsAre(1, 1));
  EXPECT_THAT(encode({.lowercase = false, .strip_accents = false}, "A á"), ElementsAre(2, 3));
}

TEST(TokenizerKinds, CharacterBpeAgreesWithHuggingFace) {
  const auto tokenizer =
      build(goldens()["character_bpe"], {.kind = Kind::character_bpe, .special = {.unknown = 3}});
  expect_ids(tokenizer, goldens()["character_bpe"]["ids"]);
}

TEST(TokenizerKinds, RwkvTakesTheLongestToken) {
  const auto tokenizer = build(goldens()["rwkv"], {.kind = Kind::rwkv});
  expect_ids(tokenizer, goldens()["rwkv"]["ids"]);
  expect_round_trips(*tokenizer);
}

TEST(TokenizerKinds, Plamo2TakesTheLeastCost) {
  const auto tokenizer =
      build(goldens()["plamo2"], {.kind = Kind::plamo2, .special = {.unknown = 0}});
  expect_ids(tokenizer, goldens()["plamo2"]["ids"]);
  expect_round_trips(*tokenizer);
}

TEST(TokenizerKinds, SomeHaveATokenizerJson) {
  const auto json_of = [](const char* name, Vocabulary vocabulary) {
    return with_lists(goldens()[name], std::move(vocabulary), Tokenizer::json_of);
  };
  const auto text =
      json_of("character_bpe", {.kind = Kind::character_bpe, .special = {.unknown = 3}});
  ASSERT_TRUE(text.has_value()) << text.error().message();
  expect_ids(Tokenizer::from_json(*text, {}), goldens()["character_bpe"]["ids"]);
  for (const auto& [name, kind] :
       {std::pair("bert", Kind::word_piece), {"rwkv", Kind::rwkv}, {"plamo2", Kind::plamo2}}) {
    EXPECT_THAT(json_of(name, {.kind = kind}).error().message(),
                HasSubstr("the kind '" + std::string(name) + "'"));
  }
}

TEST(TokenizerKinds, BrokenVocabulariesAreErrors) {
  const auto error = [](Vocabulary vocabulary, const json& tokens) {
    const json golden = {{"tokens", tokens}, {"types", std::vector<int>(tokens.size(), 1)}};
    const auto tokenizer = build(golden, std::move(vocabulary));
    return tokenizer ? "no error" : tokenizer.error().message();
  };
  EXPECT_THAT(error({.kind = Kind::rwkv}, {"\\x0"}), HasSubstr("Token 0"));
  EXPECT_THAT(error({.kind = Kind::plamo2}, {"a"}), HasSubstr("no scores"));
  EXPECT_THAT(error({.kind = Kind::sentencepiece_unigram}, {"a"}), HasSubstr("no scores"));
  EXPECT_THAT(error({.kind = Kind::word_piece}, {"a"}), HasSubstr("no unknown token"));
  EXPECT_THAT(error({.kind = Kind::character_bpe, .merges = {}}, {"a"}), HasSubstr("no error"));
}

TEST(TokenizerKinds, BrokenSentencePieceModelsAreErrors) {
  const std::string model = from_hex(goldens()["unigram"]["model"]);
  const auto error = [](std::string_view bytes) {
    const auto vocabulary = vocabulary_from_sentencepiece(bytes);
    return vocabulary ? "no error" : vocabulary.error().message();
  };
  EXPECT_THAT(error("\x0a"), HasSubstr("A number does not end"));
  EXPECT_THAT(error("\x0a\x05xx"), HasSubstr("Field 1 has 5 bytes, and 2 are left"));
  EXPECT_THAT(error("\x0b"), HasSubstr("Field 1 is of the unknown type 3"));
  EXPECT_THAT(error("\x12\x02\x18\x03"), HasSubstr("model_type is 3"));
  EXPECT_THAT(error(std::string_view(model).substr(0, model.size() - 1)), HasSubstr("are left"));
  const auto empty = vocabulary_from_sentencepiece("");
  ASSERT_TRUE(empty.has_value());
  EXPECT_THAT(Tokenizer::from_vocabulary(*empty).error().message(), HasSubstr("no tokens"));
}

TEST(TokenizerKinds, ABrokenTableOfCharactersHarmsNobody) {
  const std::string model = from_hex(goldens()["unigram"]["model"]);
  const auto whole = vocabulary_from_sentencepiece(model);
  for (size_t i = 0; i < whole->charsmap.size(); ++i) {
    Vocabulary vocabulary = *whole;
    vocabulary.charsmap[i] = static_cast<char>(~vocabulary.charsmap[i]);
    const auto tokenizer = Tokenizer::from_vocabulary(vocabulary);
    if (!tokenizer) continue;
    for (const json& text : texts()) {
      EXPECT_TRUE(
          tokenizer->encode(text.get<std::string>(), Special::as_text, Bounds::none).has_value());
    }
  }
}

}  // namespace
}  // namespace weft::text
