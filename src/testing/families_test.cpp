// Every family's tiny model, read from both kinds of file, gives the logits that Transformers gave.
#include <gtest/gtest.h>

#include "model/features.h"
#include "testing/family_goldens.h"
#include "testing/reference_model.h"

namespace weft::testing {
namespace {

class Families : public ::testing::TestWithParam<std::string> {};

double worst_difference(const model::ModelSpec& spec, const GoldenPrompt& prompt) {
  std::vector<float> logits;
  for (const auto& row : reference_logits(spec, prompt.tokens)) {
    for (const double logit : row) logits.push_back(static_cast<float>(logit));
  }
  return golden_difference(logits, prompt);
}

TEST_P(Families, ReferenceModelAgreesWithTransformers) {
  const FamilyModel model(GetParam());
  for (const GoldenPrompt& prompt : golden_prompts(GetParam())) {
    SCOPED_TRACE(prompt.tokens.size());
    EXPECT_LT(worst_difference(model.from_folder(), prompt), 1e-5);
    EXPECT_LT(worst_difference(model.from_gguf(), prompt), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::ValuesIn(family_names()), [](const auto& test) {
  std::string name = test.param;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace weft::testing
