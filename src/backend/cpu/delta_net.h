// The Gated DeltaNet layers of a model on the CPU: their weights, and what they leave of each
// sequence to its next row. model/spec.h has the formulas.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/cpu/aligned.h"
#include "backend/cpu/matmul.h"
#include "backend/cpu/norm.h"
#include "backend/cpu/profile.h"
#include "backend/cpu/step_rows.h"
#include "backend/cpu/thread_pool.h"
#include "base/error.h"
#include "model/spec.h"

namespace weft::backend {

// A layer's, but for the matrix that its result goes through.
struct CpuDeltaNet {
  const model::DeltaNet* spec;
  Linear qkv, gate, beta, alpha;
  std::vector<float> conv;            // [taps, channels]
  std::vector<float> decay, dt_bias;  // [v_heads]
  Norm norm;
  Cost in_cost;

  [[nodiscard]] static Result<CpuDeltaNet> create(const model::ModelSpec& model,
                                                  const model::DeltaNet& spec);
};

class DeltaNets {
 public:
  DeltaNets() = default;  // for models that have no such layers
  // A net for each layer, null where it has attention.
  DeltaNets(std::vector<const CpuDeltaNet*> nets, const Options& options);

  // What all threads work with.
  struct Tools {
    Matmul& matmul;
    ThreadPool& pool;
    Profile& profile;
  };
  // From the rows x of a step to those that the output matrix multiplies. A sequence's state is
  // moved on by its rows.
  [[nodiscard]] Rows run(uint32_t layer, const Input& x, const StepRows& step, const Tools& tools);

  [[nodiscard]] uint64_t state_bytes() const { return states_.size_bytes(); }
  [[nodiscard]] uint64_t activation_bytes() const;

 private:
  [[nodiscard]] std::span<float> part(uint32_t layer, uint32_t state) const;
  [[nodiscard]] std::span<float> inputs(uint32_t layer, uint32_t state) const;
  [[nodiscard]] std::span<float> matrix(uint32_t layer, uint32_t state, uint32_t v_head) const;
  void convolve_row(uint32_t layer, const SequenceRows& sequence, uint32_t row) const;
  void keep_inputs(uint32_t layer, const SequenceRows& sequence) const;
  void update_head(uint32_t layer, const SequenceRows& sequence, uint32_t v_head) const;

  std::vector<const CpuDeltaNet*> nets_;  // by layer
  std::vector<size_t> first_;             // of each layer's part of a state
  size_t state_floats_ = 0;               // of one sequence, all layers
  AlignedArray<float> states_;            // [slots and kept ones, state_floats_]
  RowBuffer qkv_, convolved_;             // [rows, channels]
  RowBuffer gate_, read_;                 // [rows, v_heads * v_dim]
  RowBuffer beta_, alpha_;                // [rows, v_heads]
};

}  // namespace weft::backend
