// A ModelSpec as the CPU backend runs it: matrices to be packed or decoded when used, vectors
// decoded, costs counted.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "backend/cpu/delta_net.h"
#include "backend/cpu/experts.h"
#include "backend/cpu/matmul.h"
#include "backend/cpu/norm.h"
#include "backend/cpu/profile.h"
#include "base/error.h"
#include "model/spec.h"

namespace weft::backend {

struct CpuLayer {
  const model::LayerSpec* spec;
  std::optional<Norm> attn_norm, q_norm, k_norm, attn_post_norm, ffn_norm, ffn_post_norm;
  std::optional<CpuDeltaNet> delta_net;  // then there are no q, k and v
  Linear q, k, v;
  std::optional<Linear> attn_gate;
  Linear output;  // of attention or what is in its place
  std::optional<Linear> gate;
  std::optional<Linear> up, down;  // none where there is a mixture only
  std::optional<CpuMixture> mixture;
  uint32_t rope;  // in CpuModel::ropes
  Cost qkv_cost, output_cost, gate_up_cost, down_cost;
};

// The largest sizes among all layers: what buffers are made for.
struct CpuLimits {
  uint32_t q = 0;   // heads * head_dim
  uint32_t kv = 0;  // kv_heads * head_dim
  uint32_t ff = 0;
  uint32_t rope_pairs = 0;
  MatmulLimits matmul;
  ExpertLimits experts;
};

struct CpuModel {
  const model::ModelSpec* spec;
  std::vector<CpuLayer> layers;
  std::vector<const model::Rope*> ropes;  // each distinct one
  Norm output_norm;
  Linear head;
  Cost head_cost;
  CpuLimits limits;

  // An error that names what has no kernel here.
  [[nodiscard]] static Result<CpuModel> create(const model::ModelSpec& spec);

  // All matrices, in the order that a step reads them.
  [[nodiscard]] std::vector<Linear*> linears();
  // A layer each; null where it has attention.
  [[nodiscard]] std::vector<const CpuDeltaNet*> delta_nets() const;
};

}  // namespace weft::backend
