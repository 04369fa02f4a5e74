#include "backend/cpu/cpu_backend.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/load.h"
#include "testing/backend_runs.h"
#include "testing/tiny_model.h"

namespace weft::backend {
namespace {

using formats::TensorType;
using namespace weft::testing;

std::unique_ptr<Backend> make_backend(const model::ModelSpec& spec, uint32_t threads = 2,
                                      KvTypes kv_types = {}) {
  Options options = test_options();
  options.threads = threads;
  options.kv_types = kv_types;
  options.max_rows = kTestContext;
  auto backend = create_cpu_backend(spec, options);
  EXPECT_TRUE(backend) << backend.error().message();
  return std::move(*backend);
}

class EveryWeightType : public ::testing::TestWithParam<TensorType> {};

TEST_P(EveryWeightType, MatchesTheReferenceModel) {
  for (const bool variant : {false, true}) {
    const TinyModel model({.embd = 256,
                           .heads = 8,
                           .kv_heads = 2,
                           .head_dim = 32,
                           .ff = 512,
                           .vocab = 300,
                           .type = GetParam(),
                           .tied = variant,
                           .biases = variant});
    const auto backend = make_backend(model.spec());
    const auto tokens = some_tokens(40, 1, model.spec().vocab);
    const auto logits = all_logits(*backend, tokens, {40});
    // Keys and values are binary16, rounded by up to 2^-11; all else is finer.
    EXPECT_LE(relative_error(model.spec(), tokens, logits), 0x1p-10);
  }
}

INSTANTIATE_TEST_SUITE_P(CpuBackend, EveryWeightType,
                         ::testing::Values(TensorType::kF32, TensorType::kF16, TensorType::kBF16,
                                           TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kQ4_1,
                                           TensorType::kQ5_0, TensorType::kQ5_1, TensorType::kQ4_K,
                                           TensorType::kQ5_K, TensorType::kQ6_K),
                         [](const auto& type) {
                           return std::string(formats::info(type.param).name);
                         });

// A model whose rows need every path: ragged tiles, quantised and float types.
TinyModelOptions mixed_options() {
  return {.layers = 3,
          .embd = 96,
          .heads = 6,
          .kv_heads = 2,
          .head_dim = 16,
          .ff = 160,
          .vocab = 333,
          .type = TensorType::kQ4_1};
}

TEST(CpuBackend, ChunksOfAPromptGiveTheSameBits) {
  const TinyModel model(mixed_options());
  const auto tokens = some_tokens(101, 2, model.spec().vocab);
  const auto backend = make_backend(model.spec());
  const auto at_once = all_logits(*backend, tokens, {101});
  EXPECT_EQ(all_logits(*backend, tokens, {1}), at_once);
  EXPECT_EQ(all_logits(*backend, tokens, {7, 32, 3, 20}), at_once);
}

// Rows at once choose kernels: few on vectors, 12 on AMX where there is one, ranges from 129 on.
TEST(CpuBackend, AnyNumberOfThreadsAndRowsGivesTheSameBits) {
  for (const TensorType type : {TensorType::kF16, TensorType::kQ4_1, TensorType::kQ8_0,
                                TensorType::kQ4_K, TensorType::kQ6_K}) {
    SCOPED_TRACE(formats::info(type).name);
    const TinyModel model({.embd = 256,
                           .heads = 8,
                           .kv_heads = 2,
                           .head_dim = 32,
                           .ff = 512,
                           .vocab = 333,
                           .type = type});
    const auto tokens = some_tokens(150, 3, model.spec().vocab);
    KvTypes kv_types;
    if (type == TensorType::kQ8_0) kv_types = {KvType::kQ8_0, KvType::kQ8_0};
    const auto one = all_logits(*make_backend(model.spec(), 1, kv_types), tokens, {150});
    for (const uint32_t threads : {1U, 2U, 4U}) {
      const auto backend = make_backend(model.spec(), threads, kv_types);
      for (const uint32_t rows : {1U, 5U, 12U, 20U, 149U, 150U}) {
        EXPECT_EQ(all_logits(*backend, tokens, {rows}), one) << threads << ", " << rows;
      }
    }
  }
}

TEST(CpuBackend, KeysAndValuesAsBytesStayNearTheReference) {
  const TinyModel model({.embd = 256, .heads = 8, .kv_heads = 2, .head_dim = 32, .ff = 512});
  const auto tokens = some_tokens(140, 4, model.spec().vocab);
  const auto error_with = [&](KvTypes types) {
    const auto backend = make_backend(model.spec(), 2, types);
    return relative_error(model.spec(), tokens, all_logits(*backend, tokens, {140}));
  };
  const double best = error_with({});
  for (const KvTypes types : {KvTypes{KvType::kQ8_0, KvType::kF16},
                              {KvType::kF16, KvType::kQ8_0},
                              {KvType::kQ8_0, KvType::kQ8_0}}) {
    EXPECT_GT(error_with(types), best);
    EXPECT_LE(error_with(types), 0x1p-6);  // rounded by up to 1/254 of the largest beside them
  }
}

TEST(CpuBackend, KvMemoryIsThatOfItsTypes) {
  const TinyModel model({.layers = 2, .embd = 256, .heads = 8, .kv_heads = 2, .head_dim = 32});
  const auto kv_bytes = [&](KvTypes types) {
    Options options = test_options();
    options.kv_blocks = 8192;
    options.kv_types = types;
    return create_cpu_backend(model.spec(), options).value()->info().memory.kv;
  };
  constexpr uint64_t kValues = 8192 * kBlockTokens * 2 * 2 * 32;  // keys, and as many values
  constexpr uint64_t kQ8Bytes = kValues / 32 * 34;
  EXPECT_EQ(kv_bytes({}), 2 * kValues * sizeof(uint16_t));
  EXPECT_EQ(kv_bytes({KvType::kQ8_0, KvType::kF16}), kQ8Bytes + kValues * sizeof(uint16_t));
  EXPECT_EQ(kv_bytes({KvType::kQ8_0, KvType::kQ8_0}), 2 * kQ8Bytes);
}

TEST(CpuBackend, SequencesOfABatchGiveTheBitsTheyGiveAlone) {
  const TinyModel model(mixed_options());
  const auto batched = make_backend(model.spec());
  const std::vector<uint32_t> lengths = {33, 1, 20, 58};
  std::vector<std::vector<Token>> prompts;
  std::vector<std::vector<uint32_t>> blocks;
  for (uint32_t slot = 0; slot < kTestSequences; ++slot) {
    prompts.push_back(some_tokens(lengths[slot] + 1, slot, model.spec().vocab));
    blocks.push_back(scattered_blocks(slot));
  }
  std::vector<SequenceStep> prefill;
  std::vector<SequenceStep> decode;
  for (uint32_t slot = 0; slot < kTestSequences; ++slot) {
    const std::span<const Token> prompt = prompts[slot];
    prefill.push_back({.slot = slot,
                       .tokens = prompt.first(lengths[slot]),
                       .pos = 0,
                       .blocks = blocks[slot],
                       .output = slot == 2 ? Output::kNone : Output::kAllLogits});
    decode.push_back({.slot = slot,
                      .tokens = prompt.last(1),
                      .pos = lengths[slot],
                      .blocks = blocks[slot],
                      .output = Output::kLogits});
  }
  const auto first = run(*batched, prefill);
  const auto second = run(*batched, decode);
  EXPECT_TRUE(first[2].logits.empty());
  for (uint32_t slot = 0; slot < kTestSequences; ++slot) {
    const auto alone = all_logits(*make_backend(model.spec()), prompts[slot], {lengths[slot], 1});
    const auto last = alone.end() - model.spec().vocab;
    EXPECT_TRUE(std::equal(last, alone.end(), second[slot].logits.begin())) << slot;
    EXPECT_TRUE(std::equal(first[slot].logits.begin(), first[slot].logits.end(), alone.begin()));
  }
}

TEST(CpuBackend, NothingOfASequenceStaysForTheNextInItsBlocks) {
  const TinyModel model(mixed_options());
  const auto backend = make_backend(model.spec());
  const auto a = some_tokens(50, 4, model.spec().vocab);
  const auto b = some_tokens(90, 5, model.spec().vocab);
  const auto before = all_logits(*backend, a, {50});
  EXPECT_NE(all_logits(*backend, b, {90}), before);
  EXPECT_EQ(all_logits(*backend, a, {50}), before);
}

TEST(CpuBackend, OutputsAgreeWithTheLogits) {
  const TinyModel model(mixed_options());
  const auto backend = make_backend(model.spec());
  const auto tokens = some_tokens(12, 6, model.spec().vocab);
  const auto blocks = scattered_blocks(0);
  SequenceStep step{.slot = 0, .tokens = tokens, .pos = 0, .blocks = blocks};
  step.output = Output::kLogits;
  const auto logits = run(*backend, {&step, 1})[0].logits;
  ASSERT_EQ(logits.size(), model.spec().vocab);
  std::vector<Token> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](Token token) { return logits[token]; });

