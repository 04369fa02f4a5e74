// Weights as the kernels want them: the blocks of a GGUF tensor taken apart into planes (quants,
// scales, ...), each contiguous over all rows, so that neighbouring lanes read neighbouring 16
// bytes. A tensor's planes lie one after another in one buffer. What a plane holds is said beside
// its unpacking, in lib/weight_*.wgsl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gpu/device.h"

namespace weft::kernels {

enum class WeightFormat : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
  kMXFP4,
  kQ2_K,
  kQ3_K,
  kNVFP4,
  // Of formats::LevelBlock, 276 bytes for 256 elements d * scale * level: f32 d, 16 scales and then
  // 256 levels of a signed byte each. They are of lib/weight_levels.wgsl, or -32 to 31.
  kLevels,
  kSixBitLevels,
};

// The file that unpacks it, for Variant::imports: "weight_q4_k".
[[nodiscard]] std::string_view wgsl_name(WeightFormat format);

// Elements that a lane takes at a time (UNIT in the WGSL file).
[[nodiscard]] uint32_t unit_of(WeightFormat format);

// Elements of a block of the file; the columns of a tensor are a multiple of it.
[[nodiscard]] uint32_t block_of(WeightFormat format);

// Rows whose units lie side by side, unit by unit (lib/unit_place.wgsl), so that lanes that read
// one unit of neighbouring rows read whole lines of memory: kRowGroup of the WGSL files. Rows that
// lack in the last group are zeros.
[[nodiscard]] uint32_t row_group(WeightFormat format);

// Bytes of a row as repack() takes it: as it lies in the file, or in LevelBlocks.
[[nodiscard]] uint64_t file_row_bytes(WeightFormat format, uint32_t cols);

inline constexpr uint32_t kMaxPlanes = 3;
inline constexpr uint64_t kPlaneAlignment = 256;

struct Plane {
  uint64_t offset = 0;  // in the tensor's buffer, a multiple of kPlaneAlignment
  uint64_t size_bytes = 0;
};

// W[rows, cols] in a buffer; known before a byte of it is read.
struct WeightLayout {
  WeightFormat format = WeightFormat::kF32;
  uint32_t rows = 0;
  uint32_t cols = 0;
  uint32_t units = 0;  // of one row
  uint32_t n_planes = 0;
  std::array<Plane, kMaxPlanes> planes;
  uint64_t size_bytes = 0;  // of the buffer
};

[[nodiscard]] WeightLayout weight_layout(WeightFormat format, uint32_t rows, uint32_t cols);

// W on the device, as kernels bind it.
struct Weight {
  WeightLayout layout;
  const gpu::Buffer* buffer = nullptr;

  // Adds a binding for each plane.
  void bind(std::vector<gpu::Binding>& bindings) const;
};

// Neighbouring rows. Where rows are taken in pieces, each piece begins at a multiple of
// kRowAlignment: as many rows are whole groups, and fill whole words of every plane.
struct RowRange {
  uint32_t first = 0;
  uint32_t count = 0;
};
inline constexpr uint32_t kRowAlignment = 8;

// The least number of parts of W such that each can be a tensor of its own on the device.
// Nothing where even kRowAlignment rows are too large.
[[nodiscard]] std::vector<RowRange> split_rows(WeightFormat format, uint32_t rows, uint32_t cols,
                                               const gpu::Limits& limits);

// A part of W as a tensor of its own in W's buffer. Nothing where one of its planes would begin at
// a place that cannot be bound.
[[nodiscard]] std::optional<WeightLayout> rows_of(const WeightLayout& layout, RowRange rows);

// Repacked bytes and where in the tensor's buffer they go.
struct PlanePiece {
  uint64_t offset = 0;
  std::span<const std::byte> bytes;  // a multiple of 4 of them
};

// Bytes that `count` rows take in all planes.
[[nodiscard]] uint64_t repacked_bytes(const WeightLayout& layout, uint32_t count);

// Repacks rows of W into `staging`, which has repacked_bytes(layout, rows.count) bytes, aligned to
// 16. `file_rows` are those rows as they lie in the file, or in LevelBlocks. One piece for each
// plane.
[[nodiscard]] std::vector<PlanePiece> repack(const WeightLayout& layout, RowRange rows,
                                             std::span<const std::byte> file_rows,
                                             std::span<std::byte> staging);

}  // namespace weft::kernels
