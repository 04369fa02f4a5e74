// Gemma's files as others than llama.cpp's converter write them, and what they leave out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "testing/changed_gguf.h"
#include "testing/family_goldens.h"
#include "testing/reference_model.h"
#include "testing/safetensors_writer.h"

namespace weft::testing {
namespace {

using model::GgufImage;
using model::ModelSpec;
using nlohmann::json;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The sliding windows of the layers after `change` of a GGUF file.
template <class Change>
std::vector<uint32_t> windows_of(const std::string& family, Change change) {
  std::vector<uint32_t> windows;
  look_at_changed(family, change, [&](const Result<ModelSpec>& spec) {
    ASSERT_TRUE(spec.has_value()) << spec.error().message();
    for (const auto& layer : spec->layers) windows.push_back(layer.attention.window);
  });
  return windows;
}

formats::GgufEntry flags(std::string_view key, std::span<const std::byte> values) {
  return {key,
          {.type = formats::GgufType::kArray,
           .element_type = formats::GgufType::kBool,
           .count = values.size(),
           .bytes = values}};
}

TEST(Gemma3, LayersSlideAsThePatternSays) {
  constexpr std::string_view kKey = "gemma3.attention.sliding_window_pattern";
  const auto with_period = [&](uint32_t period) {
    return windows_of("gemma3", [&](GgufImage& image) { image.metadata.set(kKey, period); });
  };
  const std::vector<uint32_t> usual = windows_of("gemma3", [](GgufImage&) {});
  const uint32_t window = usual.front();
  ASSERT_GT(window, 0U);
  EXPECT_EQ(with_period(6), usual);
  EXPECT_THAT(with_period(0), Each(window));
  EXPECT_THAT(with_period(1), Each(0U));
  EXPECT_EQ(with_period(2)[1], 0U);

  std::vector<std::byte> values(usual.size(), std::byte{0});
  values[1] = std::byte{1};
  const std::vector<uint32_t> listed =
      windows_of("gemma3", [&](GgufImage& image) { image.metadata.set(flags(kKey, values)); });
  EXPECT_EQ(listed[0], 0U);
  EXPECT_EQ(listed[1], window);
  values.pop_back();
  EXPECT_THAT(error_of_changed("gemma3",
                               [&](GgufImage& image) { image.metadata.set(flags(kKey, values)); }),
              HasSubstr("'gemma3.attention.sliding_window_pattern' has"));
}

TEST(Gemma3, OllamasNamesOfTheBasesMeanTheSame) {
  const auto rope_after = [](auto change) {
    std::vector<std::vector<float>> ropes;
    look_at_changed("gemma3", change, [&](const Result<ModelSpec>& spec) {
      ASSERT_TRUE(spec.has_value()) << spec.error().message();
      for (const auto& layer : spec->layers) ropes.push_back(layer.attention.rope.inv_freq);
    });
    return ropes;
  };
  const auto renamed = [](GgufImage& image) {
    image.metadata.erase("gemma3.rope.freq_base");
    image.metadata.erase("gemma3.rope.freq_base_swa");
    image.metadata.set("gemma3.rope.global.freq_base", 100000.0F);  // as make_models.py has them
    image.metadata.set("gemma3.rope.local.freq_base", 1000.0F);
    image.metadata.set("gemma3.mm.tokens_per_image", 256U);
  };
  EXPECT_EQ(rope_after(renamed), rope_after([](GgufImage&) {}));
}

TEST(Gemma2, TheFirstFilesLackCapsAndWindow) {
  look_at_changed(
      "gemma2",
      [](GgufImage& image) {
        for (const char* key : {"gemma2.attn_logit_softcapping", "gemma2.final_logit_softcapping",
                                "gemma2.attention.sliding_window"}) {
          image.metadata.erase(key);
        }
        image.metadata.set("gemma2.context_length", 8192U);
      },
      [](const Result<ModelSpec>& spec) {
        ASSERT_TRUE(spec.has_value()) << spec.error().message();
        EXPECT_EQ(spec->logit_softcap, 30);
        EXPECT_EQ(spec->layers[0].attention.softcap, 50);
        EXPECT_EQ(spec->layers[0].attention.window, 4096U);
        EXPECT_EQ(spec->layers[1].attention.window, 0U);
      });
}

// Gemma 3 of 4B and more: the same network in a model that sees images too. `text` are its fields
// in config.json.
Result<model::HfFolder> folder_with_eyes(const json& text) {
  const auto path = source_path("testing/models/gemma3");
  const std::string file = *read_text_file(path / "model.safetensors");
  uint64_t size = 0;
  file.copy(reinterpret_cast<char*>(&size), sizeof(size));
  const json own = json::parse(file.substr(sizeof(size), size));
  const auto data = std::as_bytes(std::span(file)).subspan(sizeof(size) + size);
  std::vector<std::byte> bytes(data.begin(), data.end());
  json header;
  for (const auto& [name, tensor] : own.items()) {
    header[name == "__metadata__" ? name : "language_model." + name] = tensor;
  }
  for (const char* eye : {"vision_tower.vision_model.post_layernorm.weight",
                          "multi_modal_projector.mm_soft_emb_norm.weight"}) {
    header[eye] = {
        {"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {bytes.size(), bytes.size() + 4}}};
    bytes.resize(bytes.size() + 4);
  }
  const json config = {{"architectures", {"Gemma3ForConditionalGeneration"}},
                       {"model_type", "gemma3"},
                       {"mm_tokens_per_image", 256},
                       {"boi_token_index", 1},
                       {"eoi_token_index", 2},
                       {"image_token_index", 3},
                       {"vision_config", {{"hidden_size", 4}}},
                       {"text_config", text}};
  static std::vector<std::vector<std::byte>> kept;  // folders are views
  kept.push_back(safetensors_bytes(header.dump(), bytes));
  WEFT_ASSIGN(auto weights, formats::SafetensorsFile::parse(kept.back(), "eyes"));
  return model::HfFolder::parse(config.dump(), formats::SafetensorsFolder::of(std::move(weights)));
}

json text_fields() {
  json fields = json::parse(*read_text_file(source_path("testing/models/gemma3/config.json")));
  fields.erase("architectures");
  return fields;
}

TEST(Gemma3, OfAModelThatSeesImagesTheTextPartIsRead) {
  const auto folder = folder_with_eyes(text_fields());
  ASSERT_TRUE(folder.has_value()) << folder.error().message();
  const auto spec = model::spec_from_folder(*folder);
  ASSERT_TRUE(spec.has_value()) << spec.error().message();
  const GoldenPrompt prompt = golden_prompts("gemma3").front();
  std::vector<float> logits;
  for (const auto& row : reference_logits(*spec, prompt.tokens)) {
    for (const double logit : row) logits.push_back(static_cast<float>(logit));
  }
  EXPECT_LT(golden_difference(logits, prompt), 1e-5);
}

TEST(Gemma3, ATextPartThatSaysLittleIsAsPublished) {
  json fields = text_fields();
  fields.erase("head_dim");
  const auto folder = folder_with_eyes(fields);
  EXPECT_THAT(model::spec_from_folder(*folder).error().message(),
              HasSubstr("the header implies [256]"));
  for (const char* field : {"rms_norm_eps", "max_position_embeddings", "hidden_activation"}) {
    fields = text_fields();
    fields.erase(field);
    const auto with_default = folder_with_eyes(fields);
    const auto spec = model::spec_from_folder(*with_default);
    ASSERT_TRUE(spec.has_value()) << spec.error().message();
    EXPECT_EQ(spec->norm_eps, 1e-6F);
    EXPECT_EQ(spec->layers[0].mlp.activation, model::Activation::kGeluTanh);
  }
}

}  // namespace
}  // namespace weft::testing
