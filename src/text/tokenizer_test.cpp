#include "text/tokenizer.h"

#include <cmath>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weft::text {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Made by goldens/make_tokenizer_goldens.py.
const json& goldens() {
  static const json kGoldens =
      json::parse(std::ifstream(WEFT_TEXT_GOLDENS "/tokenizer_goldens.json"));
  return kGoldens;
}

// A vocabulary that owns its texts.
struct OwnedVocabulary {
  std::vector<std::string> tokens;
  std::vector<std::string> merges;
  Vocabulary vocabulary;

  [[nodiscard]] Result<Tokenizer> build() {
    vocabulary.tokens.assign(tokens.begin(), tokens.end());
    vocabulary.merges.assign(merges.begin(), merges.end());
    return Tokenizer::from_vocabulary(vocabulary);
  }
  [[nodiscard]] std::string error() {
    const auto tokenizer = build();
    return tokenizer ? "no error" : tokenizer.error().message();
  }
};

OwnedVocabulary golden_vocabulary(const json& golden) {
  OwnedVocabulary owned;
  owned.tokens = golden["tokens"].get<std::vector<std::string>>();
  owned.merges = golden.value("merges", std::vector<std::string>());
  owned.vocabulary.types = golden["types"].get<std::vector<int32_t>>();
  owned.vocabulary.scores = golden.value("scores", std::vector<float>());
  owned.vocabulary.pre = golden.value("pre", "");
  return owned;
}

OwnedVocabulary golden_sentencepiece(const char* name) {
  OwnedVocabulary owned = golden_vocabulary(goldens()["sentencepiece"][name]);
  owned.vocabulary.kind = Vocabulary::Kind::sentencepiece_bpe;
  owned.vocabulary.add_space_prefix = true;
  owned.vocabulary.special = {.bos = 1, .eos = 2, .unknown = 0};
  return owned;
}

// ids 0..3: a, b, ab, <|im_end|>
OwnedVocabulary small_vocabulary() {
  OwnedVocabulary owned;
  owned.tokens = {"a", "b", "ab", "<|im_end|>"};
  owned.merges = {"a b"};
  owned.vocabulary.pre = "gpt-2";
  owned.vocabulary.types = {1, 1, 1, 3};
  return owned;
}

// ids: <unk> <s> </s> <0x0A> ▁ a ▁a
OwnedVocabulary small_sentencepiece() {
  OwnedVocabulary owned;
  owned.tokens = {"<unk>", "<s>", "</s>", "<0x0A>", "▁", "a", "▁a"};
  owned.vocabulary.kind = Vocabulary::Kind::sentencepiece_bpe;
  owned.vocabulary.types = {2, 3, 3, 6, 1, 1, 1};
  owned.vocabulary.scores = {0, 0, 0, 0, -2, -3, -1};
  owned.vocabulary.special = {.bos = 1, .eos = 2, .unknown = 0, .add_bos = true};
  owned.vocabulary.add_space_prefix = true;
  return owned;
}

void expect_goldens(const Tokenizer& tokenizer, const json& ids, Special special) {
  const json& texts = goldens()["texts"];
  ASSERT_EQ(ids.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    if (ids[i].is_null()) continue;
    const auto text = texts[i].get<std::string>();
    const auto encoded = tokenizer.encode(text, special, Bounds::none);
    ASSERT_TRUE(encoded) << encoded.error().message();
    EXPECT_EQ(*encoded, ids[i].get<std::vector<Token>>()) << json(text).dump();
  }
}

void expect_round_trips(const Tokenizer& tokenizer) {
  for (const json& text : goldens()["texts"]) {
    // SentencePiece writes spaces so, and cannot tell the two apart.
    if (text.get<std::string>().contains("▁")) continue;
    for (const Special special : {Special::parse, Special::as_text}) {
      const auto ids = tokenizer.encode(text.get<std::string>(), special, Bounds::none);
      ASSERT_TRUE(ids) << ids.error().message();
      EXPECT_EQ(tokenizer.decode(*ids).value(), text.get<std::string>());
    }
  }
}

TEST(Tokenizer, ByteLevelAgreesWithHuggingFace) {
  const json& golden = goldens()["llama_bpe"];
  const auto tokenizer = golden_vocabulary(golden).build();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message();
  expect_goldens(*tokenizer, golden["parse"], Special::parse);
  expect_goldens(*tokenizer, golden["as_text"], Special::as_text);
  expect_round_trips(*tokenizer);
}

TEST(Tokenizer, TokenizerJsonAgreesWithHuggingFace) {
  const json& golden = goldens()["llama_bpe"];
  const auto tokenizer = Tokenizer::from_json(golden["json"].get<std::string>(), {});
  ASSERT_TRUE(tokenizer) << tokenizer.error().message();
  expect_goldens(*tokenizer, golden["parse"], Special::parse);
  expect_goldens(*tokenizer, golden["as_text"], Special::as_text);
  expect_round_trips(*tokenizer);
}

