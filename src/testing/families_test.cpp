// Every family's tiny model, read from both kinds of file, gives the logits that Transformers gave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "model/load.h"
#include "testing/family_goldens.h"
#include "testing/reference_model.h"
#include "testing/safetensors_writer.h"
#include "testing/source_path.h"
#include "testing/temporary_folder.h"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;

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

// The part of a configuration that has the network's fields.
nlohmann::json& text_part(nlohmann::json& config) {
  return config.contains("text_config") ? config["text_config"] : config;
}

// What loading the family's folder says after `change` of its configuration.
template <class Change>
std::string error_after(const std::string& family, Change change) {
  const std::filesystem::path from = source_path("testing/models") / family;
  const TemporaryFolder folder;
  std::filesystem::copy_file(from / "model.safetensors", folder.path() / "model.safetensors");
  nlohmann::json config = nlohmann::json::parse(*read_text_file(from / "config.json"));
  change(config);
  const std::string text = config.dump();
  EXPECT_TRUE(
      write_file(folder.path() / "config.json", std::as_bytes(std::span(text))).has_value());
  const auto opened = model::HfFolder::open(folder.path());
  const auto spec = model::spec_from_folder(*opened);
  return spec ? "no error" : spec.error().message();
}

TEST_P(Families, AlteredFieldsAreNamed) {
  const auto with = [](const char* field, const auto& value) {
    return error_after(GetParam(),
                       [&](nlohmann::json& config) { text_part(config)[field] = value; });
  };
  EXPECT_EQ(error_after(GetParam(), [](nlohmann::json&) {}), "no error");
  EXPECT_THAT(with("vocab_size", 97), HasSubstr("Field 'vocab_size' of 'config.json' is 97"));
  EXPECT_THAT(with("router_jitter", 1), HasSubstr("Field 'router_jitter' of 'config.json' is not"));
  EXPECT_THAT(
      error_after(GetParam(),
                  [](nlohmann::json& config) { config["architectures"] = std::vector{"Unknown"}; }),
      HasSubstr("Architecture 'Unknown'"));
  EXPECT_THAT(error_after(GetParam(),
                          [](nlohmann::json& whole) {
                            nlohmann::json& config = text_part(whole);
                            for (const char* field : {"num_hidden_layers", "n_layer"}) {
                              if (config.contains(field)) config[field] = 9;
                            }
                            config.erase("layer_types");
                          }),
              HasSubstr("is missing"));
  EXPECT_THAT(error_after(GetParam(),
                          [](nlohmann::json& whole) {
                            nlohmann::json& config = text_part(whole);
                            for (const char* field : {"hidden_act", "hidden_activation",
                                                      "activation", "activation_function"}) {
                              if (config.contains(field)) config[field] = "relu9";
                            }
                          }),
              HasSubstr("is 'relu9'"));
}

// Fields that published files have, and no network.
TEST(FolderFields, ThatChangeNothingAreRead) {
  const auto with = [](const char* family, const char* field, const nlohmann::json& value) {
    return error_after(family, [&](nlohmann::json& config) { config[field] = value; });
  };
  for (const char* field : {"auto_map", "tokenizer_class", "do_sample", "temperature", "max_length",
                            "task_specific_params", "unsloth_version", "gradient_checkpointing",
                            "hidden_dropout_prob", "is_decoder", "_attn_implementation"}) {
    EXPECT_EQ(with("llama", field, 1), "no error") << field;
  }
  EXPECT_EQ(with("starcoder2", "norm_type", "layer_norm"), "no error");
  EXPECT_THAT(with("starcoder2", "norm_type", "rms_norm"),
              HasSubstr("Field 'norm_type' of 'config.json' is '\"rms_norm\"', and only "
                        "\"layer_norm\" is supported"));
  EXPECT_THAT(with("llama", "pruned_heads", {{"1", {0}}}), HasSubstr("'pruned_heads'"));
  EXPECT_THAT(with("granitemoe", "shared_intermediate_size", 8),
              HasSubstr("'shared_intermediate_size'"));
}

// As Transformers makes layer_types, where config.json has none.
TEST(FolderFields, QwensWindowsBeginAtALayer) {
  for (const char* family : {"qwen2", "qwen3"}) {
    const std::filesystem::path from = source_path("testing/models") / family;
    nlohmann::json config = nlohmann::json::parse(*read_text_file(from / "config.json"));
    config.erase("layer_types");
    config.update({{"use_sliding_window", true}, {"sliding_window", 5}, {"max_window_layers", 1}});
    auto weights = formats::SafetensorsFolder::open(from);
    const auto folder = model::HfFolder::parse(config.dump(), std::move(*weights));
    const auto spec = model::spec_from_folder(*folder);
    ASSERT_TRUE(spec.has_value()) << spec.error().message();
    EXPECT_EQ(spec->layers[0].attention.window, 0U) << family;
    EXPECT_EQ(spec->layers[1].attention.window, 5U) << family;
  }
}

// The field of config.json that says how many experts there are; empty where none does.
std::string experts_field(const nlohmann::json& config) {
  for (const char* field : {"num_local_experts", "num_experts"}) {
    if (config.contains(field)) return field;
  }
  return {};
}

