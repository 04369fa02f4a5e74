#include "backend/gpu/gpu_backend.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <stdexcept>

#include <gtest/gtest.h>

#include "kernels/subgroup_matrix.h"
#include "kernels/testing/test_device.h"
#include "model/load.h"
#include "testing/backend_runs.h"
#include "testing/tiny_model.h"

namespace weft::backend {
namespace {

using formats::TensorType;
using kernels::Features;
using namespace weft::testing;

class EndOfProgram : public ::testing::Environment {
 public:
  void TearDown() override { kernels::close_test_devices(); }
};

const auto* const environment = ::testing::AddGlobalTestEnvironment(new EndOfProgram);

class GpuBackendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const kernels::TestDevice& opened = kernels::test_device(Features::kAll);
    if (opened.device == nullptr) GTEST_SKIP() << opened.missing;
  }

  // Keys and values are stored as binary16, 2^-11, and on matrix units all that is multiplied.
  static bool has_matrices() {
    const gpu::AdapterInfo& info = kernels::test_device(Features::kAll).device->info();
    return kernels::subgroup_matrix(info).has_value();
  }
  static double tolerance() { return has_matrices() ? 4e-3 : 1e-3; }           // of relative errors
  static double distance_tolerance() { return has_matrices() ? 3e-2 : 1e-3; }  // of distances

  static Result<std::unique_ptr<Backend>> create(const model::ModelSpec& spec,
                                                 const Options& options = test_options(),
                                                 const Products& products = {},
                                                 Features features = Features::kAll) {
    return create_gpu_backend(spec, options, kernels::test_device(features).device, {}, products);
  }

  // An error is thrown, which fails the test.
  static std::unique_ptr<Backend> make(const model::ModelSpec& spec,
                                       const Options& options = test_options(),
                                       const Products& products = {},
                                       Features features = Features::kAll) {
    auto backend = create(spec, options, products, features);
    if (!backend) throw std::runtime_error(backend.error().message());
    return std::move(*backend);
  }

  static std::vector<float> logits(Backend& backend, std::span<const Token> tokens,
                                   std::vector<uint32_t> chunks) {
    return all_logits(backend, tokens, chunks);
  }
};

// The largest difference between two lists of logits.
double distance(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  return largest;
}

// Shapes that leave tiles ragged.
TinyModelOptions ragged_options() {
  return {.layers = 2,
          .embd = 96,
          .heads = 6,
          .kv_heads = 2,
          .head_dim = 16,
          .ff = 160,
          .vocab = 333,
          .type = TensorType::kQ4_1};
}

TEST_F(GpuBackendTest, EveryWeightTypeMatchesTheReferenceModel) {
  for (const TensorType type :
       {TensorType::kF32, TensorType::kF16, TensorType::kBF16, TensorType::kQ8_0, TensorType::kQ4_0,
        TensorType::kQ4_1, TensorType::kQ5_0, TensorType::kQ5_1, TensorType::kQ4_K,
        TensorType::kQ5_K, TensorType::kQ6_K}) {
    SCOPED_TRACE(formats::info(type).name);
    const bool variant = type == TensorType::kQ4_K || type == TensorType::kF16;
    const TinyModel model({.embd = 256,
                           .heads = 8,
                           .kv_heads = 2,
                           .head_dim = 32,
                           .ff = 512,
                           .vocab = 300,
                           .type = type,
                           .tied = variant,
                           .biases = variant});
    Options options = test_options();
    options.max_sequences = 1;  // builds fewer plans
    const auto backend = make(model.spec(), options);
    const auto tokens = some_tokens(41, 1, model.spec().vocab);
    EXPECT_LE(relative_error(model.spec(), tokens, logits(*backend, tokens, {33, 1, 7})),
              tolerance());
  }
}

