// From a file's RoPE parameters to the table of a Rope: bases and scalings.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "model/source.h"
#include "model/spec.h"

namespace weft::model {

struct RopeRecipe {
  RopePairs pairs;
  uint32_t head_dim;
  float default_base = 10000;  // where the file names none
  float default_part = 1;      // of head_dim that is rotated, where the file does not say
  bool yarn_truncates = true;  // whether whole numbers bound YaRN's ramp, likewise
  std::string_view base_key = "rope.freq_base";
  // The entry of a config.json whose 'rope_parameters' differ from layer to layer.
  std::string_view layer_type = "full_attention";
};

// The object with a config.json's RoPE parameters: 'rope_parameters' since Transformers 5, before
// it 'rope_scaling' beside a few fields of their own. Null where there is none.
[[nodiscard]] const nlohmann::json* rope_parameters(const nlohmann::json& config,
                                                    std::string_view layer_type);

// Scalings known: none, linear, llama3 (in GGUF files the tensor rope_freqs.weight), yarn,
// longrope, dynamic. Another is an error that names it. Of longrope and dynamic the frequencies for
// texts within the model's context are taken.
[[nodiscard]] Result<Rope> read_rope(Source& source, const RopeRecipe& recipe);

// The same layer's RoPE without any scaling.
[[nodiscard]] Result<Rope> unscaled_rope(Source& source, const RopeRecipe& recipe);

}  // namespace weft::model
