#include "model/quantize_recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "testing/source_path.h"

namespace weft::model {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// The letters of make_mixtures.py for the tensor `name` of each layer.
std::string chosen(const QuantizeType& type, const json& model, const json& letters,
                   const std::string& name, bool in_layer) {
  const MixtureModel mixture{.architecture = model.at("architecture"),
                             .n_layers = model.at("layers"),
                             .n_heads = model.at("heads"),
                             .n_kv_heads = model.at("kv_heads"),
                             .n_experts = model.at("experts"),
                             .tied = model.at("tied")};
  std::string out;
  for (uint32_t layer = 0; layer < (in_layer ? mixture.n_layers : 1); ++layer) {
    const formats::GgufTensorInfo tensor{
        .name = in_layer ? fmt::format("blk.{}.{}", layer, name) : name,
        .type = formats::TensorType::kF32,
        .dims = model.at("dims").at(name)};
    const auto to = is_quantizable(tensor) ? mixed_type(type, mixture, tensor) : tensor.type;
    for (const auto& [letter, type_name] : letters.items()) {
      if (type_name == formats::info(to).name) out += letter;
    }
  }
  return out;
}

// testdata/mixtures.json is what llama.cpp chose.
TEST(QuantizeRecipe, ChoosesTheTypesOfLlamaCpp) {
  const auto text = read_text_file(testing::source_path("model/testdata/mixtures.json"));
  ASSERT_TRUE(text.has_value()) << text.error().message();
  const json golden = json::parse(*text);
  int compared = 0;
  for (const json& model : golden.at("models")) {
    for (const auto& [type_name, tensors] : model.at("types").items()) {
      const auto type = find_quantize_type(type_name);
      ASSERT_TRUE(type.has_value()) << type.error().message();
      for (const auto& [name, types] : tensors.items()) {
        const bool in_layer = name.starts_with("attn") || name.starts_with("ffn");
        EXPECT_EQ(chosen(*type, model, golden.at("letters"), name, in_layer), types)
            << type_name << ", " << model.at("architecture") << " with " << model.at("layers")
            << " layers, " << name;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 700);
}

TEST(QuantizeRecipe, NamesAreFoundInAnyCase) {
  EXPECT_EQ(find_quantize_type("q4_k_m")->name, "Q4_K_M");
  EXPECT_EQ(find_quantize_type("q4_k")->name, "Q4_K_M");
  EXPECT_EQ(find_quantize_type("Q6_K")->type, formats::TensorType::kQ6_K);
  EXPECT_THAT(find_quantize_type("q4").error().message(), HasSubstr("There is no type 'q4'"));
}

TEST(QuantizeRecipe, PureTypesFallBackWhereRowsAreNoWholeBlocks) {
  const auto type = *find_quantize_type("Q4_K_M");
  const auto pure = [&](uint64_t cols) {
    return pure_type(type, {.name = "output.weight", .type = {}, .dims = {cols, 2}});
  };
  EXPECT_EQ(pure(512), formats::TensorType::kQ4_K);
  EXPECT_EQ(pure(96), formats::TensorType::kQ5_0);
  EXPECT_EQ(pure(100), formats::TensorType::kF16);
}

}  // namespace
}  // namespace weft::model
