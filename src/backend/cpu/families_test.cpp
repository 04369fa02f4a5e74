// The CPU backend gives the logits of Transformers for every family: a prompt at once, token by
// token, and among others.
#include <gtest/gtest.h>

#include "backend/cpu/cpu_backend.h"
#include "testing/backend_runs.h"
#include "testing/family_goldens.h"

namespace weft::backend {
namespace {

using testing::FamilyModel;
using testing::golden_difference;
using testing::GoldenPrompt;

class CpuFamilies : public ::testing::TestWithParam<std::string> {};

std::unique_ptr<Backend> make_backend(const model::ModelSpec& spec) {
  Options options = testing::test_options();
  options.max_context = spec.context;
  options.threads = 2;
  auto backend = create_cpu_backend(spec, options);
  if (!backend) throw std::runtime_error(backend.error().message());
  return std::move(*backend);
}

constexpr double kTolerance = 2e-4;
// Transformers keeps keys and values in f32, and backends in binary16, rounded by up to 2^-11.
constexpr double kHalfTolerance = 3e-3;

TEST_P(CpuFamilies, AgreeWithTransformers) {
  const FamilyModel model(GetParam());
  for (const model::ModelSpec* spec : {&model.from_folder(), &model.from_gguf()}) {
    const auto backend = make_backend(*spec);
    for (const GoldenPrompt& prompt : testing::golden_prompts(GetParam())) {
      SCOPED_TRACE(prompt.tokens.size());
      const auto n = static_cast<uint32_t>(prompt.tokens.size());
      const auto at_once = testing::all_logits(*backend, prompt.tokens, {n});
      EXPECT_LT(testing::largest_error(*spec, prompt.tokens, at_once), kTolerance);
      EXPECT_LT(golden_difference(at_once, prompt), kHalfTolerance);
      EXPECT_EQ(testing::all_logits(*backend, prompt.tokens, {1}, 1), at_once);
      EXPECT_EQ(testing::all_logits(*backend, prompt.tokens, {3, 2}, 2), at_once);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CpuFamilies, ::testing::ValuesIn(testing::family_names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(CpuFamilies, PositionsEndWithTheirTable) {
  const FamilyModel model("gpt2");
  const auto backend = create_cpu_backend(model.from_gguf(), testing::test_options());
  ASSERT_FALSE(backend);
  EXPECT_NE(backend.error().message().find("64 positions"), std::string::npos);
}

}  // namespace
}  // namespace weft::backend
