// What a model needs of a backend beyond the plain Llama network: RMS norms before attention and
// MLP, RoPE over all or a part of each head, a gated SiLU MLP, biases on any matrix product.
#pragma once

#include <set>
#include <span>
#include <string_view>

#include "base/error.h"
#include "model/spec.h"

namespace weft::model {

enum class Feature : uint8_t {
  kLayerNorm,
  kNormBias,
  kNoPreNorm,
  kPostNorm,
  kParallelLayer,
  kHeadQkNorm,
  kWholeQkNorm,
  kAttentionSoftcap,
  kSlidingWindow,
  kChunkedAttention,
  kAttentionTemperature,
  kAttentionSinks,
  kNoRotation,
  kRotationMagnitude,
  kPositionEmbedding,
  kGelu,
  kClampedSwiglu,
  kUngatedMlp,
  kMixture,
  kWeighedExpertInputs,
  kEmbeddingScale,
  kResidualScale,
  kLogitScale,
  kLogitSoftcap,
  kOutputBias,
  kDeltaNet,
  kAttentionGate,
};
[[nodiscard]] std::string_view name(Feature feature);  // "sliding windows", as in "computes no ..."

[[nodiscard]] std::set<Feature> features(const ModelSpec& spec);

// An error for the first feature of `spec` that is not among `supported`. Every backend begins with
// this: what it does not compute, it must not be given. `backend` begins the sentence.
[[nodiscard]] Result<void> expect_features(const ModelSpec& spec,
                                           std::span<const Feature> supported,
                                           std::string_view backend);

}  // namespace weft::model
