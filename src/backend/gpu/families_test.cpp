// The GPU column of docs/models.md is what the GPU backend does: "yes" where its logits are those
// of Transformers, else the words with which it refuses.
#include <algorithm>

#include <gtest/gtest.h>

#include "backend/gpu/gpu_backend.h"
#include "base/file.h"
#include "kernels/testing/test_device.h"
#include "testing/backend_runs.h"
#include "testing/family_goldens.h"
#include "testing/source_path.h"

namespace weft::backend {
namespace {

using testing::FamilyModel;
using testing::GoldenPrompt;

class GpuFamilies : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const kernels::TestDevice opened = kernels::test_device(kernels::Features::kAll);
    if (opened.device == nullptr) GTEST_SKIP() << opened.missing;
  }
};

// The last cell of the row of docs/models.md that begins with the model's name.
std::string gpu_column(const std::string& family) {
  const std::string text = *read_text_file(testing::source_path("../docs/models.md"));
  const size_t row = text.find("\n| `" + family + "`");
  if (row == std::string::npos) return "";
  const size_t end = text.find(" |\n", row);
  const size_t begin = text.rfind("| ", end - 1) + 2;
  return text.substr(begin, end - begin);
}

// Of the reference model, which rounds keys and values as backends do.
constexpr double kTolerance = 2e-4;
// Transformers keeps them in f32, and backends in binary16, rounded by up to 2^-11.
constexpr double kHalfTolerance = 3e-3;

TEST_P(GpuFamilies, DoWhatTheTableSays) {
  const FamilyModel model(GetParam());
  const std::string column = gpu_column(GetParam());
  Options options = testing::test_options();
  options.max_context = model.from_gguf().context;
  for (const model::ModelSpec* spec : {&model.from_folder(), &model.from_gguf()}) {
    const auto backend =
        create_gpu_backend(*spec, options, kernels::test_device(kernels::Features::kAll).device, {},
                           {.many_rows = ManyRows::kPlain});
    if (column != "yes") {
      ASSERT_FALSE(backend) << "though the table says: " << column;
      EXPECT_NE(backend.error().message().find(column), std::string::npos)
          << backend.error().message();
      continue;
    }
    ASSERT_TRUE(backend) << backend.error().message();
    for (const GoldenPrompt& prompt : testing::golden_prompts(GetParam())) {
      SCOPED_TRACE(prompt.tokens.size());
      const auto n = static_cast<uint32_t>(prompt.tokens.size());
      for (const uint32_t chunk : {n, 1U}) {
        const auto logits = testing::all_logits(**backend, prompt.tokens, {chunk});
        EXPECT_LT(testing::largest_error(*spec, prompt.tokens, logits), kTolerance);
        EXPECT_LT(testing::golden_difference(logits, prompt), kHalfTolerance);
      }
    }
  }
}

// Where a CPU stands in for a GPU, other products than a GPU's are the fastest ones.
TEST_P(GpuFamilies, MixturesAgreeByPackedDotProducts) {
  const FamilyModel model(GetParam());
  const model::ModelSpec& spec = model.from_gguf();
  if (!std::ranges::any_of(spec.layers, [](const auto& l) { return l.mlp.mixture.has_value(); })) {
    return;
  }
  Options options = testing::test_options();
  options.max_context = spec.context;
  const auto backend =
      create_gpu_backend(spec, options, kernels::test_device(kernels::Features::kAll).device, {},
                         {.few_rows = FewRows::kDot});
  ASSERT_TRUE(backend) << backend.error().message();
  for (const GoldenPrompt& prompt : testing::golden_prompts(GetParam())) {
    SCOPED_TRACE(prompt.tokens.size());
    const auto logits = testing::all_logits(**backend, prompt.tokens, {1, 3});
    EXPECT_LT(testing::golden_difference(logits, prompt), kHalfTolerance);
  }
}

// They multiply in binary16, which a recurrent network of random weights makes more of: where two
// tokens are nearly as likely, either may be the most likely one.
TEST_P(GpuFamilies, OnMatrixUnitsAreNear) {
  const FamilyModel model(GetParam());
  if (gpu_column(GetParam()) != "yes") GTEST_SKIP() << "not on the GPU";
  Options options = testing::test_options();
  options.max_context = model.from_gguf().context;
  for (const ManyRows rows : {ManyRows::kStandIn, ManyRows::kFastest}) {
    const auto backend = create_gpu_backend(model.from_gguf(), options,
                                            kernels::test_device(kernels::Features::kAll).device,
                                            {}, {.many_rows = rows});
    ASSERT_TRUE(backend) << backend.error().message();
    for (const GoldenPrompt& prompt : testing::golden_prompts(GetParam())) {
      SCOPED_TRACE(prompt.tokens.size());
      const auto logits = testing::all_logits(**backend, prompt.tokens,
                                              {static_cast<uint32_t>(prompt.tokens.size())});
      EXPECT_LT(testing::largest_difference(logits, prompt), 1.5e-2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GpuFamilies, ::testing::ValuesIn(testing::family_names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace weft::backend
