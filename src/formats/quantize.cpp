#include "formats/quantize.h"

#include "base/check.h"
#include "base/half.h"
#include "formats/blocks.h"
#include "formats/codebooks.h"
#include "formats/level_numbers.h"
#include "formats/quantize_row.h"

namespace weft::formats {
namespace {

constexpr size_t kBlock = 32;  // elements of the types in this file

float rounded_to_half(float x) { return half_to_float(float_to_half(x)); }

// One tile of blocks with what was found for them.
struct Tile {
  GroupTile groups;
  GroupFit fit;
  std::array<int8_t, kMaxGroup * kGroupLanes> q;

  [[nodiscard]] int at(size_t lane, size_t i) const { return q[i * kGroupLanes + lane]; }
};

// Calls fit(tile), which sets tile.fit, and then pack(tile, lane) for each block, which returns it.
template <class Fit, class Pack>
void encode_tiles(const Row& row, const Levels& levels, std::span<std::byte> out, const Fit& fit,
                  const Pack& pack) {
  Tile tile;
  const size_t n_blocks = row.x.size() / kBlock;
  for (size_t first = 0; first < n_blocks; first += kGroupLanes) {
    load_tile<kBlock>(row, first, tile.groups);
    fit(tile);
    assign_levels(tile.groups, levels, tile.fit, tile.q);
    for (size_t lane = 0; lane < std::min(kGroupLanes, n_blocks - first); ++lane) {
      store_block(out, first + lane, pack(tile, lane));
    }
  }
}

// Element i of 32 to its four bits, and to its fifth where the block has one.
template <class Block>
void put_bits(Block& block, size_t i, int q) {
  block.qs[i % 16] |= static_cast<uint8_t>((q & 15) << (i < 16 ? 0 : 4));
  if constexpr (requires { block.qh; }) block.qh[i / 8] |= static_cast<uint8_t>((q >> 4) << i % 8);
}

// d * (q - half)
template <class Block>
void encode_symmetric(const Row& row, int half, std::span<std::byte> out) {
  const Levels levels{-half, half - 1};
  encode_tiles(
      row, levels, out,
      [&](Tile& tile) {
        fit_scales(tile.groups, levels, tile.fit);
        for (float& scale : tile.fit.scale) scale = rounded_to_half(scale);
      },
      [half](const Tile& tile, size_t lane) {
        Block block{.d = float_to_half(tile.fit.scale[lane])};
        for (size_t i = 0; i < kBlock; ++i) put_bits(block, i, tile.at(lane, i) + half);
        return block;
      });
}

// d * q + m
template <class Block>
void encode_with_minimum(const Row& row, int most, std::span<std::byte> out) {
  const Levels levels{0, most};
  encode_tiles(
      row, levels, out,
      [&](Tile& tile) {
        fit_scales_and_minima(tile.groups, levels, Minima::kAny, tile.fit);
        for (float& scale : tile.fit.scale) scale = rounded_to_half(scale);
        for (float& min : tile.fit.min) min = rounded_to_half(min);
      },
      [](const Tile& tile, size_t lane) {
        Block block{.d = float_to_half(tile.fit.scale[lane]),
                    .m = float_to_half(tile.fit.min[lane])};
        for (size_t i = 0; i < kBlock; ++i) put_bits(block, i, tile.at(lane, i));
        return block;
      });
}

void encode_iq4_nl(const Row& row, std::span<std::byte> out) {
  const Levels levels = kIQ4LevelNumbers.levels();
  encode_tiles(
      row, levels, out,
      [&](Tile& tile) {
        fit_scales(tile.groups, levels, tile.fit);
        for (float& scale : tile.fit.scale) scale = rounded_to_half(scale);
      },
      [](const Tile& tile, size_t lane) {
        BlockIQ4_NL block{.d = float_to_half(tile.fit.scale[lane])};
        for (size_t i = 0; i < kBlock; ++i) {
          put_bits(block, i, kIQ4LevelNumbers.number_of(tile.at(lane, i)));
        }
        return block;
      });
}

// A block's scale is 2^(e - 128): e without the two that give a subnormal number, and without 255,
// which stands for none.
constexpr int kLeastExponent = 2;
constexpr int kMostExponent = 254;

// The exponent with which the largest magnitude just fits, and its neighbours: the best of three.
void fit_exponents(Tile& tile, const Levels& levels, std::array<int, kGroupLanes>& exponents) {
  std::array<int, kGroupLanes> fitting, tried;
  for (size_t lane = 0; lane < kGroupLanes; ++lane) {
    float most = 0;
    for (size_t i = 0; i < kBlock; ++i) {
      most = std::max(most, std::abs(tile.groups.x[i * kGroupLanes + lane]));
    }
    fitting[lane] = most == 0 ? 0 : std::ilogb(most / static_cast<float>(levels.high)) + 129;
  }
  GroupValues least{}, errors;
  for (int step = -1; step <= 1; ++step) {
    GroupFit fit{};
    for (size_t lane = 0; lane < kGroupLanes; ++lane) {
      tried[lane] = std::clamp(fitting[lane] + step, kLeastExponent, kMostExponent);
      fit.scale[lane] = std::ldexp(1.0F, tried[lane] - 128);
    }
    group_errors(tile.groups, levels, fit, errors);
    for (size_t lane = 0; lane < kGroupLanes; ++lane) {
      if (step > -1 && errors[lane] >= least[lane]) continue;
      least[lane] = errors[lane];
      tile.fit.scale[lane] = fit.scale[lane];
      exponents[lane] = tried[lane];
    }
  }
}

void encode_mxfp4(const Row& row, std::span<std::byte> out) {
  const Levels levels = kE2M1LevelNumbers.levels();
  std::array<int, kGroupLanes> exponents{};
  encode_tiles(
      row, levels, out,
      [&](Tile& tile) {
        tile.fit.min.fill(0);
        fit_exponents(tile, levels, exponents);
      },
      [&](const Tile& tile, size_t lane) {
        BlockMXFP4 block{.e = static_cast<uint8_t>(exponents[lane])};
        for (size_t i = 0; i < kBlock; ++i) {
          put_bits(block, i, kE2M1LevelNumbers.number_of(tile.at(lane, i)));
        }
        return block;
      });
}

// As ggml rounds: 8 bits leave nothing to search for.
void encode_q8_0(const Row& row, std::span<std::byte> out) {
  for (size_t first = 0; first < row.x.size(); first += kBlock) {
    float most = 0;
    for (const float x : row.x.subspan(first, kBlock)) most = std::max(most, std::abs(x));
    const float d = most / 127;
    const float inverse = std::isnormal(d) ? 1 / d : 0;  // below, d becomes 0
    BlockQ8_0 block{.d = float_to_half(d)};
    for (size_t i = 0; i < kBlock; ++i) {
      block.qs[i] = static_cast<int8_t>(std::round(row.x[first + i] * inverse));
    }
    store_block(out, first / kBlock, block);
  }
}

template <class Convert>
void convert_all(const Row& row, std::span<std::byte> out, const Convert& convert) {
  for (size_t i = 0; i < row.x.size(); ++i) store_block(out, i, convert(row.x[i]));
}

using Encoder = void (*)(const Row&, std::span<std::byte>);

Encoder encoder(TensorType type) {
  using Out = std::span<std::byte>;
  switch (type) {
    case TensorType::kF32:
      return [](const Row& row, Out out) { convert_all(row, out, [](float x) { return x; }); };
    case TensorType::kF16:
      return [](const Row& row, Out out) { convert_all(row, out, float_to_half); };
    case TensorType::kBF16:
      return [](const Row& row, Out out) { convert_all(row, out, float_to_bf16); };
    case TensorType::kQ4_0:
      return [](const Row& row, Out out) { encode_symmetric<BlockQ4_0>(row, 8, out); };
    case TensorType::kQ5_0:
      return [](const Row& row, Out out) { encode_symmetric<BlockQ5_0>(row, 16, out); };
    case TensorType::kQ4_1:
      return [](const Row& row, Out out) { encode_with_minimum<BlockQ4_1>(row, 15, out); };
    case TensorType::kQ5_1:
      return [](const Row& row, Out out) { encode_with_minimum<BlockQ5_1>(row, 31, out); };
    case TensorType::kQ8_0:
      return encode_q8_0;
    case TensorType::kIQ4_NL:
      return encode_iq4_nl;
    case TensorType::kMXFP4:
      return encode_mxfp4;
    case TensorType::kQ2_K:
      return encode_q2_k;
    case TensorType::kQ3_K:
      return encode_q3_k;
    case TensorType::kQ4_K:
      return encode_q4_k;
    case TensorType::kQ5_K:
      return encode_q5_k;
    case TensorType::kQ6_K:
      return encode_q6_k;
    case TensorType::kIQ4_XS:
      return encode_iq4_xs;
    default:
      return nullptr;
  }
}

}  // namespace

bool can_quantize(TensorType type) { return encoder(type) != nullptr; }

void quantize_row(TensorType type, std::span<const float> row, std::span<const float> importance,
                  std::span<std::byte> out) {
  const TensorTypeInfo& block = info(type);
  const Encoder encode = encoder(type);
  CHECK(encode != nullptr);
  CHECK(row.size() % block.block_elements == 0);
  CHECK(out.size() == row.size() / block.block_elements * block.block_bytes);
  CHECK(importance.empty() || importance.size() == row.size());
  encode(Row{.x = row, .importance = importance}, out);
}

}  // namespace weft::formats