TEST(Tokenizer, AVocabularyAsTokenizerJsonGivesTheSameTokens) {
  const json& bpe = goldens()["llama_bpe"];
  OwnedVocabulary vocabularies[] = {golden_vocabulary(bpe), golden_sentencepiece("byte_fallback")};
  for (OwnedVocabulary& owned : vocabularies) {
    const auto direct = owned.build();
    const auto text = Tokenizer::json_of(owned.vocabulary);
    ASSERT_TRUE(text.has_value()) << text.error().message();
    const auto tokenizer = Tokenizer::from_json(*text, owned.vocabulary.special);
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
    EXPECT_EQ(tokenizer->size(), direct->size());
    for (const json& sample : goldens()["texts"]) {
      for (const Special special : {Special::parse, Special::as_text}) {
        const auto encode = [&](const Tokenizer& with) {
          return with.encode(sample.get<std::string>(), special, Bounds::none).value();
        };
        EXPECT_EQ(encode(*tokenizer), encode(*direct)) << sample.dump();
      }
    }
  }
  OwnedVocabulary rwkv = small_vocabulary();
  rwkv.vocabulary.kind = Vocabulary::Kind::rwkv;
  (void)rwkv.build();
  EXPECT_THAT(Tokenizer::json_of(rwkv.vocabulary).error().message(), HasSubstr("the kind 'rwkv'"));
}

TEST(Tokenizer, TokenizerJsonSaysWhatTextsBeginAndEndWith) {
  OwnedVocabulary owned = small_sentencepiece();
  (void)owned.build();
  owned.vocabulary.special.add_eos = true;
  const json written = json::parse(Tokenizer::json_of(owned.vocabulary).value());
  const json& single = written["post_processor"]["single"];
  EXPECT_EQ(single[0]["SpecialToken"]["id"], "<s>");
  EXPECT_EQ(single[2]["SpecialToken"]["id"], "</s>");
  owned.vocabulary.special = {};
  EXPECT_TRUE(
      json::parse(Tokenizer::json_of(owned.vocabulary).value())["post_processor"].is_null());
}

TEST(Tokenizer, ControlTokensOfAPromptAreThoseThatAreNotPlain) {
  const json& golden = goldens()["llama_bpe"];
  const auto built = golden_vocabulary(golden).build().value();
  const auto from_json = Tokenizer::from_json(golden["json"].get<std::string>(), {}).value();
  Token control = 0;
  while (!built.is_control(control)) ++control;
  const std::string name(built.token_bytes(control));
  for (const Tokenizer* tokenizer : {&built, &from_json}) {
    const auto plain = [&](std::string_view text) {
      return tokenizer->encode(text, Special::as_text, Bounds::none).value();
    };
    Prompt prompt{.text = "Is " + name + " a word?" + name};
    EXPECT_EQ(tokenizer->encode(prompt, Bounds::none).value(),
              tokenizer->encode(prompt.text, Special::parse, Bounds::none).value());
    prompt.plain = {3};
    auto expected = plain("Is " + name + " a word?");
    expected.push_back(control);
    EXPECT_EQ(tokenizer->encode(prompt, Bounds::none).value(), expected);
    prompt.plain = {3, static_cast<uint32_t>(prompt.text.size() - name.size())};
    EXPECT_EQ(tokenizer->encode(prompt, Bounds::none).value(), plain(prompt.text));
  }
}

TEST(Tokenizer, SentencePieceAgreesWithGoogle) {
  for (const char* name : {"byte_fallback", "no_byte_fallback"}) {
    const auto tokenizer = golden_sentencepiece(name).build();
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    expect_goldens(*tokenizer, goldens()["sentencepiece"][name]["as_text"], Special::as_text);
  }
  expect_round_trips(*golden_sentencepiece("byte_fallback").build());
}

TEST(Tokenizer, SentencePieceJoinsTheLeftmostOfEquals) {
  OwnedVocabulary owned = small_sentencepiece();
  owned.tokens = {"<unk>", "<s>", "</s>", "<0x0A>", "a", "aa", "aaa"};
  owned.vocabulary.scores = {0, 0, 0, 0, -9, -1, -1};
  owned.vocabulary.add_space_prefix = false;
  const auto tokenizer = owned.build().value();
  EXPECT_THAT(tokenizer.encode("aaaa", Special::parse, Bounds::none).value(), ElementsAre(6, 4));
}