// The types that fewer models have, which mostly lie on the device as other blocks than in the
// file: all matrices, or to be quick those of V alone.
TEST_F(GpuBackendTest, RarerWeightTypesMatchTheReferenceModel) {
  for (const TensorType type :
       {TensorType::kQ2_K, TensorType::kQ3_K, TensorType::kIQ4_NL, TensorType::kIQ4_XS,
        TensorType::kMXFP4, TensorType::kNVFP4, TensorType::kTQ1_0, TensorType::kTQ2_0,
        TensorType::kIQ1_S, TensorType::kIQ1_M, TensorType::kIQ2_XXS, TensorType::kIQ2_XS,
        TensorType::kIQ2_S, TensorType::kIQ3_XXS, TensorType::kIQ3_S}) {
    SCOPED_TRACE(formats::info(type).name);
    const bool all = type == TensorType::kQ2_K || type == TensorType::kIQ2_XS;
    const TinyModel model({.layers = 1,
                           .embd = 256,
                           .heads = 8,
                           .kv_heads = 4,
                           .head_dim = 32,
                           .ff = 256,
                           .vocab = 300,
                           .type = all ? type : TensorType::kF32,
                           .v_type = type});
    Options options = test_options();
    options.max_sequences = 1;
    const auto backend = make(model.spec(), options);
    const auto tokens = some_tokens(12, 1, model.spec().vocab);
    EXPECT_LE(relative_error(model.spec(), tokens, logits(*backend, tokens, {10, 1, 1})),
              tolerance());
  }
}

// What is chosen for an adapter without subgroups, f16 and matrix units.
TEST_F(GpuBackendTest, ADeviceWithoutFeaturesMatchesTheReferenceModel) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec(), test_options(), {}, Features::kNone);
  const auto tokens = some_tokens(60, 9, model.spec().vocab);
  EXPECT_LE(relative_error(model.spec(), tokens, logits(*backend, tokens, {33, 1, 7})), 1e-3);
}

TEST_F(GpuBackendTest, ChunksOfAPromptAndSingleTokensAgree) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec());
  const auto tokens = some_tokens(101, 2, model.spec().vocab);
  const auto at_once = logits(*backend, tokens, {101});
  EXPECT_LE(relative_error(model.spec(), tokens, at_once), tolerance());
  EXPECT_LE(distance(logits(*backend, tokens, {1}), at_once), distance_tolerance());
  EXPECT_LE(distance(logits(*backend, tokens, {7, 32, 3, 20}), at_once), distance_tolerance());
}

// With packed dot products, which the fastest choice may not be here.
TEST_F(GpuBackendTest, DotProductsMatchTheReferenceModel) {
  Options options = test_options();
  options.max_sequences = 1;
  for (const TensorType type : {TensorType::kQ4_1, TensorType::kF16}) {
    SCOPED_TRACE(formats::info(type).name);
    TinyModelOptions shape = ragged_options();
    shape.type = type;
    const TinyModel model(shape);
    const auto backend = make(model.spec(), options, {.few_rows = FewRows::kDot});
    const auto tokens = some_tokens(40, 6, model.spec().vocab);
    EXPECT_LE(relative_error(model.spec(), tokens, logits(*backend, tokens, {1})), 1e-3);
  }
}

// As in files that most people load: V alone in more bits, and of one dispatch with Q and K.
TEST_F(GpuBackendTest, DotProductsOfTwoFormatsMatchTheReferenceModel) {
  const TinyModel model({.layers = 1,
                         .embd = 256,
                         .heads = 8,
                         .kv_heads = 4,
                         .head_dim = 32,
                         .ff = 256,
                         .type = TensorType::kQ4_K,
                         .v_type = TensorType::kQ6_K});
  Options options = test_options();
  options.max_sequences = 1;
  const auto backend = make(model.spec(), options, {.few_rows = FewRows::kDot});
  const auto tokens = some_tokens(40, 6, model.spec().vocab);
  EXPECT_LE(relative_error(model.spec(), tokens, logits(*backend, tokens, {1})), 1e-3);
}

// Many rows too, where the weights of a step's products are not all of one kind.
TEST_F(GpuBackendTest, DotProductsOfManyRowsMatchTheReferenceModel) {
  TinyModelOptions shape = ragged_options();
  shape.biases = true;
  for (const TensorType v_type : {TensorType::kQ8_0, TensorType::kF16}) {
    SCOPED_TRACE(formats::info(v_type).name);
    shape.v_type = v_type;
    const TinyModel model(shape);
    const auto tokens = some_tokens(101, 8, model.spec().vocab);
    const auto backend = make(model.spec(), test_options(), {FewRows::kPlain, ManyRows::kDot});
    EXPECT_LE(relative_error(model.spec(), tokens, logits(*backend, tokens, {9, 65, 27})), 1e-3);
  }
}