  step.output = Output::kGreedy;
  EXPECT_EQ(run(*backend, {&step, 1})[0].token, order[0]);
  step.output = Output::kDrawn;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    sample::Chain chain({.temperature = 2, .presence_penalty = 1, .logit_bias = {{order[3], 2}}},
                        seed);
    step.draw = chain.draw(tokens);
    EXPECT_EQ(run(*backend, {&step, 1})[0].token, chain.choose(logits, tokens));
  }
}

TEST(CpuBackend, AGreedyTokenIsTheSlotsNextInput) {
  const TinyModel model(mixed_options());
  const auto backend = make_backend(model.spec());
  const auto prompt = some_tokens(9, 7, model.spec().vocab);
  const auto fed_by_caller = continue_greedily(*backend, prompt, 40, FeedBack::kCaller);
  EXPECT_EQ(continue_greedily(*backend, prompt, 40, FeedBack::kBackend), fed_by_caller);
}

TEST(CpuBackend, RefusesWhatItCannotRun) {
  const TinyModel model(mixed_options());
  model::ModelSpec spec = model.spec();
  spec.layers[1].ffn_up.tensor.type = TensorType::kQ1_0;
  const auto unknown_type = create_cpu_backend(spec, {});
  ASSERT_FALSE(unknown_type);
  EXPECT_NE(unknown_type.error().message().find("blk.1.ffn_up.weight"), std::string::npos);
  EXPECT_NE(unknown_type.error().message().find("q1_0"), std::string::npos);
  EXPECT_FALSE(create_cpu_backend(model.spec(), {.kv_blocks = 0}));

  const auto backend = make_backend(model.spec());
  const std::vector<Token> tokens = {1, model.spec().vocab};
  const auto blocks = scattered_blocks(0);
  const SequenceStep step{.slot = 0, .tokens = tokens, .pos = 0, .blocks = blocks};
  backend->submit({&step, 1});
  EXPECT_FALSE(backend->collect());
  EXPECT_EQ(all_logits(*backend, some_tokens(3, 1, model.spec().vocab), {3}).size(),
            3 * model.spec().vocab);
}

