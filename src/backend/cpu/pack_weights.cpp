#include "backend/cpu/pack_weights.h"

#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/pack_weights.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/source_k-inl.h"
#include "backend/cpu/source_levels-inl.h"
#include "backend/cpu/source_q4_q5-inl.h"
#include "backend/cpu/source_q8-inl.h"
#include "base/half.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

using Quads = uint32_t[8][kTileRows];  // of a group of 32 columns, a quant a byte

void pack_nibbles(const Quads& quads, uint32_t (&out)[4][kTileRows]) {
  constexpr uint32_t kLow = 0x0f0f0f0f;
  for (size_t i = 0; i < 4; ++i) {
    for (size_t row = 0; row < kTileRows; ++row) {
      out[i][row] = (quads[i][row] & kLow) | (quads[i + 4][row] & kLow) << 4;
    }
  }
}

void pack_quants(const Quads& quads, Quants4& out) { pack_nibbles(quads, out.nibbles); }

void pack_quants(const Quads& quads, Quants5& out) {
  pack_nibbles(quads, out.nibbles);
  for (size_t row = 0; row < kTileRows; ++row) {
    uint32_t fifth = 0;
    for (size_t i = 0; i < 8; ++i) fifth |= (quads[i][row] >> 4 & 0x01010101) << i;
    out.fifth[row] = fifth;
  }
}

void pack_quants(const Quads& quads, Quants6& out) {
  pack_nibbles(quads, out.nibbles);
  for (size_t half = 0; half < 2; ++half) {
    for (size_t row = 0; row < kTileRows; ++row) {
      uint32_t high = 0;
      for (size_t i = 0; i < 4; ++i) {
        high |= (quads[4 * half + i][row] >> 4 & 0x03030303) << (2 * i);
      }
      out.high[half][row] = high;
    }
  }
}

void pack_quants(const Quads& quads, Quants8& out) {
  for (size_t i = 0; i < 8; ++i) {
    for (size_t row = 0; row < kTileRows; ++row) out.quads[i][row] = quads[i][row];
  }
}

// The scales of one row's block.
template <class Block>
void pack_scales(const Block& block, size_t row, Scales& out) {
  out.d[row] = block.d;
}
template <class Block>
void pack_scales(const Block& block, size_t row, ScalesMins& out) {
  out.d[row] = block.d;
  out.m[row] = block.m;
}
template <class Block>
void pack_scales(const Block& block, size_t row, GroupScalesMins& out) {
  out.d[row] = block.d;
  out.dmin[row] = block.dmin;
  const formats::ScalesMins unpacked = formats::unpack_scales_mins(block.scales);
  for (size_t group = 0; group < 8; ++group) {
    out.scales[group][row] = unpacked.scales[group];
    out.mins[group][row] = unpacked.mins[group];
  }
}
void pack_scales(const formats::BlockQ6_K& block, size_t row, HalfGroupScales& out) {
  out.d[row] = block.d;
  for (size_t i = 0; i < 16; ++i) out.scales[i][row] = block.scales[i];
}
void pack_scales(const formats::BlockIQ4_XS& block, size_t row, GroupScales6& out) {
  out.d[row] = block.d;
  for (size_t group = 0; group < 8; ++group) {
    out.scales[group][row] = static_cast<int8_t>(formats::scale_of_group(block, group));
  }
}
void pack_scales(const formats::BlockMXFP4& block, size_t row, PowerScales& out) {
  out.d[row] = float_to_bf16(std::ldexp(1.0F, block.e - 128));
}

// The quants of one block of each row, side by side.
template <class Source>
void read_quads(const TileRows& rows, Quads* quads) {
  constexpr size_t kRuns = Source::kRuns;
  for (size_t first = 0; first < kTileRows; first += kLanes) {
    for (size_t load = 0; load < Source::kLoads; ++load) {
      V8 v[kRuns][4];
      for (size_t i = 0; i < 4; ++i) {
        const auto runs = Source::load(rows, first + i, load);
        for (size_t run = 0; run < kRuns; ++run) v[run][i] = runs.v[run];
      }
      for (size_t run = 0; run < kRuns; ++run) {
        const size_t quad = Source::column(load, run) / 4;
        store_transposed(v[run], &quads[quad / 8][quad % 8][first]);
      }
    }
  }
}

