// A request is answered alike whatever ran before it, runs beside it or was cancelled, on the
// backends that compute: no state of another request, slot or block shows in its tokens.
#include <array>
#include <cstdlib>
#include <future>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/model.h"
#include "engine/testing/ask.h"
#include "gpu/adapter.h"
#include "testing/source_path.h"
#include "testing/tiny_model.h"

namespace weft::engine {
namespace {

// One of each way in which a token is chosen: the most likely, from few, from all, edited, and by
// the host.
const std::array<sample::Params, 5> kSamplings = {{
    {.temperature = 0},
    {.temperature = 0.8F, .top_k = 0, .seed = 5},
    {.temperature = 0.8F, .top_k = 0, .typical_p = 0.9F, .seed = 6},
    {.temperature = 0.8F, .seed = 7},
    {.temperature = 0.8F, .repeat_penalty = 1.3F, .seed = 8},
}};

struct Case {
  const char* name;
  const char* device;
  bool recurrent;
};

// Which kernels a GPU runs. The fastest ones for a step of one row and for steps of more add up in
// another order, so that a sampled token may be another one; the plain ones do not.
enum class Kernels : uint8_t { kFastest, kPlain };

class Isolation : public ::testing::TestWithParam<Case> {
 protected:
  void TearDown() override { unsetenv(kWithout); }

  // Skips the test where there is no such device.
  void load(Kernels kernels) {
    if (kernels == Kernels::kPlain) {
      setenv(kWithout, "matrix-units,packed-dots,f16,subgroups", 1);
    }
    const auto adapters = gpu::list_adapters();
    if (std::string_view(GetParam().device) == "gpu" && (!adapters || adapters->empty())) {
      GTEST_SKIP() << "no GPU adapter";
    }
    auto loaded = LoadedModel::load(
        {.path = GetParam().recurrent ? testing::source_path("testing/models/qwen35/model.gguf")
                                      : tiny_.path(),
         .device = GetParam().device,
         .context = 256,
         .batch = 48,
         .max_sequences = 3},
        {});
    ASSERT_TRUE(loaded) << loaded.error().message();
    model_ = std::move(*loaded);
    engine_ = std::make_unique<Engine>(model_->backend(), nullptr, EngineOptions{});
  }

  // Prompts of the same seed are equal, of others differ from the second block on.
  [[nodiscard]] static Request request_of(const sample::Params& sampling, Token seed) {
    Request request = {.sampling = sampling, .max_tokens = 40};
    for (Token token = 0; token < 70; ++token) request.prompt.push_back(token * 3 % 96);
    request.prompt[40] = seed;
    return request;
  }

  std::vector<Token> answer_to(const Request& request) {
    return ask(*engine_, request).get().tokens;
  }

  // Starts it, and cancels it when `n` tokens were generated; until then the engine waits.
  void cancel_after(uint32_t n, Request request) {
    std::promise<void> reached;
    std::promise<void> cancelled;
    request.max_tokens.reset();
    request.on_token = [&, n, seen = 0U](const TokenEvent&) mutable {
      if (++seen != n) return;
      reached.set_value();
      cancelled.get_future().wait();
    };
    Asked asked = ask(*engine_, request);
    reached.get_future().wait();
    engine_->cancel(asked.id);
    cancelled.set_value();
    EXPECT_EQ(asked.get().finish.reason, FinishReason::kCancel);
  }

 private:
  static constexpr const char* kWithout = "WEFT_GPU_WITHOUT";

  const testing::TinyModel tiny_;
  std::unique_ptr<LoadedModel> model_;

 protected:
  std::unique_ptr<Engine> engine_;  // goes before the model
};

TEST_P(Isolation, WhatCameBetweenChangesNothing) {
  load(Kernels::kFastest);
  if (IsSkipped() || HasFatalFailure()) return;
  for (const sample::Params& sampling : kSamplings) {
    const Request a = request_of(sampling, 1);
    const std::vector<Token> first = answer_to(a);
    EXPECT_EQ(first.size(), 40U);
    EXPECT_NE(answer_to(request_of(sampling, 2)), first);
    EXPECT_EQ(answer_to(a), first);
  }
}

TEST_P(Isolation, WhatRunsBesideChangesNothing) {
  load(Kernels::kPlain);
  if (IsSkipped() || HasFatalFailure()) return;
  for (const sample::Params& sampling : kSamplings) {
    const Request a = request_of(sampling, 1);
    const Request b = request_of(sampling, 2);
    const std::vector<Token> a_alone = answer_to(a);
    const std::vector<Token> b_alone = answer_to(b);
    Asked together[] = {ask(*engine_, a), ask(*engine_, b), ask(*engine_, a)};
    EXPECT_EQ(together[0].get().tokens, a_alone);
    EXPECT_EQ(together[1].get().tokens, b_alone);
    EXPECT_EQ(together[2].get().tokens, a_alone);
  }
}

TEST_P(Isolation, WhatWasCancelledChangesNothing) {
  load(Kernels::kPlain);
  if (IsSkipped() || HasFatalFailure()) return;
  for (const sample::Params& sampling : kSamplings) {
    const Request a = request_of(sampling, 1);
    const std::vector<Token> first = answer_to(a);
    cancel_after(5, request_of(sampling, 2));  // in the slot and the blocks that come next
    EXPECT_EQ(answer_to(a), first);
    cancel_after(33, a);  // its own blocks, given back half used
    EXPECT_EQ(answer_to(a), first);
    Asked beside = ask(*engine_, a);
    cancel_after(3, request_of(sampling, 3));
    EXPECT_EQ(beside.get().tokens, first);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Isolation,
                         ::testing::Values(Case{"cpu", "cpu", false}, Case{"gpu", "gpu", false},
                                           Case{"cpu_recurrent", "cpu", true},
                                           Case{"gpu_recurrent", "gpu", true}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace weft::engine
