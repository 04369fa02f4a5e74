#include "kernels/repack.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/repack_block.h"

namespace weft::kernels {
namespace {

// Of a block, what lies in one plane.
struct PlaneInfo {
  uint32_t pieces = 0;  // that lie apart, those of neighbouring rows between them
  uint32_t piece_bytes = 0;

  [[nodiscard]] uint32_t block_bytes() const { return pieces * piece_bytes; }
};

struct FormatInfo {
  std::string_view wgsl_name;
  uint32_t unit;
  uint32_t block;
  uint32_t block_bytes;
  uint32_t n_planes;
  std::array<PlaneInfo, kMaxPlanes> planes;  // of a unit where blocks are single elements
  void (*repack)(const std::byte* block, PlaneEnds& planes);  // null: elements stay as they are
};

constexpr uint32_t kMaxPlaneBytes = 128;  // of a block

const FormatInfo& info(WeightFormat format) {
  static constexpr std::array<FormatInfo, 19> kInfos{{
      {"weight_f32", 8, 1, 4, 1, {{{1, 32}}}, nullptr},
      {"weight_f16", 8, 1, 2, 1, {{{1, 16}}}, nullptr},
      {"weight_bf16", 8, 1, 2, 1, {{{1, 16}}}, nullptr},
      {"weight_q8_0", 32, 32, 34, 2, {{{2, 16}, {1, 2}}}, repack_q8_0},
      {"weight_q4_0", 32, 32, 18, 2, {{{1, 16}, {1, 2}}}, repack_q4_0},
      {"weight_q4_1", 32, 32, 20, 2, {{{1, 16}, {1, 4}}}, repack_q4_1},
      {"weight_q5_0", 32, 32, 22, 3, {{{1, 16}, {1, 4}, {1, 2}}}, repack_q5_0},
      {"weight_q5_1", 32, 32, 24, 3, {{{1, 16}, {1, 4}, {1, 4}}}, repack_q5_1},
      {"weight_q4_k", 32, 256, 144, 2, {{{8, 16}, {1, 16}}}, repack_q4_k},
      {"weight_q5_k", 32, 256, 176, 3, {{{8, 16}, {8, 4}, {1, 16}}}, repack_q5_k},
      {"weight_q6_k", 32, 256, 210, 3, {{{8, 16}, {8, 8}, {5, 4}}}, repack_q6_k},
      {"weight_iq4_nl", 32, 32, 18, 2, {{{1, 16}, {1, 2}}}, repack_q4_0},
      {"weight_iq4_xs", 32, 256, 136, 2, {{{8, 16}, {1, 8}}}, repack_iq4_xs},
      {"weight_mxfp4", 32, 32, 17, 2, {{{1, 16}, {1, 1}}}, repack_mxfp4},
      {"weight_q2_k", 32, 256, 84, 2, {{{8, 8}, {5, 4}}}, repack_q2_k},
      {"weight_q3_k", 32, 256, 110, 3, {{{8, 8}, {8, 4}, {5, 4}}}, repack_q3_k},
      {"weight_nvfp4", 32, 64, 36, 2, {{{2, 16}, {2, 4}}}, repack_nvfp4},
      {"weight_levels", 32, 256, 276, 2, {{{8, 16}, {5, 4}}}, repack_levels},
      {"weight_q6_k", 32, 256, 276, 3, {{{8, 16}, {8, 8}, {5, 4}}}, repack_six_bit_levels},
  }};
  return kInfos.at(std::to_underlying(format));
}

// Blocks of a row, or units where blocks are single elements.
uint64_t row_steps(const FormatInfo& format, uint32_t cols) {
  return ceil_div(cols, format.repack == nullptr ? format.unit : format.block);
}

// Bytes of one plane of `rows` rows in whole groups, filled up to whole words.
uint64_t plane_bytes(WeightFormat format, uint32_t plane, uint64_t rows, uint32_t cols) {
  const FormatInfo& of = info(format);
  const uint64_t whole = round_up<uint64_t>(rows, row_group(format));
  return round_up<uint64_t>(whole * row_steps(of, cols) * of.planes[plane].block_bytes(), 4);
}

template <size_t piece_bytes>
void put_apart(std::byte* to, const std::byte* pieces, uint32_t count, size_t apart) {
  for (uint32_t i = 0; i < count; ++i) {
    std::memcpy(to + i * apart, pieces + i * piece_bytes, piece_bytes);
  }
}

// Pieces of one block, each `apart` bytes from the one before it.
void put_apart(const PlaneInfo& plane, std::byte* to, const std::byte* pieces, size_t apart) {
  switch (plane.piece_bytes) {
    case 1:
      return put_apart<1>(to, pieces, plane.pieces, apart);
    case 2:
      return put_apart<2>(to, pieces, plane.pieces, apart);
    case 4:
      return put_apart<4>(to, pieces, plane.pieces, apart);
    case 8:
      return put_apart<8>(to, pieces, plane.pieces, apart);
    default:
      return put_apart<16>(to, pieces, plane.pieces, apart);
  }
}

// Takes the blocks of rows apart, those of a group of rows side by side.
void repack_blocks(const FormatInfo& of, uint32_t group, uint64_t row_blocks,
                   std::span<const std::byte> file_rows, const PlaneEnds& planes) {
  alignas(16) std::array<std::array<std::byte, kMaxPlaneBytes>, kMaxPlanes> pieces;
  const uint64_t n_rows = file_rows.size() / (row_blocks * of.block_bytes);
  const std::byte* block = file_rows.data();
  for (uint64_t row = 0; row < n_rows; ++row) {
    const uint64_t first = row / group * row_blocks * group;  // block of the row's group
    for (uint64_t i = 0; i < row_blocks; ++i, block += of.block_bytes) {
      PlaneEnds ends{pieces[0].data(), pieces[1].data(), pieces[2].data()};
      of.repack(block, ends);
      for (uint32_t plane = 0; plane < of.n_planes; ++plane) {
        const PlaneInfo& to = of.planes[plane];
        const uint64_t at = (first + i * group) * to.block_bytes() + row % group * to.piece_bytes;
        put_apart(to, planes[plane] + at, pieces[plane].data(), size_t{group} * to.piece_bytes);
      }
    }
  }
}

void copy_padded(const FormatInfo& format, uint32_t cols, std::span<const std::byte> file_rows,
                 std::byte* end) {
  const size_t row_bytes = size_t{cols} * format.block_bytes;
  const size_t padding = row_steps(format, cols) * format.planes[0].block_bytes() - row_bytes;
  for (size_t at = 0; at < file_rows.size(); at += row_bytes) {
    std::memcpy(end, file_rows.data() + at, row_bytes);
    end = std::fill_n(end + row_bytes, padding, std::byte{0});
  }
}

}  // namespace

std::string_view wgsl_name(WeightFormat format) { return info(format).wgsl_name; }

uint32_t unit_of(WeightFormat format) { return info(format).unit; }

uint32_t row_group(WeightFormat format) {
  constexpr uint32_t kQuantRows = 4;  // serves decode and prefill: docs/performance.md
  return info(format).repack == nullptr ? 1 : kQuantRows;
}

uint32_t block_of(WeightFormat format) { return info(format).block; }

uint64_t file_row_bytes(WeightFormat format, uint32_t cols) {
  return uint64_t{cols / info(format).block} * info(format).block_bytes;
}

WeightLayout weight_layout(WeightFormat format, uint32_t rows, uint32_t cols) {
  const FormatInfo& of = info(format);
  CHECK(rows > 0 && cols > 0 && cols % of.block == 0);
  WeightLayout layout{.format = format,
                      .rows = rows,
                      .cols = cols,
                      .units = ceil_div(cols, of.unit),
                      .n_planes = of.n_planes};
  for (uint32_t i = 0; i < of.n_planes; ++i) {
    const uint64_t size_bytes = plane_bytes(format, i, rows, cols);
    layout.planes[i] = {.offset = layout.size_bytes, .size_bytes = size_bytes};
    layout.size_bytes += round_up(size_bytes, kPlaneAlignment);
  }
  return layout;
}

void Weight::bind(std::vector<gpu::Binding>& bindings) const {
  for (uint32_t i = 0; i < layout.n_planes; ++i) {
    bindings.push_back({.buffer = buffer,
                        .offset = layout.planes[i].offset,
                        .size_bytes = layout.planes[i].size_bytes});
  }
}

std::vector<RowRange> split_rows(WeightFormat format, uint32_t rows, uint32_t cols,
                                 const gpu::Limits& limits) {
  const FormatInfo& of = info(format);
  const auto fits = [&](uint32_t count) {
    if (weight_layout(format, count, cols).size_bytes > limits.max_buffer_bytes) return false;
    for (uint32_t i = 0; i < of.n_planes; ++i) {
      if (plane_bytes(format, i, count, cols) > limits.max_binding_bytes) return false;
    }
    return true;
  };
  // The most steps of kRowAlignment rows that fit, by bisection.
  uint32_t most = 0;
  uint32_t too_many = ceil_div(rows, kRowAlignment) + 1;
  while (too_many - most > 1) {
    const uint32_t steps = most + (too_many - most) / 2;
    (fits(std::min(steps * kRowAlignment, rows)) ? most : too_many) = steps;
  }
  std::vector<RowRange> parts;
  if (most == 0) return parts;
  for (uint32_t first = 0; first < rows;) {
    const uint32_t count = std::min(most * kRowAlignment, rows - first);
    parts.push_back({.first = first, .count = count});
    first += count;
  }
  return parts;
}

std::optional<WeightLayout> rows_of(const WeightLayout& layout, RowRange rows) {
  CHECK(rows.first <= layout.rows && rows.count <= layout.rows - rows.first);
  WeightLayout part = layout;
  part.rows = rows.count;
  part.size_bytes = 0;
  for (uint32_t i = 0; i < layout.n_planes; ++i) {
    const uint64_t before = plane_bytes(layout.format, i, rows.first, layout.cols);
    if (rows.first % kRowAlignment != 0 || before % kPlaneAlignment != 0) return std::nullopt;
    part.planes[i].offset += before;
    part.planes[i].size_bytes = plane_bytes(layout.format, i, rows.count, layout.cols);
    part.size_bytes += part.planes[i].size_bytes;
  }
  return part;
}

uint64_t repacked_bytes(const WeightLayout& layout, uint32_t count) {
  uint64_t size_bytes = 0;
  for (uint32_t i = 0; i < layout.n_planes; ++i) {
    size_bytes += round_up<uint64_t>(plane_bytes(layout.format, i, count, layout.cols), 16);
  }
  return size_bytes;
}

std::vector<PlanePiece> repack(const WeightLayout& layout, RowRange rows,
                               std::span<const std::byte> file_rows, std::span<std::byte> staging) {
  const FormatInfo& of = info(layout.format);
  CHECK(rows.first % kRowAlignment == 0 && rows.first <= layout.rows);
  CHECK(rows.count <= layout.rows - rows.first);
  CHECK(rows.count % kRowAlignment == 0 || rows.first + rows.count == layout.rows);
  CHECK(file_rows.size() == rows.count * file_row_bytes(layout.format, layout.cols));
  CHECK(staging.size() == repacked_bytes(layout, rows.count));

  std::vector<PlanePiece> pieces;
  PlaneEnds ends{};
  std::byte* next = staging.data();
  for (uint32_t i = 0; i < of.n_planes; ++i) {
    const uint64_t size_bytes = plane_bytes(layout.format, i, rows.count, layout.cols);
    const uint64_t before = plane_bytes(layout.format, i, rows.first, layout.cols);
    pieces.push_back({.offset = layout.planes[i].offset + before, .bytes = {next, size_bytes}});
    ends[i] = next;
    next += round_up<uint64_t>(size_bytes, 16);
  }
  if (of.repack == nullptr) {
    copy_padded(of, layout.cols, file_rows, ends[0]);
    return pieces;
  }
  // Rows that lack in a group, and what fills up a word.
  if (rows.count % row_group(layout.format) != 0 || rows.count % 2 != 0) {
    std::ranges::fill(staging, std::byte{0});
  }
  repack_blocks(of, row_group(layout.format), row_steps(of, layout.cols), file_rows, ends);
  return pieces;
}

}  // namespace weft::kernels