TEST(Tokenizer, BytesThatAreNotUtf8RoundTrip) {
  for (const auto& tokenizer : {golden_vocabulary(goldens()["llama_bpe"]).build().value(),
                                golden_sentencepiece("byte_fallback").build().value()}) {
    for (const std::string text : {"\xFF", "a\xC3", "\xE4\xBD x \xF0\x9F", "\x80\x80"}) {
      std::string bytes;
      const auto ids = tokenizer.encode(text, Special::parse, Bounds::none).value();
      for (const Token id : ids) {
        bytes.append(tokenizer.token_bytes(id));
      }
      EXPECT_TRUE(bytes == text || bytes == " " + text) << bytes;
    }
  }
}

TEST(Tokenizer, InvalidBytesWithoutByteTokensBecomeReplacementCharacters) {
  const auto tokenizer = golden_sentencepiece("no_byte_fallback").build().value();
  const auto encode = [&](const char* text) {
    return tokenizer.encode(text, Special::parse, Bounds::none).value();
  };
  EXPECT_EQ(encode("x\xFF"), encode("x\uFFFD"));
}

TEST(Tokenizer, BosComesExactlyOnce) {
  const auto tokenizer = small_sentencepiece().build().value();
  const auto encode = [&](std::string_view text, Special special) {
    return tokenizer.encode(text, special, Bounds::of_model).value();
  };
  EXPECT_THAT(encode("a", Special::parse), ElementsAre(1, 6));
  EXPECT_THAT(encode("<s>a", Special::parse), ElementsAre(1, 6));
  EXPECT_THAT(encode("", Special::parse), ElementsAre(1));
  EXPECT_EQ(encode("<s>a", Special::as_text).front(), 1U);
  EXPECT_GT(encode("<s>a", Special::as_text).size(), 2U);
}

TEST(Tokenizer, EosComesWhereTheVocabularyAsksForIt) {
  OwnedVocabulary owned = small_sentencepiece();
  owned.vocabulary.special.add_eos = true;
  const auto tokenizer = owned.build().value();
  EXPECT_THAT(tokenizer.encode("a", Special::parse, Bounds::of_model).value(),
              ElementsAre(1, 6, 2));
  EXPECT_THAT(tokenizer.encode("a</s>", Special::parse, Bounds::of_model).value(),
              ElementsAre(1, 6, 2));
  EXPECT_THAT(tokenizer.encode("a", Special::parse, Bounds::none).value(), ElementsAre(6));
}

TEST(Tokenizer, DecodingTakesOffTheSpaceThatEncodingPut) {
  const auto tokenizer = small_sentencepiece().build().value();
  for (const char* text : {"a", " a", "a a", "<s>a</s>a", "\na", ""}) {
    const auto ids = tokenizer.encode(text, Special::parse, Bounds::none).value();
    EXPECT_EQ(tokenizer.decode(ids).value(), text);
  }
  EXPECT_THAT(tokenizer.decode(std::vector<Token>{7}).error().message(), HasSubstr("token 7"));
}

TEST(Tokenizer, KnowsItsTokens) {
  const auto tokenizer = small_sentencepiece().build().value();
  EXPECT_EQ(tokenizer.size(), 7U);
  EXPECT_EQ(tokenizer.token_bytes(3), "\n");
  EXPECT_EQ(tokenizer.token_bytes(6), " a");
  EXPECT_EQ(tokenizer.token_bytes(2), "</s>");
  EXPECT_EQ(tokenizer.find("▁a"), 6U);
  EXPECT_EQ(tokenizer.find("nothing"), std::nullopt);
  EXPECT_TRUE(tokenizer.is_control(0));
  EXPECT_TRUE(tokenizer.is_control(2));
  EXPECT_FALSE(tokenizer.is_control(3));
}

TEST(Tokenizer, GenerationEndsAtNamedAndKnownTokens) {
  EXPECT_THAT(small_vocabulary().build()->ends_of_generation(), ElementsAre(3));
  OwnedVocabulary owned = small_vocabulary();
  owned.vocabulary.special.eot = 0;
  EXPECT_THAT(owned.build()->ends_of_generation(), ElementsAre(0, 3));
  owned.vocabulary.types[3] = 1;  // a token of this name that is plain text
  EXPECT_THAT(owned.build()->ends_of_generation(), ElementsAre(0));
  owned.tokens = {"<|end|>", "<|return|>", "<|call|>", "x"};
  owned.merges = {};
  owned.vocabulary.types = {3, 3, 3, 1};
  owned.vocabulary.special = {};
  EXPECT_THAT(owned.build()->ends_of_generation(), ElementsAre(1, 2));
}

