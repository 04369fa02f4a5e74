// What Llama 4's folders may say of their layers, what holds where they say nothing, and what is
// refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "model/load.h"
#include "testing/source_path.h"

namespace weft::testing {
namespace {

using model::Attention;
using model::QkNorm;
using nlohmann::json;
using ::testing::HasSubstr;

// Reads the model after `change` of its configuration.
template <class Change>
Result<model::ModelSpec> read_with(Change change) {
  const auto path = source_path("testing/models/llama4");
  json config = json::parse(*read_text_file(path / "config.json"));
  change(config);
  WEFT_ASSIGN(auto weights, formats::SafetensorsFolder::open(path));
  WEFT_ASSIGN(const model::HfFolder folder,
              model::HfFolder::parse(config.dump(), std::move(weights)));
  return model::spec_from_folder(folder);
}

// Of the layer `index`.
template <class Change>
Attention attention_with(size_t index, Change change) {
  const auto spec = read_with(change);
  EXPECT_TRUE(spec.has_value()) << spec.error().message();
  return spec ? spec->layers[index].attention : Attention{};
}

template <class Change>
std::string error_with(Change change) {
  const auto spec = read_with(change);
  return spec ? "no error" : spec.error().message();
}

TEST(Llama4, WhatIsNotSaidIsAsInThePublishedModels) {
  const auto say_nothing = [](json& config) {
    config["max_position_embeddings"] = 20000;
    config["no_rope_layers"] = json::array();
    for (const char* field : {"attention_chunk_size", "floor_scale", "attn_scale", "layer_types",
                              "use_qk_norm", "no_rope_layer_interval", "attn_temperature_tuning"}) {
      config.erase(field);
    }
  };
  const Attention near = attention_with(2, say_nothing);
  EXPECT_TRUE(near.chunked);
  EXPECT_EQ(near.window, 8192U);
  EXPECT_EQ(near.qk_norm, QkNorm::kHead);
  EXPECT_EQ(near.rope.dims, near.head_dim);
  EXPECT_EQ(near.temperature.scale, 0);
  const Attention far = attention_with(3, say_nothing);
  EXPECT_FALSE(far.chunked);
  EXPECT_EQ(far.window, 0U);
  EXPECT_EQ(far.qk_norm, QkNorm::kNone);
  EXPECT_EQ(far.rope.dims, 0U);
  EXPECT_EQ(far.temperature.scale, 0.1F);
  EXPECT_EQ(far.temperature.length, 8192U);
}

TEST(Llama4, FieldsChangeWhatTheySay) {
  EXPECT_EQ(attention_with(0, [](json& c) { c["use_qk_norm"] = false; }).qk_norm, QkNorm::kNone);
  EXPECT_EQ(
      attention_with(3, [](json& c) { c["attn_temperature_tuning"] = false; }).temperature.scale,
      0);
  EXPECT_EQ(attention_with(0, [](json& c) { c["no_rope_layers"] = {0, 1, 1, 1}; }).rope.dims, 0U);
  EXPECT_FALSE(attention_with(0, [](json& c) { c["layer_types"][0] = "full_attention"; }).chunked);
  EXPECT_FALSE(attention_with(0, [](json& c) { c["attention_chunk_size"] = 64; }).chunked);
  const auto every_second = [](json& c) {
    c.erase("no_rope_layers");
    c["no_rope_layer_interval"] = 2;
  };
  EXPECT_EQ(attention_with(1, every_second).rope.dims, 0U);
}

TEST(Llama4, AlteredFieldsAreNamed) {
  EXPECT_THAT(error_with([](json& c) { c["layer_types"][1] = "sliding_attention"; }),
              HasSubstr("Layer 1 is of the type 'sliding_attention'"));
  EXPECT_THAT(error_with([](json& c) { c["attention_chunk_size"] = 0; }),
              HasSubstr("'attention_chunk_size' of 'config.json' is 0"));
  EXPECT_THAT(error_with([](json& c) { c["floor_scale"] = -1; }),
              HasSubstr("'floor_scale' of 'config.json' is"));
  EXPECT_THAT(error_with([](json& c) { c["no_rope_layers"] = {1, 1}; }),
              HasSubstr("'no_rope_layers' of 'config.json' has no number for layer 2"));
  EXPECT_THAT(error_with([](json& c) {
                c.erase("no_rope_layers");
                c["no_rope_layer_interval"] = 0;
              }),
              HasSubstr("'no_rope_layer_interval' of 'config.json' is '0'"));
  EXPECT_THAT(error_with([](json& c) { c["intermediate_size_mlp"] = 41; }),
              HasSubstr("feed_forward.gate_proj.weight"));
  EXPECT_THAT(error_with([](json& c) { c["rope_parameters"]["partial_rotary_factor"] = 0.5; }),
              HasSubstr("Layer 0 turns 6 of 12 elements of a head"));
}

}  // namespace
}  // namespace weft::testing
