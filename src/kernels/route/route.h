// Chooses each row's experts: those of the largest logits (the first of equal ones), with weights
//   score(l_e), or score(l_e) / sum over the chosen of score,
// where score is softmax over all experts, or the sigmoid of each logit by itself. Or, by
// SparseMixer (arXiv 2409.12136), each has the softmax over those not chosen before it whose logit
// l is near its own, m: (m - l) / max(|l|, m) <= kMixerReach.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

// One of the experts of a row, and the weight of what it gives: lib/expert_choice.wgsl.
struct ExpertChoice {
  uint32_t expert;
  float weight;
};

inline constexpr uint32_t kMaxRouteExperts = 1024;
inline constexpr uint32_t kMaxRouteUsed = 64;

inline constexpr float kMixerReach = 0.02F;

enum class Scores : uint8_t { kSoftmax, kSigmoid, kSparseMixer };

struct Route {
  uint32_t experts;  // at most kMaxRouteExperts
  uint32_t used;     // 1 to experts, at most kMaxRouteUsed
  Scores scores = Scores::kSoftmax;
  bool normalized = false;  // not with kSparseMixer
};

struct RouteBuffers {
  gpu::Binding logits;   // f32 [rows, experts]
  gpu::Binding choices;  // ExpertChoice [rows, used], most likely first
};

[[nodiscard]] Dispatch route(gpu::Device& device, const Route& shape, const RouteBuffers& buffers);

// Of one row, in double precision.
struct RouteRef {
  std::vector<uint32_t> experts;
  std::vector<double> weights;
};
[[nodiscard]] RouteRef route_ref(const Route& shape, std::span<const float> logits);

}  // namespace weft::kernels
