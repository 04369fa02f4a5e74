// Carries weights to the device: matrices repacked on their way, vectors as f32. Errors name the
// tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "backend/gpu/weights.h"
#include "base/error.h"
#include "formats/level_block.h"
#include "formats/tensor_view.h"
#include "gpu/device.h"
#include "kernels/repack.h"
#include "model/spec.h"

namespace weft::backend {

class Uploader {
 public:
  // `progress` is told bytes of the file done and in all; it outlives this.
  Uploader(gpu::Device& device, uint64_t total_bytes,
           const std::function<void(uint64_t, uint64_t)>& progress)
      : device_(device), total_bytes_(total_bytes), progress_(progress) {}

  // Vectors that there are, one after another, times `scale`.
  [[nodiscard]] Result<gpu::Buffer> vectors(std::span<const std::optional<model::Weight>> weights,
                                            float scale = 1);
  // A norm's weights, and then its biases; an empty buffer where there is none.
  [[nodiscard]] Result<gpu::Buffer> norm(const std::optional<model::Weight>& weight,
                                         const std::optional<model::Weight>& bias = std::nullopt,
                                         float scale = 1);
  [[nodiscard]] Result<gpu::Buffer> constants(std::span<const float> values);

  // The place in `tables` of what kernels::rope_turns() makes of `rope`; layers mostly share one.
  [[nodiscard]] Result<size_t> rope(const model::Rope& rope, std::vector<gpu::Buffer>& tables);
  // In as many parts as its size asks for.
  [[nodiscard]] Result<DeviceMatrix> matrix(
      const model::Weight& weight, const std::optional<model::Weight>& bias = std::nullopt);

  struct Source {
    const model::Weight& weight;
    const std::optional<model::Weight>& bias;
  };
  // Matrices that meet the same input; neighbours of one type share a buffer where they can.
  [[nodiscard]] Result<MatrixStack> stack(std::span<const Source> sources);

  // `matrices[e]` and `biases[e]` of expert e are those that lie one below the other; a bias for
  // each matrix or none.
  [[nodiscard]] Result<ExpertMatrices> experts(
      std::span<const std::vector<const model::Weight*>> matrices,
      std::span<const std::vector<const model::Weight*>> biases);

  [[nodiscard]] uint64_t allocated_bytes() const { return allocated_bytes_; }

 private:
  // What one thread repacked; kept from piece to piece, as fresh pages are dear.
  struct Work {
    std::vector<formats::LevelBlock> blocks;
    std::vector<std::byte> staging;
    std::vector<kernels::PlanePiece> pieces;
  };

  // Whole rows of a tensor as they lie in the file.
  struct FileRows {
    formats::TensorType type;
    std::span<const std::byte> bytes;
    uint64_t row_bytes;

    [[nodiscard]] FileRows part(uint64_t first, uint64_t count) const {
      return {type, bytes.subspan(first * row_bytes, count * row_bytes), row_bytes};
    }
  };
  static FileRows file_rows(const formats::TensorView& tensor, uint32_t cols);

  static Result<std::vector<float>> values_of(const formats::TensorView& tensor);
  Result<gpu::Buffer> buffer_of(std::span<const std::byte> bytes, std::string_view label);
  static Result<kernels::WeightFormat> known_format(const formats::TensorView& tensor);

  // Whether matrices of one type can lie in one buffer and still be bound each by itself.
  [[nodiscard]] bool can_share(std::span<const Source> sources) const;

  // Uploads what can_share().
  Result<void> add_run(std::span<const Source> sources, uint32_t& first_row, MatrixStack& stack);
  Result<std::shared_ptr<const gpu::Buffer>> new_weight_buffer(const kernels::WeightLayout& layout,
                                                               std::string_view label);
  Result<MatrixPart> upload_part(const formats::TensorView& tensor, kernels::WeightFormat format,
                                 uint32_t cols, kernels::RowRange range);
  Result<ExpertMatrices::Part> expert_part(
      std::span<const std::vector<const model::Weight*>> matrices, uint32_t rows);

  // `rows` become rows `range` of what lies in `buffer`.
  void upload_rows_of(const gpu::Buffer& buffer, const kernels::WeightLayout& layout,
                      kernels::RowRange range, const FileRows& rows);

  // Repacks on several threads, then writes on this one.
  void upload_piece(const gpu::Buffer& buffer, const kernels::WeightLayout& layout,
                    kernels::RowRange range, const FileRows& rows);
  static void repack(const kernels::WeightLayout& layout, kernels::RowRange range,
                     const FileRows& rows, Work& work);
  void uploaded(uint64_t bytes);

  gpu::Device& device_;
  uint64_t total_bytes_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
  std::vector<Work> work_;
  std::vector<std::vector<float>> ropes_;  // inv_freq of each table made so far
  uint64_t done_bytes_ = 0;
  uint64_t allocated_bytes_ = 0;
};

}  // namespace weft::backend
