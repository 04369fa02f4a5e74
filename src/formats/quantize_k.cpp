// Blocks of 256 elements in 8 or 16 groups, whose scales (and minima) are small whole numbers times
// a scale of the block: x is about (d * scale) * q - dmin * min.
#include <numeric>

#include "base/half.h"
#include "formats/blocks.h"
#include "formats/level_numbers.h"
#include "formats/quantize_row.h"

namespace weft::formats {
namespace {

constexpr size_t kBlock = 256;

struct Shape {
  Levels levels;
  int low_scale, high_scale;  // bounds of a group's scale
  int high_min = 0;           // its min is within [0, high_min]; 0: the type has none
};

// A tile of blocks and what was found for them; kGroups is the number of groups a block.
template <size_t kGroups>
class SuperBlocks {
 public:
  static constexpr size_t kGroup = kBlock / kGroups;
  static constexpr size_t kBlocks = kGroupLanes / kGroups;  // a tile

  explicit SuperBlocks(const Shape& shape) : shape_(shape) {}

  void encode(const Row& row, size_t first_block) {
    load_tile<kGroup>(row, first_block * kGroups, tile_);
    if (shape_.high_min == 0) {
      fit_scales(tile_, shape_.levels, wanted_);
    } else {
      fit_scales_and_minima(tile_, shape_.levels, Minima::kNotAboveZero, wanted_);
    }
    for (size_t block = 0; block < kBlocks; ++block) choose_scales(block);
    improve_groups();
    for (int round = 0; round < kRounds; ++round) improve_blocks();
    assign();
  }

  [[nodiscard]] uint16_t d(size_t block) const { return float_to_half(d_[block]); }
  [[nodiscard]] uint16_t dmin(size_t block) const { return float_to_half(dmin_[block]); }
  [[nodiscard]] int scale(size_t block, size_t group) const {
    return scales_[block * kGroups + group];
  }
  [[nodiscard]] int min(size_t block, size_t group) const { return mins_[block * kGroups + group]; }
  [[nodiscard]] int q(size_t block, size_t i) const {
    return q_[i % kGroup * kGroupLanes + block * kGroups + i / kGroup];
  }

 private:
  static constexpr int kRounds = 2;
  using Numbers = std::array<int, kGroupLanes>;

  // The block's scales so that the largest of its groups' become the largest numbers.
  void choose_scales(size_t block) {
    float extreme = 0;
    float lowest = 0;
    for (size_t lane = block * kGroups; lane < (block + 1) * kGroups; ++lane) {
      if (std::abs(wanted_.scale[lane]) > std::abs(extreme)) extreme = wanted_.scale[lane];
      lowest = std::min(lowest, wanted_.min[lane]);
    }
    const int bound = shape_.low_scale < 0 ? shape_.low_scale : shape_.high_scale;
    d_[block] = half_to_float(float_to_half(extreme / static_cast<float>(bound)));
    if (shape_.high_min != 0) {
      dmin_[block] = half_to_float(float_to_half(-lowest / static_cast<float>(shape_.high_min)));
    }
    round_scales(block);
  }

  void round_scales(size_t block) {
    const auto nearest = [](float x, float unit, int low, int high) {
      if (unit == 0 || !std::isfinite(unit)) return 0;
      return static_cast<int>(
          std::clamp(std::round(x / unit), static_cast<float>(low), static_cast<float>(high)));
    };
    for (size_t lane = block * kGroups; lane < (block + 1) * kGroups; ++lane) {
      scales_[lane] = nearest(wanted_.scale[lane], d_[block], shape_.low_scale, shape_.high_scale);
      mins_[lane] = nearest(-wanted_.min[lane], dmin_[block], 0, shape_.high_min);
    }
  }

  [[nodiscard]] GroupFit fit_of(const Numbers& scales, const Numbers& mins) const {
    GroupFit fit;
    for (size_t lane = 0; lane < kGroupLanes; ++lane) {
      fit.scale[lane] = d_[lane / kGroups] * static_cast<float>(scales[lane]);
      fit.min[lane] = -(dmin_[lane / kGroups] * static_cast<float>(mins[lane]));
    }
    return fit;
  }

  void assign() { assign_levels(tile_, shape_.levels, fit_of(scales_, mins_), q_); }