TEST(Tokenizer, UserDefinedTokensMatchInPlainTextAndControlTokensDoNot) {
  OwnedVocabulary owned = small_vocabulary();
  owned.tokens.emplace_back("<u>");
  owned.tokens.insert(owned.tokens.end(), {"<", "|", "i", "m", "_", "e", "n", "d", ">"});
  owned.vocabulary.types = {1, 1, 1, 3, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const auto tokenizer = owned.build().value();
  const auto encode = [&](Special special) {
    return tokenizer.encode("a<u>b<|im_end|>ab", special, Bounds::none).value();
  };
  EXPECT_THAT(encode(Special::parse), ElementsAre(0, 4, 1, 3, 2));
  EXPECT_THAT(encode(Special::as_text), ElementsAre(0, 4, 1, 5, 6, 7, 8, 9, 10, 11, 12, 6, 13, 2));
}

TEST(Tokenizer, MalformedVocabulariesAreErrorsThatNameTheEntry) {
  const auto error_with = [](auto change) {
    OwnedVocabulary owned = small_vocabulary();
    change(owned);
    return owned.error();
  };
  using V = OwnedVocabulary;
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.pre = "no-such"; }), HasSubstr("\"no-such\""));
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.pre = ""; }), HasSubstr("tokenizer.ggml.pre"));
  EXPECT_THAT(error_with([](V& v) { v.tokens[1] = "a"; }), HasSubstr("0 and 1"));
  EXPECT_THAT(error_with([](V& v) { v.tokens[1] = "\xFF"; }), HasSubstr("Token 1"));
  EXPECT_THAT(error_with([](V& v) { v.tokens[1].assign(1 << 20, 'x'); }), HasSubstr("1048576"));
  EXPECT_THAT(error_with([](V& v) { v.merges = {"a c"}; }), HasSubstr("\"c\""));
  EXPECT_THAT(error_with([](V& v) { v.merges = {"b a"}; }), HasSubstr("\"ba\""));
  EXPECT_THAT(error_with([](V& v) { v.merges = {"ab"}; }), HasSubstr("Merge 0"));
  EXPECT_THAT(error_with([](V& v) { v.merges = {""}; }), HasSubstr("Merge 0"));
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.types = {1}; }), HasSubstr("1 token types"));
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.types[2] = 7; }), HasSubstr("type 7"));
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.special.bos = 4; }), HasSubstr("bos"));
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.special.add_bos = true; }), HasSubstr("bos"));
  EXPECT_THAT(error_with([](V& v) { v = {}; }), HasSubstr("no tokens"));
}

TEST(Tokenizer, MalformedSentencePieceVocabulariesAreErrorsToo) {
  const auto error_with = [](auto change) {
    OwnedVocabulary owned = small_sentencepiece();
    change(owned);
    return owned.error();
  };
  using V = OwnedVocabulary;
  for (const char* byte : {"<0x-1>", "<0x+1>", "<0x>", "<0xGG>", "<0x00A>", "0x0A", "<0x0A"}) {
    EXPECT_THAT(error_with([&](V& v) { v.tokens[3] = byte; }), HasSubstr("Token 3")) << byte;
  }
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.scores = {}; }), HasSubstr("scores"));
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.scores = {1}; }), HasSubstr("1 token scores"));
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.scores[2] = NAN; }), HasSubstr("token 2"));
  EXPECT_THAT(error_with([](V& v) { v.vocabulary.special.unknown = 99; }), HasSubstr("99"));
}

TEST(Tokenizer, HolesInTheVocabularyStandForNothing) {
  OwnedVocabulary owned = small_vocabulary();
  owned.tokens.insert(owned.tokens.end(), {"", ""});
  owned.vocabulary.types.insert(owned.vocabulary.types.end(), {5, 3});
  const auto tokenizer = owned.build().value();
  EXPECT_THAT(tokenizer.token_bytes(4), IsEmpty());
  EXPECT_EQ(tokenizer.find(""), std::nullopt);
  EXPECT_THAT(tokenizer.encode("", Special::parse, Bounds::of_model).value(), IsEmpty());
}

TEST(Tokenizer, BrokenTokenizerJsonIsAnError) {
  for (const char* text : {"", "{", "[]", "{}", R"({"model": {"type": "BPE"}})"}) {
    EXPECT_FALSE(Tokenizer::from_json(text, {}).has_value()) << text;
  }
}

TEST(Tokenizer, LongRunsOfOneCharacterTakeNoQuadraticTime) {
  const auto bpe = golden_vocabulary(goldens()["llama_bpe"]).build().value();
  const auto sentencepiece = golden_sentencepiece("byte_fallback").build().value();
  for (const char character : {' ', 'a', '\n', '7'}) {
    const std::string text(300'000, character);
    for (const Tokenizer* tokenizer : {&bpe, &sentencepiece}) {
      const auto ids = tokenizer->encode(text, Special::parse, Bounds::none);
      ASSERT_TRUE(ids) << ids.error().message();
      EXPECT_EQ(tokenizer->decode(*ids).value().size(), text.size());
    }
  }
}

}  // namespace
}  // namespace weft::text