// With the kernels for matrix units, which this device may not have: their activations and weights
// are rounded to f16.
TEST_F(GpuBackendTest, MatricesMatchTheReferenceModel) {
  for (const TensorType type : {TensorType::kQ4_1, TensorType::kF16}) {
    SCOPED_TRACE(formats::info(type).name);
    TinyModelOptions shape = ragged_options();
    shape.type = type;
    shape.vocab = 332;  // a multiple of 4
    const TinyModel model(shape);
    const auto tokens = some_tokens(101, 8, model.spec().vocab);
    for (const ManyRows rows : {ManyRows::kStandIn, ManyRows::kFastest}) {
      const auto backend = make(model.spec(), test_options(), {FewRows::kPlain, rows});
      EXPECT_LE(relative_error(model.spec(), tokens, logits(*backend, tokens, {9, 65, 27})), 2e-3);
    }
  }
}

TEST_F(GpuBackendTest, DotProductsOfABatchAnswerAsAlone) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec(), test_options(), {FewRows::kDot, ManyRows::kPlain});
  const auto tokens = some_tokens(41, 7, model.spec().vocab);
  const auto one_by_one = logits(*backend, tokens, {1});
  EXPECT_LE(relative_error(model.spec(), tokens, one_by_one), 1e-3);
  EXPECT_LE(distance(logits(*backend, tokens, {8, 2, 3}), one_by_one), 1e-3);
}

TEST_F(GpuBackendTest, SequencesOfABatchAnswerAsAlone) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec());
  const std::vector<uint32_t> lengths = {33, 1, 20, 58};
  std::vector<std::vector<Token>> prompts;
  std::vector<std::vector<uint32_t>> blocks;
  std::vector<std::vector<float>> alone;
  for (uint32_t slot = 0; slot < kTestSequences; ++slot) {
    prompts.push_back(some_tokens(lengths[slot] + 1, slot, model.spec().vocab));
    blocks.push_back(scattered_blocks(slot));
    alone.push_back(logits(*backend, prompts[slot], {lengths[slot], 1}));
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
  const auto first = run(*backend, prefill);
  const auto second = run(*backend, decode);
  EXPECT_TRUE(first[2].logits.empty());
  for (uint32_t slot = 0; slot < kTestSequences; ++slot) {
    const std::span<const float> expected = alone[slot];
    EXPECT_LE(distance(second[slot].logits, expected.last(model.spec().vocab)),
              distance_tolerance())
        << slot;
    if (slot == 2) continue;
    EXPECT_LE(distance(first[slot].logits, expected.first(first[slot].logits.size())),
              distance_tolerance());
  }
}

TEST_F(GpuBackendTest, NothingOfASequenceStaysForTheNextInItsBlocks) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec());
  const auto a = some_tokens(50, 4, model.spec().vocab);
  const auto before = logits(*backend, a, {50});
  EXPECT_NE(logits(*backend, some_tokens(90, 5, model.spec().vocab), {90}), before);
  EXPECT_EQ(logits(*backend, a, {50}), before);
}

TEST_F(GpuBackendTest, OutputsAgreeWithTheLogits) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec());
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
  uint64_t seed = 0;
  for (const uint32_t top_k : {0U, 1U, 7U, 40U, 64U, 65U, 200U, 1000U}) {
    for (const float top_p : {1.0F, 0.95F, 0.5F, 0.0F}) {
      for (const float min_p : {0.0F, 0.05F, 0.5F}) {
        const auto variant = static_cast<float>(++seed % 3);
        const sample::Params params{.temperature = 0.5F + variant,
                                    .top_k = top_k,
                                    .top_p = top_p,
                                    .min_p = min_p,
                                    .frequency_penalty = 0.3F * variant,
                                    .presence_penalty = variant,
                                    .repeat_last_n = -1,
                                    .logit_bias = {{order[3], 1.5F}, {7, -1}, {order[3], 0.5F}}};
        ASSERT_EQ(sample::chooser_for(params, kDrawLimits, kTestContext), sample::Chooser::kDraw);
        sample::Chain chain(params, seed);
        step.draw = chain.draw(tokens);
        EXPECT_EQ(run(*backend, {&step, 1})[0].token, chain.choose(logits, tokens))
            << top_k << " " << top_p << " " << min_p;
      }
    }
  }
}

