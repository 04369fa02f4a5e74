// y = W x for every kind of weight, shared out over threads by rows of W, with what makes x and
// what an MLP does to y on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/cpu/aligned.h"
#include "backend/cpu/float_product.h"
#include "backend/cpu/norm.h"
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

// What becomes of a product between the halves of an MLP: activation(gate x) * y, or activation(y)
// without a gate.
struct Hidden {
  const Linear* gate;  // of the product's shape; null: none
  model::Activation activation;
  const Linear* next;  // what the result is multiplied with
};

struct Product {
  const Linear* linear;
  Rows y;  // of a hidden one: written only where `next` multiplies floats
  Store store = Store::kAssign;
  std::optional<Hidden> hidden{};
};

// The rows that are multiplied. With a norm, x is written first, in the loop that rounds it to
// integers: x = norm(from).
struct Input {
  Rows x;
  const Norm* norm = nullptr;
  Rows from{};
};

// Neighbouring rows of x that are multiplied with the same matrices.
struct Batch {
  uint32_t first, rows;
  std::span<const Product> products;
};

// The widest matrices, in columns; of experts, times as many as a row uses.
struct MatmulLimits {
  uint32_t cols = 0;          // of those that run() multiplies with
  uint32_t hidden_cols = 0;   // and run_hidden()
  uint32_t decoded_cols = 0;  // of those that are decoded first
};

class Matmul {
 public:
  Matmul(ThreadPool& pool, uint32_t max_rows, const MatmulLimits& limits);

  // Each product's y = W x + bias, or y += W x + bias, for the first `rows` rows of x. All weights
  // are as wide as x. A result's bits depend on its own row of x alone.
  void run(const Input& in, uint32_t rows, std::span<const Product> products);
  // The same for batches of rows one behind the other; results come to the rows of y with the
  // numbers of those of x.
  void run(const Input& in, std::span<const Batch> batches);
  // The same where x is what the run before left as its hidden products, of the same batches: of
  // integers where the matrix wants them, else of the floats in x.
  void run_hidden(const Rows& x, uint32_t rows, std::span<const Product> products);
  void run_hidden(const Rows& x, std::span<const Batch> batches);

  [[nodiscard]] uint64_t size_bytes() const;

 private:
  // Rows of activations that are multiplied with one tile after the other: few enough to stay in a
  // second-level cache.
  static constexpr uint32_t kRowsAtOnce = 128;

  struct Workspace {  // of one thread
    DecodeScratch scratch;
    AlignedArray<float> out, gate;  // [kRowsAtOnce, kTileRows]
  };
  struct RowRange {
    uint32_t first, count;
  };

  using Blocks = AlignedArray<ActivationBlock>;  // range after range

  // Rows as products read them.
  struct Activations {
    const Rows& floats;
    const Blocks& blocks;
  };

  void prepare(const Input& in, std::span<const Batch> batches);
  void multiply(const Activations& x, std::span<const Batch> batches);
  // The rows of the batch that are multiplied together with `row`.
  [[nodiscard]] static RowRange range_of(uint32_t row, const Batch& batch);
  // A range's blocks: [cols / kActivationColumns, range.count].
  [[nodiscard]] static ActivationBlock* blocks_of(const Blocks& blocks, RowRange range,
                                                  uint32_t cols);
  // Tiles [first, end) of those of all the batch's matrices.
  void multiply_tiles(const Activations& x, const Batch& batch, uint32_t first, uint32_t end,
                      Workspace& workspace) const;
  void multiply_tile(const Activations& x, RowRange range, const Product& product, uint32_t tile,
                     Workspace& workspace) const;
  // out = the tile's product with the range's rows, [range.count, kTileRows].
  static void multiply_tile(const Activations& x, RowRange range, const Linear& linear,
                            uint32_t tile, const DecodeScratch& scratch, float* out);
  void store_hidden(RowRange range, const Product& product, uint32_t tile,
                    const Workspace& workspace) const;

  ThreadPool& pool_;
  Blocks quantized_, hidden_;
  std::vector<Workspace> workspaces_;
};

}  // namespace weft::backend