TEST(CpuBackend, ATraceNamesWhatRan) {
  const TinyModel model(mixed_options());
  const auto backend = make_backend(model.spec());
  ASSERT_TRUE(backend->start_trace(TraceDetail::kKernels));
  (void)all_logits(*backend, some_tokens(10, 1, model.spec().vocab), {10});
  const Trace trace = backend->take_trace();
  const auto times = kernel_times(trace);
  const auto down = std::ranges::find(times, "matmul q4_1 96x160", &KernelTime::name);
  ASSERT_NE(down, times.end());
  EXPECT_EQ(down->count, 3U);
  EXPECT_EQ(down->flops, 3U * 10 * 2 * 96 * 160);
  EXPECT_GT(down->seconds, 0);
  const auto attention = std::ranges::find(times, "attention", &KernelTime::name);
  ASSERT_NE(attention, times.end());
  EXPECT_EQ(attention->flops, 3U * 55 * 2 * 2 * 96);  // q . k and p . v of 1 + 2 + ... + 10 pairs
  EXPECT_EQ(attention->bytes, 3U * 10 * 2 * 32 * 2);
  ASSERT_EQ(trace.steps.size(), 1U);
  EXPECT_LE(trace.steps[0].begin, trace.kernels.front().begin);
  EXPECT_LE(trace.kernels.back().end, trace.steps[0].end);

  ASSERT_TRUE(backend->start_trace(TraceDetail::kSteps));
  (void)all_logits(*backend, some_tokens(10, 1, model.spec().vocab), {5});
  const Trace steps = backend->take_trace();
  EXPECT_EQ(steps.steps.size(), 2U);
  EXPECT_TRUE(steps.kernels.empty());
}

// The default model's greedy continuation of "The capital of France is", from llama.cpp v0.5.0 with
// the weights as f32: " Paris.\n\nThe answer is: 2018-01-22 12:12:53." and the end of the text.
TEST(CpuBackend, ContinuesAPromptAsTheRealModelDoes) {
  const char* const path = std::getenv("WEFT_TEST_MODEL");
  if (path == nullptr) GTEST_SKIP() << "WEFT_TEST_MODEL names no model.";
  const auto file = formats::GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message();
  const auto spec = model::spec_from_gguf(*file);
  ASSERT_TRUE(spec) << spec.error().message();
  const auto backend = make_backend(*spec);
  const std::vector<Token> prompt = {504, 3575, 282, 4649, 314};
  const std::vector<Token> expected = {7042, 30, 198, 198, 504, 2988, 314, 42, 216, 34,
                                       32,   33, 40,  29,  32,  33,   29,  34, 34,  216,
                                       33,   34, 42,  33,  34,  42,   37,  35, 30,  2};
  EXPECT_EQ(continue_greedily(*backend, prompt, 30, FeedBack::kBackend), expected);
}

}  // namespace
}  // namespace weft::backend
