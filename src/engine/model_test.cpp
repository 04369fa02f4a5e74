// From a file to answers, on the CPU.
#include "engine/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "engine/chat.h"
#include "engine/testing/ask.h"
#include "engine/vocabulary.h"
#include "testing/backend_runs.h"
#include "testing/source_path.h"
#include "testing/tiny_model.h"
#include "testing/tiny_vocabulary.h"

namespace weft::engine {
namespace {

using ::testing::HasSubstr;
using testing::TinyModel;

std::unique_ptr<LoadedModel> load(const TinyModel& tiny, ModelOptions options = {}) {
  options.path = tiny.path();
  options.device = "cpu";
  auto model = LoadedModel::load(options, {});
  EXPECT_TRUE(model) << model.error().message();
  return std::move(model).value();
}

TEST(LoadedModel, ABeginningThatWasComputedIsNotComputedAgain) {
  const TinyModel tiny({.tokenizer = true});
  const auto model = load(tiny);
  Engine engine(model->backend(), model->tokenizer(), {});
  Request a = {.sampling = {.temperature = 0}, .max_tokens = 50, .ignore_eos = true};
  for (Token token = 0; token < 70; ++token) a.prompt.push_back(token * 3 % 256);
  Request b = a;
  b.prompt[40] = 7;  // the first block of a's, then its own
  EXPECT_EQ(ask(engine, a).get().finish.usage.cached_tokens, 0U);
  EXPECT_EQ(ask(engine, b).get().finish.usage.cached_tokens, 32U);
  EXPECT_EQ(ask(engine, a).get().finish.usage.cached_tokens, 64U);
}

TEST(LoadedModel, ContextIsTheModelsUpToTheDefault) {
  EXPECT_EQ(load(TinyModel())->backend().options().max_context, 256U);
  const TinyModel longer({.context = 10000});
  EXPECT_EQ(load(longer)->backend().options().max_context, kDefaultContext);
  EXPECT_EQ(load(longer, {.context = 0})->backend().options().max_context, 10000U);
  const auto three = load(longer, {.context = 100, .max_sequences = 3});
  EXPECT_EQ(three->backend().options().max_context, 100U);
  EXPECT_EQ(three->backend().options().kv_blocks, 10U);  // 300 tokens
}

TEST(LoadedModel, SaysWhenTheContextIsLongerThanTheTraining) {
  const TinyModel tiny;
  std::string notice;
  const ModelOptions options = {.path = tiny.path(), .device = "cpu", .context = 512};
  ASSERT_TRUE(LoadedModel::load(
      options, {.on_notice = [&](std::string_view sentence) { notice = sentence; }}));
  EXPECT_EQ(notice, "The context is 512 tokens, and the model was trained for 256.");
}

TEST(LoadedModel, RunsWithoutAVocabularyAndSaysSoWhenTextIsAsked) {
  const auto model = load(TinyModel());
  EXPECT_EQ(model->tokenizer(), nullptr);
  EXPECT_THAT(encode_raw(model->text(), "Hello").error().message(), HasSubstr("no vocabulary"));
  EXPECT_THAT(encode_chat(model->text(), {}).error().message(), HasSubstr("no vocabulary"));
  Engine engine(model->backend(), model->tokenizer(), {});
  EXPECT_EQ(ask(engine, {.prompt = {1, 2, 3}, .max_tokens = 4}).get().tokens.size(), 4U);
}

TEST(LoadedModel, NamesTheDeviceThatIsNotThere) {
  const TinyModel tiny;
  const auto model = LoadedModel::load({.path = tiny.path(), .device = "no such GPU"}, {});
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message(), HasSubstr("no such GPU"));
}

// The folder's model, tokenizer and template, against what Transformers made of them.
TEST(LoadedModel, OpensAHuggingFaceFolder) {
  const std::filesystem::path folder = testing::source_path("testing/models/llama3");
  const auto golden = nlohmann::json::parse(*read_text_file(folder / "text.json"));
  const auto model = LoadedModel::load(
      {.path = folder, .device = "cpu", .max_sequences = 2, .kv_tokens = 1024}, {});
  ASSERT_TRUE(model) << model.error().message();
  const TextModel& text = (*model)->text();
  ASSERT_TRUE(text.tokenizer) << text.tokenizer.error().message();
  EXPECT_EQ((*model)->spec().vocab, 59U);  // of 96 rows, the tokens that there are
  EXPECT_EQ(
      text.tokenizer->encode("the other", text::Special::as_text, text::Bounds::of_model).value(),
      golden["tokens"].get<std::vector<Token>>());
  const std::vector<Token> chat =
      encode_chat(text, std::vector<Message>{{.role = "user", .content = "the moth"}}).value();
  EXPECT_EQ(chat, golden["chat"].get<std::vector<Token>>());
  EXPECT_EQ(text.tokenizer->eos(), 1U);
  EXPECT_EQ(testing::continue_greedily((*model)->backend(), chat, 12, testing::FeedBack::kBackend),
            golden["answer"].get<std::vector<Token>>());
}

TEST(LoadedModel, AFolderWithoutTokenizerSaysSo) {
  const auto model = LoadedModel::load(
      {.path = testing::source_path("testing/models/llama"), .device = "cpu"}, {});
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ((*model)->tokenizer(), nullptr);
  EXPECT_THAT((*model)->text().tokenizer.error().message(), HasSubstr("tokenizer.json"));
  EXPECT_THAT((*model)->text().chat_template.error().message(), HasSubstr("no chat template"));
}

TEST(EncodeChat, RendersTheTemplateAndParsesItsTokens) {
  const TinyModel tiny({.tokenizer = true});
  const TextModel text = TextModel::from_gguf(tiny.file());
  const std::vector<Message> messages = {{.role = "user", .content = "Hi\xff"}};
  const std::vector<Token> tokens = encode_chat(text, messages).value();
  EXPECT_EQ(text.tokenizer->decode(tokens).value(),
            "<|im_start|>user\nHi\xef\xbf\xbd<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(tokens.front(), testing::kTinyImStart);
}

formats::GgufFile parse(const testing::Bytes& bytes) {
  return formats::GgufFile::parse(bytes, "test.gguf").value();
}

TEST(VocabularyFromGguf, ReadsWhatTheFileSays) {
  testing::GgufWriter writer;
  const std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", "a"};
  writer.set("tokenizer.ggml.model", "llama");
  writer.set("tokenizer.ggml.tokens", tokens);
  writer.set("tokenizer.ggml.scores", std::vector<float>{0, 0, 0, -1});
  writer.set("tokenizer.ggml.token_type", std::vector<int32_t>{2, 3, 3, 1});
  writer.set("tokenizer.ggml.bos_token_id", 1U);
  writer.set("tokenizer.ggml.eos_token_id", 2U);
  testing::Bytes bytes = writer.finish();
  const formats::GgufFile file = parse(bytes);
  const text::Vocabulary vocabulary = vocabulary_from_gguf(file).value();
  EXPECT_EQ(vocabulary.kind, text::Vocabulary::Kind::sentencepiece_bpe);
  EXPECT_THAT(vocabulary.tokens, ::testing::ElementsAreArray(tokens));
  EXPECT_EQ(vocabulary.scores[3], -1);
  EXPECT_EQ(vocabulary.types[0], 2);
  EXPECT_EQ(vocabulary.special.bos, 1U);
  EXPECT_EQ(vocabulary.special.eos, 2U);
  EXPECT_FALSE(vocabulary.special.eot);
  EXPECT_TRUE(vocabulary.special.add_bos);  // what such files mean when they say nothing
  EXPECT_FALSE(vocabulary.special.add_eos);
  EXPECT_TRUE(vocabulary.add_space_prefix);

  writer.set("tokenizer.ggml.add_bos_token", false);
  writer.set("tokenizer.ggml.add_space_prefix", false);
  bytes = writer.finish();
  const formats::GgufFile other = parse(bytes);
  EXPECT_FALSE(vocabulary_from_gguf(other)->special.add_bos);
  EXPECT_FALSE(vocabulary_from_gguf(other)->add_space_prefix);
}

TEST(VocabularyFromGguf, ByteLevelFilesBeginWithBosWhereTheirFamilyDoes) {
  testing::GgufWriter writer;
  testing::set_tiny_vocabulary(writer, 320);
  writer.erase("tokenizer.ggml.add_bos_token");
  testing::Bytes bytes = writer.finish();
  EXPECT_FALSE(vocabulary_from_gguf(parse(bytes))->special.add_bos);
  writer.set("tokenizer.ggml.pre", "llama-bpe");
  bytes = writer.finish();
  EXPECT_TRUE(vocabulary_from_gguf(parse(bytes))->special.add_bos);
}

TEST(VocabularyFromGguf, NamesWhatIsMissingOrUnknown) {
  testing::GgufWriter writer;
  const auto error = [&writer] {
    const testing::Bytes bytes = writer.finish();
    return vocabulary_from_gguf(parse(bytes)).error().message();
  };
  EXPECT_EQ(error(), "'test.gguf' has no vocabulary.");
  writer.set("tokenizer.ggml.model", "morse");
  EXPECT_THAT(error(), HasSubstr("'morse'"));
  writer.set("tokenizer.ggml.model", "gpt2");
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.merges"));
}

}  // namespace
}  // namespace weft::engine