TEST_F(GpuBackendTest, StepsSubmittedAheadFeedEachOther) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec());
  const auto prompt = some_tokens(9, 7, model.spec().vocab);
  const auto expected = continue_greedily(*backend, prompt, 40, FeedBack::kCaller);
  EXPECT_EQ(continue_greedily(*backend, prompt, 40, FeedBack::kBackend), expected);

  const auto blocks = scattered_blocks(1);
  SequenceStep step{
      .slot = 1, .tokens = prompt, .pos = 0, .blocks = blocks, .output = Output::kGreedy};
  std::vector<Token> tokens;
  uint32_t in_flight = 0;
  for (uint32_t submitted = 0; tokens.size() < expected.size();) {
    if (submitted < expected.size() && in_flight < backend->info().max_in_flight) {
      backend->submit({&step, 1});
      step.pos += step.rows();
      step.tokens = {};
      ++submitted;
      ++in_flight;
    } else {
      auto outputs = backend->collect();
      ASSERT_TRUE(outputs) << outputs.error().message();
      tokens.push_back((*outputs)[0].token);
      --in_flight;
    }
  }
  EXPECT_EQ(tokens, expected);
}

TEST_F(GpuBackendTest, MemoryIsWhatWasAllocated) {
  const TinyModel model(ragged_options());
  Options options = test_options();
  const Memory before = make(model.spec(), options)->info().memory;
  options.kv_blocks *= 2;
  const Memory after = make(model.spec(), options)->info().memory;
  // keys and values, f16, of each layer
  EXPECT_EQ(before.kv, uint64_t{2} * 2 * 2 * 2 * 16 * kTestSequences * kTestContext);
  EXPECT_EQ(after.kv, 2 * before.kv);
  EXPECT_EQ(after.weights, before.weights);
}

TEST_F(GpuBackendTest, RefusesATypeWithoutKernel) {
  const TinyModel model(ragged_options());
  model::ModelSpec spec = model.spec();
  spec.layers[1].ffn_up.tensor.type = TensorType::kQ1_0;
  const auto backend = create(spec);
  ASSERT_FALSE(backend);
  EXPECT_NE(backend.error().message().find("blk.1.ffn_up.weight"), std::string::npos);
  EXPECT_NE(backend.error().message().find("q1_0"), std::string::npos);
}

TEST_F(GpuBackendTest, RefusesOtherKvTypesThanItHas) {
  const TinyModel model(ragged_options());
  Options options = test_options();
  options.kv_types.keys = KvType::kQ8_0;
  const auto backend = create(model.spec(), options);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().message(),
            "The GPU backend keeps keys and values as f16, and was asked for keys as q8_0 and "
            "values as f16.");
}

TEST_F(GpuBackendTest, RefusesAContextThatPositionsDoNotReach) {
  const TinyModel model(ragged_options());
  model::ModelSpec spec = model.spec();
  spec.position_embd = spec.token_embd;
  spec.position_embd->rows = 64;
  const auto backend = create(spec);
  ASSERT_FALSE(backend);
  EXPECT_NE(backend.error().message().find("64 positions"), std::string::npos);
}

TEST_F(GpuBackendTest, ATraceNamesWhatRan) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec());
  ASSERT_TRUE(backend->start_trace(TraceDetail::kKernels));
  (void)logits(*backend, some_tokens(3, 1, model.spec().vocab), {1});
  const Trace trace = backend->take_trace();
  const auto times = kernel_times(trace);
  const auto swiglu = std::ranges::find(times, "swiglu activation_silu", &KernelTime::name);
  ASSERT_NE(swiglu, times.end());
  EXPECT_EQ(swiglu->count, 3 * model.spec().layers.size());
  EXPECT_GT(swiglu->seconds, 0);
  ASSERT_EQ(trace.steps.size(), 3U);
  for (const std::string_view what : {"build", "write", "record", "submit", "wait"}) {
    EXPECT_EQ(std::ranges::count(trace.host, what,
                                 [&](const Span& span) { return trace.names[span.name]; }),
              3)
        << what;
  }
}

