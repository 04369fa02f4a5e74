// y = W x for every kind of weight, shared out over threads by rows of W.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/cpu/aligned.h"
#include "backend/cpu/float_product.h"
#include "backend/cpu/packed_blocks.h"
#include "backend/cpu/quantized_product.h"
#include "backend/cpu/thread_pool.h"
#include "base/error.h"
#include "model/spec.h"

namespace weft::backend {

// A weight matrix and its bias.
struct Linear {
  const model::Weight* weight;
  const std::byte* packed = nullptr;  // its tiles; null: decoded each time it is used
  std::vector<float> bias;            // empty: none

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

// Neighbouring rows of x that are multiplied with the same matrices.
struct Batch {
  uint32_t first, rows;
  std::span<const Product> products;
};

class Matmul {
 public:
  // For products of up to max_rows rows with matrices up to max_cols wide, of which the ones that
  // have to be decoded first are up to decoded_cols wide.
  Matmul(ThreadPool& pool, uint32_t max_rows, uint32_t max_cols, uint32_t decoded_cols);

  // Each product's y = W x + bias, or y += W x + bias, for the first `rows` rows of x. All weights
  // are as wide as x. A result's bits depend on its own row of x alone.
  void run(const Rows& x, uint32_t rows, std::span<const Product> products);
  // The same for batches of rows one behind the other; results come to the rows of y with the
  // numbers of those of x.
  void run(const Rows& x, std::span<const Batch> batches);

  [[nodiscard]] uint64_t size_bytes() const;

 private:
  // Rows of activations that are multiplied with one tile after the other: few enough to stay in a
  // second-level cache.
  static constexpr uint32_t kRowsAtOnce = 128;

  struct Workspace {  // of one thread
    DecodeScratch scratch;
    AlignedArray<float> out;  // [kRowsAtOnce, kTileRows]
  };
  struct RowRange {
    uint32_t first, count;
  };

  void quantize(const Rows& x, std::span<const Batch> batches);
  // The rows of the batch that are multiplied together with `row`.
  [[nodiscard]] static RowRange range_of(uint32_t row, const Batch& batch);
  // Where its activations are, quantised: [cols / kActivationColumns, range.count].
  [[nodiscard]] ActivationBlock* blocks_of(RowRange range, uint32_t cols) const;
  // Tiles [first, end) of those of all the batch's matrices.
  void multiply_tiles(const Rows& x, const Batch& batch, uint32_t first, uint32_t end,
                      Workspace& workspace) const;
  void multiply_tile(const Rows& x, RowRange range, const Product& product, uint32_t tile,
                     Workspace& workspace) const;

  ThreadPool& pool_;
  AlignedArray<ActivationBlock> quantized_;  // range after range
  std::vector<Workspace> workspaces_;
};

}  // namespace weft::backend
