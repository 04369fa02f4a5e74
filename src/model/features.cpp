#include "model/features.h"

#include <algorithm>

#include "formats/quote.h"

namespace weft::model {
namespace {

using enum Feature;

void add_if(std::set<Feature>& out, bool is_needed, Feature feature) {
  if (is_needed) out.insert(feature);
}

void add_features(std::set<Feature>& out, const LayerSpec& layer) {
  const Attention& attention = layer.attention;
  add_if(out, layer.attn_norm_bias || layer.ffn_norm_bias, kNormBias);
  add_if(out, !layer.attn_norm || (!layer.ffn_norm && !layer.parallel), kNoPreNorm);
  add_if(out, layer.attn_post_norm || layer.ffn_post_norm, kPostNorm);
  add_if(out, layer.parallel, kParallelLayer);
  const Activation activation = layer.mlp.activation;
  add_if(out, activation == Activation::kGelu || activation == Activation::kGeluTanh, kGelu);
  add_if(out, activation == Activation::kClampedSwiglu, kClampedSwiglu);
  add_if(out, !layer.mlp.gated, kUngatedMlp);
  add_if(out, layer.mlp.mixture.has_value(), kMixture);
  add_if(out, layer.mlp.mixture && layer.mlp.mixture->weighs_inputs, kWeighedExpertInputs);
  add_if(out, layer.delta_net.has_value(), kDeltaNet);
  if (layer.delta_net) return;
  add_if(out, layer.attn_gate.has_value(), kAttentionGate);
  add_if(out, attention.qk_norm == QkNorm::kHead, kHeadQkNorm);
  add_if(out, attention.qk_norm == QkNorm::kWhole, kWholeQkNorm);
  add_if(out, attention.softcap != 0, kAttentionSoftcap);
  add_if(out, attention.window != 0 && !attention.chunked, kSlidingWindow);
  add_if(out, attention.window != 0 && attention.chunked, kChunkedAttention);
  add_if(out, attention.temperature.scale != 0, kAttentionTemperature);
  add_if(out, layer.attn_sinks.has_value(), kAttentionSinks);
  add_if(out, attention.rope.dims == 0, kNoRotation);
  add_if(out, attention.rope.magnitude != 1, kRotationMagnitude);
}

}  // namespace

std::string_view name(Feature feature) {
  switch (feature) {
    case kLayerNorm:
      return "layer norms";
    case kNormBias:
      return "norms with biases";
    case kNoPreNorm:
      return "layers without norms before attention and MLP";
    case kPostNorm:
      return "norms after attention and MLP";
    case kParallelLayer:
      return "attention and MLP side by side";
    case kHeadQkNorm:
      return "norms of each head's q and k";
    case kWholeQkNorm:
      return "norms of q and k over all heads";
    case kAttentionSoftcap:
      return "soft caps of attention scores";
    case kSlidingWindow:
      return "sliding windows";
    case kChunkedAttention:
      return "attention in chunks";
    case kAttentionTemperature:
      return "temperatures of attention";
    case kAttentionSinks:
      return "attention sinks";
    case kNoRotation:
      return "attention without RoPE";
    case kRotationMagnitude:
      return "RoPE that scales what it rotates";
    case kPositionEmbedding:
      return "position embeddings";
    case kGelu:
      return "GELU";
    case kClampedSwiglu:
      return "clamped SwiGLU";
    case kUngatedMlp:
      return "MLPs without gate";
    case kMixture:
      return "mixtures of experts";
    case kWeighedExpertInputs:
      return "weights of what experts read";
    case kEmbeddingScale:
      return "scaled embeddings";
    case kResidualScale:
      return "scaled residuals";
    case kLogitScale:
      return "scaled logits";
    case kLogitSoftcap:
      return "soft caps of logits";
    case kOutputBias:
      return "biases of the output head";
    case kDeltaNet:
      return "Gated DeltaNet layers";
    case kAttentionGate:
      return "gates of attention";
  }
  return "unknown features";
}

std::set<Feature> features(const ModelSpec& spec) {
  std::set<Feature> out;
  add_if(out, spec.norm == NormKind::kLayer, kLayerNorm);
  add_if(out, spec.output_norm_bias.has_value(), kNormBias);
  add_if(out, spec.position_embd.has_value(), kPositionEmbedding);
  add_if(out, spec.embedding_scale != 1, kEmbeddingScale);
  add_if(out, spec.residual_scale != 1, kResidualScale);
  add_if(out, spec.logit_scale != 1, kLogitScale);
  add_if(out, spec.logit_softcap != 0, kLogitSoftcap);
  add_if(out, spec.output_bias.has_value(), kOutputBias);
  for (const LayerSpec& layer : spec.layers) add_features(out, layer);
  return out;
}

Result<void> expect_features(const ModelSpec& spec, std::span<const Feature> supported,
                             std::string_view backend) {
  for (const Feature feature : features(spec)) {
    if (std::ranges::find(supported, feature) != supported.end()) continue;
    return fail("{} computes no {}, which architecture {} needs.", backend, name(feature),
                formats::quote(spec.architecture));
  }
  return {};
}

}  // namespace weft::model
