// y = W x for every kind of weight, shared out over threads by rows of W.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/cpu/aligned.h"
#include "backend/cpu/quantize_row.h"
#include "backend/cpu/thread_pool.h"
#include "backend/cpu/weight_tile.h"
#include "base/error.h"
#include "model/spec.h"

namespace weft::backend {

// A weight matrix and its bias, where they lie in the file.
struct Linear {
  const model::Weight* weight;
  std::vector<float> bias;  // empty: none

  // An error that names the tensor if its type has no kernel.
  [[nodiscard]] static Result<Linear> create(const model::Weight& weight,
                                             const std::optional<model::Weight>& bias);
};

// A vector of the model (a norm, a bias) as floats.
[[nodiscard]] Result<std::vector<float>> decode_vector(const model::Weight& weight);

enum class Store : uint8_t { kAssign, kAdd };

struct Product {
  const Linear* linear;
  Rows y;
  Store store = Store::kAssign;
};

class Matmul {
 public:
  // For products of up to max_rows rows with matrices up to max_cols wide, of which the ones that
  // need unpacking to floats take `scratch_floats` a thread.
  Matmul(ThreadPool& pool, uint32_t max_rows, uint32_t max_cols, size_t scratch_floats);

  // Each product's y = W x + bias, or y += W x + bias, for the first `rows` rows of x. All weights
  // are as wide as x. A result's bits depend on its own row of x alone.
  void run(const Rows& x, uint32_t rows, std::span<const Product> products);

  [[nodiscard]] uint64_t size_bytes() const;

 private:
  struct Workspace {  // of one thread
    std::unique_ptr<WeightTile> tile;
    AlignedArray<float> decoded;
    AlignedArray<float> out;  // [max_rows, kTileRows]
  };

  void quantize(const Rows& x, uint32_t rows);
  void multiply_tile(const Rows& x, uint32_t rows, const Product& product, uint32_t tile,
                     Workspace& workspace) const;

  ThreadPool& pool_;
  AlignedArray<ActivationBlock> quantized_;  // [rows, cols / kActivationColumns]
  std::vector<Workspace> workspaces_;
};

}  // namespace weft::backend