// A step begins after it was submitted and after the one before it; its kernels fill it.
TEST_F(GpuBackendTest, ATraceIsOnOneClock) {
  const TinyModel model(ragged_options());
  const auto backend = make(model.spec());
  for (const TraceDetail detail : {TraceDetail::kSteps, TraceDetail::kKernels}) {
    ASSERT_TRUE(backend->start_trace(detail));
    (void)continue_greedily(*backend, some_tokens(9, 7, model.spec().vocab), 20,
                            FeedBack::kBackend);
    const Trace trace = backend->take_trace();
    std::vector<Span> submits;
    std::ranges::copy_if(trace.host, std::back_inserter(submits),
                         [&](const Span& span) { return trace.names[span.name] == "submit"; });
    ASSERT_EQ(trace.steps.size(), submits.size());
    for (size_t i = 0; i < submits.size(); ++i) {
      // The step that began soonest after its submission is put at that very moment.
      EXPECT_GE(trace.steps[i].begin, submits[i].begin - 1e-9);
      EXPECT_GT(trace.steps[i].seconds(), 0);
      if (i > 0) {
        EXPECT_GE(trace.steps[i].begin, trace.steps[i - 1].end);
      }
    }
    EXPECT_EQ(trace.kernels.empty(), detail == TraceDetail::kSteps);
    if (detail == TraceDetail::kSteps) continue;
    EXPECT_LE(seconds_of(trace.kernels), seconds_of(trace.steps) * 1.0001);
    if (kernels::test_device(Features::kAll).device->info().has_timestamps_in_passes) {
      EXPECT_GE(seconds_of(trace.kernels), seconds_of(trace.steps) * 0.95);
    }
  }
}

// FACTS of the default model, made with llama.cpp v0.5.0 from the weights as f32.
// Of `got` from what `base` predicts, the mean over rows of logits.
double divergence(std::span<const float> base, std::span<const float> got, uint32_t vocab) {
  const auto log_sum = [](std::span<const float> row) {
    const double largest = *std::ranges::max_element(row);
    double sum = 0;
    for (const float logit : row) sum += std::exp(logit - largest);
    return largest + std::log(sum);
  };
  double total = 0;
  for (size_t first = 0; first < base.size(); first += vocab) {
    const auto p = base.subspan(first, vocab), q = got.subspan(first, vocab);
    const double p_sum = log_sum(p), q_sum = log_sum(q);
    for (uint32_t i = 0; i < vocab; ++i) {
      total += std::exp(p[i] - p_sum) * ((p[i] - p_sum) - (q[i] - q_sum));
    }
  }
  return total / (static_cast<double>(base.size()) / vocab);
}

TEST_F(GpuBackendTest, DotProductsKeepTheRealModelsPredictions) {
  const char* const path = std::getenv("WEFT_TEST_MODEL");
  if (path == nullptr) GTEST_SKIP() << "WEFT_TEST_MODEL names no model.";
  const auto file = formats::GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message();
  const auto spec = model::spec_from_gguf(*file);
  ASSERT_TRUE(spec) << spec.error().message();
  Options options = test_options();
  options.max_sequences = 1;
  const std::vector<Token> tokens = {504, 3575, 282,  4649, 314, 7042, 30, 198,
                                     198, 504,  2988, 314,  42,  7042, 30, 198};
  const auto base = logits(*make(*spec, options, {.few_rows = FewRows::kPlain}), tokens, {1});
  const Products dots{FewRows::kDot, ManyRows::kDot};
  const auto backend = make(*spec, options, dots);
  for (const uint32_t chunk : {1U, 16U}) {
    EXPECT_LE(divergence(base, logits(*backend, tokens, {chunk}), spec->vocab), 1e-5) << chunk;
  }
}

TEST_F(GpuBackendTest, ContinuesAPromptAsTheRealModelDoes) {
  const char* const path = std::getenv("WEFT_TEST_MODEL");
  if (path == nullptr) GTEST_SKIP() << "WEFT_TEST_MODEL names no model.";
  const auto file = formats::GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message();
  const auto spec = model::spec_from_gguf(*file);
  ASSERT_TRUE(spec) << spec.error().message();
  const auto backend = make(*spec);
  const std::vector<Token> prompt = {504, 3575, 282, 4649, 314};
  const auto tokens = continue_greedily(*backend, prompt, 8, FeedBack::kBackend);
  // " Paris.\n\nThe answer is:"
  EXPECT_EQ(tokens, (std::vector<Token>{7042, 30, 198, 198, 504, 2988, 314, 42}));
}

}  // namespace
}  // namespace weft::backend