  // Rounded scales do not fit as well as those that were found: their neighbours may fit better.
  void improve_groups() {
    group_errors(tile_, shape_.levels, fit_of(scales_, mins_), errors_);
    const Numbers scales = scales_;
    const Numbers mins = mins_;
    const int min_steps = shape_.high_min == 0 ? 0 : 1;
    for (int scale_step = -1; scale_step <= 1; ++scale_step) {
      for (int min_step = -min_steps; min_step <= min_steps; ++min_step) {
        Numbers other_scales, other_mins;
        for (size_t lane = 0; lane < kGroupLanes; ++lane) {
          other_scales[lane] =
              std::clamp(scales[lane] + scale_step, shape_.low_scale, shape_.high_scale);
          other_mins[lane] = std::clamp(mins[lane] + min_step, 0, shape_.high_min);
        }
        keep_better(other_scales, other_mins);
      }
    }
  }

  void keep_better(const Numbers& scales, const Numbers& mins) {
    GroupValues errors;
    group_errors(tile_, shape_.levels, fit_of(scales, mins), errors);
    for (size_t lane = 0; lane < kGroupLanes; ++lane) {
      if (errors[lane] >= errors_[lane]) continue;
      errors_[lane] = errors[lane];
      scales_[lane] = scales[lane];
      mins_[lane] = mins[lane];
    }
  }

  // The d and dmin that fit best to the numbers that were chosen, kept where the error falls.
  void improve_blocks() {
    assign();
    const auto d = d_;
    const auto dmin = dmin_;
    const Moments m = moments();
    for (size_t block = 0; block < kBlocks; ++block) refit(m, block);
    GroupValues errors;
    group_errors(tile_, shape_.levels, fit_of(scales_, mins_), errors);
    for (size_t block = 0; block < kBlocks; ++block) {
      float before = 0;
      float after = 0;
      for (size_t lane = block * kGroups; lane < (block + 1) * kGroups; ++lane) {
        before += errors_[lane];
        after += errors[lane];
      }
      if (after < before) {
        std::copy_n(errors.begin() + block * kGroups, kGroups, errors_.begin() + block * kGroups);
      } else {
        d_[block] = d[block];
        dmin_[block] = dmin[block];
      }
    }
  }

  // Least squares of x = d * u - dmin * v, u = scale * q, v = min: the sums of each group.
  struct Moments {
    GroupValues uu{}, uv{}, vv{}, ux{}, vx{};
  };
  [[nodiscard]] Moments moments() const {
    Moments m;
    for (size_t i = 0; i < kGroup * kGroupLanes; i += kGroupLanes) {
      for (size_t lane = 0; lane < kGroupLanes; ++lane) {
        const auto v = static_cast<float>(mins_[lane]);
        const float u = static_cast<float>(scales_[lane] * q_[i + lane]);
        const float weight = tile_.weight[i + lane];
        const float x = tile_.x[i + lane];
        m.uu[lane] += weight * u * u;
        m.uv[lane] += weight * u * v;
        m.vv[lane] += weight * v * v;
        m.ux[lane] += weight * u * x;
        m.vx[lane] += weight * v * x;
      }
    }
    return m;
  }

  void refit(const Moments& m, size_t block) {
    const auto sum = [block](const GroupValues& values) {
      return std::accumulate(values.begin() + block * kGroups,
                             values.begin() + (block + 1) * kGroups, 0.0F);
    };
    const float uu = sum(m.uu), uv = sum(m.uv), vv = sum(m.vv);
    const float ux = sum(m.ux), vx = sum(m.vx);
    const float determinant = uu * vv - uv * uv;
    float d = uu > 0 ? ux / uu : 0;
    float dmin = 0;
    if (determinant > 0) {
      d = (ux * vv - uv * vx) / determinant;
      dmin = (ux * uv - uu * vx) / determinant;
    }
    if (dmin < 0) return;
    d_[block] = half_to_float(float_to_half(d));
    dmin_[block] = half_to_float(float_to_half(dmin));
  }