nlohmann::json config_of(const std::string& family) {
  return nlohmann::json::parse(
      *read_text_file(source_path("testing/models") / family / "config.json"));
}

std::vector<std::string> mixture_names() {
  std::vector<std::string> names = family_names();
  std::erase_if(names, [](const auto& name) { return experts_field(config_of(name)).empty(); });
  return names;
}

class MixtureFamilies : public Families {};

TEST_P(MixtureFamilies, AlteredFieldsAreNamed) {
  const nlohmann::json config = config_of(GetParam());
  const std::string experts = experts_field(config);
  const auto with = [&](const std::string& field, uint32_t value) {
    return error_after(GetParam(), [&](nlohmann::json& altered) { altered[field] = value; });
  };
  const uint32_t n = config[experts];
  EXPECT_THAT(with(experts, n + 1),
              HasSubstr(fmt::format("'{}' of 'config.json' is {}", experts, n + 1)));
  EXPECT_THAT(with("num_experts_per_tok", n + 1),
              HasSubstr(fmt::format("'num_experts_per_tok' of 'config.json' is {}", n + 1)));
  const bool has_own_width = config.contains("moe_intermediate_size");
  EXPECT_THAT(with(has_own_width ? "moe_intermediate_size" : "intermediate_size", 8),
              HasSubstr("has shape"));
}

TEST_P(Families, AnUnknownRopeScalingIsNamed) {
  if (GetParam() == "gpt2") GTEST_SKIP() << "GPT-2 has no RoPE";
  EXPECT_THAT(error_after(GetParam(),
                          [](nlohmann::json& config) {
                            text_part(config)["rope_parameters"] = {{"rope_type", "spiral"},
                                                                    {"factor", 2.0},
                                                                    {"partial_rotary_factor", 0.5}};
                          }),
              HasSubstr("RoPE scaling 'spiral'"));
  EXPECT_THAT(
      error_after(GetParam(),
                  [](nlohmann::json& config) { text_part(config)["rope_scaling"] = "yarn"; }),
      HasSubstr("Field 'rope_scaling' of 'config.json' is '\"yarn\"'"));
}

// A safetensors file, and the same with another header.
struct Weights {
  explicit Weights(const std::filesystem::path& path) : file(*read_text_file(path)) {
    uint64_t size = 0;
    CHECK(file.size() > sizeof(size));
    file.copy(reinterpret_cast<char*>(&size), sizeof(size));
    header = nlohmann::json::parse(file.substr(sizeof(size), size));
    data = std::as_bytes(std::span(file)).subspan(sizeof(size) + size);
  }
  [[nodiscard]] std::vector<std::byte> with(const nlohmann::json& altered) const {
    return safetensors_bytes(altered.dump(), {data.begin(), data.end()});
  }

  std::string file;
  nlohmann::json header;
  std::span<const std::byte> data;
};

// Of images, or of guessing ahead.
bool is_unread(std::string_view tensor) {
  return std::ranges::any_of(
      std::array{"model.visual.", "vision_model.", "multi_modal_projector.", "mtp."},
      [&](const char* part) { return tensor.starts_with(part); });
}

// Each matrix in turn, lying on its side.
TEST_P(Families, AlteredShapesOfTensorsAreNamed) {
  const std::filesystem::path from = source_path("testing/models") / GetParam();
  const std::string config = *read_text_file(from / "config.json");
  const Weights weights(from / "model.safetensors");
  size_t n_altered = 0;
  for (const auto& [name, tensor] : weights.header.items()) {
    if (name == "__metadata__" || is_unread(name) || tensor["shape"].size() != 2) continue;
    nlohmann::json header = weights.header;
    nlohmann::json& shape = header[name]["shape"];
    if (shape[0] == shape[1]) continue;
    std::swap(shape[0], shape[1]);
    const std::vector<std::byte> bytes = weights.with(header);
    auto file = formats::SafetensorsFile::parse(bytes, "altered");
    ASSERT_TRUE(file.has_value()) << file.error().message();
    const auto folder =
        model::HfFolder::parse(config, formats::SafetensorsFolder::of(std::move(*file)));
    const auto spec = model::spec_from_folder(*folder);
    ASSERT_FALSE(spec.has_value()) << name;
    EXPECT_THAT(spec.error().message(), HasSubstr(name));
    ++n_altered;
  }
  EXPECT_GT(n_altered, 0U);
}

// Nothing is in docs/models.md that no test runs, and nothing is left out.
TEST(FamiliesTable, HasARowForEveryModel) {
  const std::string text = *read_text_file(source_path("../docs/models.md"));
  std::vector<std::string> rows;
  for (size_t at = text.find("\n| `"); at != std::string::npos; at = text.find("\n| `", at + 1)) {
    const size_t first = at + 4;
    rows.push_back(text.substr(first, text.find('`', first) - first));
  }
  std::ranges::sort(rows);
  EXPECT_EQ(rows, family_names());
}

const auto kName = [](const auto& test) {
  std::string name = test.param;
  std::erase(name, '-');
  return name;
};
INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::ValuesIn(family_names()), kName);
INSTANTIATE_TEST_SUITE_P(All, MixtureFamilies, ::testing::ValuesIn(mixture_names()), kName);

}  // namespace
}  // namespace weft::testing