template <class Source, class Packed>
void pack(const SourceRows& from, std::byte* to) {
  using Block = typename Source::Block;
  TileRows rows;
  rows.block = reinterpret_cast<const uint8_t*>(from.data);
  for (uint32_t i = 0; i < kTileRows; ++i) {
    rows.offsets[i] = (i < from.rows ? i : from.rows - 1) * from.row_bytes;
  }
  auto* out = reinterpret_cast<Packed*>(to);
  alignas(64) Quads quads[Packed::kGroups];
  for (size_t col = 0; col < from.cols; col += Packed::kGroups * 32, ++out) {
    read_quads<Source>(rows, quads);
    for (size_t group = 0; group < Packed::kGroups; ++group) {
      pack_quants(quads[group], out->quants[group]);
    }
    for (size_t row = 0; row < kTileRows; ++row) {
      Block block;
      std::memcpy(&block, rows.at(row, 0), sizeof block);
      pack_scales(block, row, out->scales);
    }
    rows.block += sizeof(Block);
  }
}

void pack_tile(const SourceRows& rows, std::byte* tile) {
  using enum formats::TensorType;
  switch (rows.type) {
    case kQ4_0:
      return pack<SourceQ4_0, PackedQ4_0>(rows, tile);
    case kQ4_1:
      return pack<SourceQ4_1, PackedQ4_1>(rows, tile);
    case kQ5_0:
      return pack<SourceQ5_0, PackedQ5_0>(rows, tile);
    case kQ5_1:
      return pack<SourceQ5_1, PackedQ5_1>(rows, tile);
    case kQ8_0:
      return pack<SourceQ8_0, PackedQ8_0>(rows, tile);
    case kQ4_K:
      return pack<SourceQ4_K, PackedQ4_K>(rows, tile);
    case kQ5_K:
      return pack<SourceQ5_K, PackedQ5_K>(rows, tile);
    case kQ6_K:
      return pack<SourceQ6_K, PackedQ6_K>(rows, tile);
    case kIQ4_NL:
      return pack<SourceIQ4_NL, PackedIQ4_NL>(rows, tile);
    case kIQ4_XS:
      return pack<SourceIQ4_XS, PackedIQ4_XS>(rows, tile);
    case kMXFP4:
      return pack<SourceMXFP4, PackedMXFP4>(rows, tile);
    default:
      return;
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "base/check.h"

namespace weft::backend {
namespace {

HWY_EXPORT(pack_tile);

// Of kTileRows rows by block_elements columns.
size_t packed_block_bytes(formats::TensorType type) {
  using enum formats::TensorType;
  switch (type) {
    case kF32:
      return sizeof(FloatColumn<float>);
    case kF16:
    case kBF16:
      return sizeof(FloatColumn<uint16_t>);
    case kQ4_0:
      return sizeof(PackedQ4_0);
    case kQ4_1:
      return sizeof(PackedQ4_1);
    case kQ5_0:
      return sizeof(PackedQ5_0);
    case kQ5_1:
      return sizeof(PackedQ5_1);
    case kQ8_0:
      return sizeof(PackedQ8_0);
    case kQ4_K:
      return sizeof(PackedQ4_K);
    case kQ5_K:
      return sizeof(PackedQ5_K);
    case kQ6_K:
      return sizeof(PackedQ6_K);
    case kIQ4_NL:
      return sizeof(PackedIQ4_NL);
    case kIQ4_XS:
      return sizeof(PackedIQ4_XS);
    case kMXFP4:
      return sizeof(PackedMXFP4);
    default:
      return 0;
  }
}

template <class T>
void pack_floats(const SourceRows& from, std::byte* to) {
  constexpr uint32_t kCols = 32;  // at a time, so that each row is read in runs
  auto* out = reinterpret_cast<FloatColumn<T>*>(to);
  T block[kTileRows][kCols];
  for (uint32_t first = 0; first < from.cols; first += kCols, out += kCols) {
    const uint32_t n = std::min(kCols, from.cols - first);
    for (uint32_t row = 0; row < kTileRows; ++row) {
      const std::byte* source = from.data + std::min(row, from.rows - 1) * from.row_bytes;
      std::memcpy(block[row], source + first * sizeof(T), n * sizeof(T));
    }
    for (uint32_t col = 0; col < n; ++col) {
      for (uint32_t row = 0; row < kTileRows; ++row) out[col].values[row] = block[row][col];
    }
  }
}

}  // namespace

size_t packed_tile_bytes(formats::TensorType type, uint32_t cols) {
  return cols / formats::info(type).block_elements * packed_block_bytes(type);
}

void pack_tile(const SourceRows& rows, std::byte* tile) {
  using enum formats::TensorType;
  CHECK(packed_block_bytes(rows.type) != 0 && rows.rows >= 1 && rows.rows <= kTileRows);
  if (rows.type == kF32) {
    pack_floats<uint32_t>(rows, tile);
  } else if (rows.type == kF16 || rows.type == kBF16) {
    pack_floats<uint16_t>(rows, tile);
  } else {
    HWY_DYNAMIC_DISPATCH(pack_tile)(rows, tile);
  }
}

}  // namespace weft::backend
#endif  // HWY_ONCE