  Shape shape_;
  GroupTile tile_;
  GroupFit wanted_;
  std::array<float, kBlocks> d_{}, dmin_{};  // as they are when rounded to halves
  Numbers scales_{}, mins_{};
  GroupValues errors_{};  // of the groups, as things stand
  std::array<int8_t, kMaxGroup * kGroupLanes> q_{};
};

template <size_t kGroups, class Pack>
void encode(const Row& row, const Shape& shape, std::span<std::byte> out, const Pack& pack) {
  SuperBlocks<kGroups> blocks(shape);
  const size_t n_blocks = row.x.size() / kBlock;
  for (size_t first = 0; first < n_blocks; first += blocks.kBlocks) {
    blocks.encode(row, first);
    for (size_t b = 0; b < std::min(blocks.kBlocks, n_blocks - first); ++b) {
      store_block(out, first + b, pack(blocks, b));
    }
  }
}

uint8_t byte(int value) { return static_cast<uint8_t>(value); }

// Q4_K and Q5_K.
template <class Block>
void encode_eight_groups(const Row& row, int most, std::span<std::byte> out) {
  const Shape shape{.levels = {0, most}, .low_scale = 0, .high_scale = 63, .high_min = 63};
  encode<8>(row, shape, out, [](const SuperBlocks<8>& found, size_t b) {
    Block block{.d = found.d(b), .dmin = found.dmin(b)};
    for (size_t g = 0; g < 8; ++g) {
      put_scale_min(block.scales, g, found.scale(b, g), found.min(b, g));
    }
    for (size_t i = 0; i < kBlock; ++i) {
      const int q = found.q(b, i);
      block.qs[i / 64 * 32 + i % 32] |= byte((q & 15) << (i / 32 % 2 * 4));
      if constexpr (requires { block.qh; }) block.qh[i % 32] |= byte((q >> 4) << (i / 32));
    }
    return block;
  });
}

// Two bits of element i, as Q2_K and Q3_K have them.
void put_two_bits(uint8_t (&qs)[64], size_t i, int bits) {
  qs[i / 128 * 32 + i % 32] |= byte(bits << (2 * (i / 32 % 4)));
}

}  // namespace

void encode_q2_k(const Row& row, std::span<std::byte> out) {
  const Shape shape{.levels = {0, 3}, .low_scale = 0, .high_scale = 15, .high_min = 15};
  encode<16>(row, shape, out, [](const SuperBlocks<16>& found, size_t b) {
    BlockQ2_K block{.d = found.d(b), .dmin = found.dmin(b)};
    for (size_t g = 0; g < 16; ++g) {
      block.scales[g] = byte(found.scale(b, g) | (found.min(b, g) << 4));
    }
    for (size_t i = 0; i < kBlock; ++i) put_two_bits(block.qs, i, found.q(b, i));
    return block;
  });
}

void encode_q3_k(const Row& row, std::span<std::byte> out) {
  const Shape shape{.levels = {-4, 3}, .low_scale = -32, .high_scale = 31};
  encode<16>(row, shape, out, [](const SuperBlocks<16>& found, size_t b) {
    BlockQ3_K block{.d = found.d(b)};
    for (size_t g = 0; g < 16; ++g) {
      const int scale = found.scale(b, g) + 32;
      block.scales[g % 8] |= byte((scale & 15) << (g < 8 ? 0 : 4));
      block.scales[8 + g % 4] |= byte((scale >> 4) << (2 * (g / 4)));
    }
    for (size_t i = 0; i < kBlock; ++i) {
      const int q = found.q(b, i) + 4;
      put_two_bits(block.qs, i, q & 3);
      block.hmask[i % 32] |= byte((q >> 2) << (i / 32));
    }
    return block;
  });
}

void encode_q4_k(const Row& row, std::span<std::byte> out) {
  encode_eight_groups<BlockQ4_K>(row, 15, out);
}

void encode_q5_k(const Row& row, std::span<std::byte> out) {
  encode_eight_groups<BlockQ5_K>(row, 31, out);
}

void encode_q6_k(const Row& row, std::span<std::byte> out) {
  const Shape shape{.levels = {-32, 31}, .low_scale = -128, .high_scale = 127};
  encode<16>(row, shape, out, [](const SuperBlocks<16>& found, size_t b) {
    BlockQ6_K block{.d = found.d(b)};
    for (size_t g = 0; g < 16; ++g) block.scales[g] = static_cast<int8_t>(found.scale(b, g));
    for (size_t i = 0; i < kBlock; ++i) {
      const int q = found.q(b, i) + 32;
      block.ql[i / 128 * 64 + i % 64] |= byte((q & 15) << (i / 64 % 2 * 4));
      block.qh[i / 128 * 32 + i % 32] |= byte((q >> 4) << (i / 32 % 4 * 2));
    }
    return block;
  });
}

void encode_iq4_xs(const Row& row, std::span<std::byte> out) {
  const Shape shape{.levels = kIQ4LevelNumbers.levels(), .low_scale = -32, .high_scale = 31};
  encode<8>(row, shape, out, [](const SuperBlocks<8>& found, size_t b) {
    BlockIQ4_XS block{.d = found.d(b)};
    for (size_t g = 0; g < 8; ++g) {
      const int scale = found.scale(b, g) + 32;
      block.scales_low[g / 2] |= byte((scale & 15) << (g % 2 * 4));
      block.scales_high[g / 4] |= byte((scale >> 4) << (g % 4 * 2));
    }
    for (size_t i = 0; i < kBlock; ++i) {
      const int number = kIQ4LevelNumbers.number_of(found.q(b, i));
      block.qs[i / 32 * 16 + i % 16] |= byte(number << (i % 32 / 16 * 4));
    }
    return block;
  });
}

}  // namespace weft::formats
