// Part of quantize.cpp: rows cut into tiles of groups, and the encoders of blocks of 256 elements.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "formats/group_search.h"

namespace weft::formats {

struct Row {
  std::span<const float> x;
  std::span<const float> importance;  // as long, or empty
};

// Elements count by their importance, and large ones more than small ones of their group. Lanes
// behind the row's end have zeros. Loops over lanes are the inner ones, so that they are vectors.
template <size_t kGroup>
void load_tile(const Row& row, size_t first_group, GroupTile& tile) {
  tile.n = kGroup;
  const size_t lanes = std::min(kGroupLanes, row.x.size() / kGroup - first_group);
  const float* x = row.x.data() + first_group * kGroup;
  const std::span<const float> counts =
      row.importance.empty() ? row.importance : row.importance.subspan(first_group * kGroup);
  GroupValues squares{};
  for (size_t i = 0; i < kGroup; ++i) {
    float* to = tile.x + i * kGroupLanes;
    float* weight = tile.weight + i * kGroupLanes;
    for (size_t lane = 0; lane < kGroupLanes; ++lane) to[lane] = 0;
    for (size_t lane = 0; lane < kGroupLanes; ++lane) weight[lane] = 1;
    for (size_t lane = 0; lane < lanes; ++lane) to[lane] = x[lane * kGroup + i];
    for (size_t lane = 0; lane < lanes && !counts.empty(); ++lane) {
      weight[lane] = counts[lane * kGroup + i];
    }
    for (size_t lane = 0; lane < kGroupLanes; ++lane) squares[lane] += to[lane] * to[lane];
  }
  for (size_t i = 0; i < kGroup; ++i) {
    const float* from = tile.x + i * kGroupLanes;
    float* weight = tile.weight + i * kGroupLanes;
    for (size_t lane = 0; lane < kGroupLanes; ++lane) {
      const float mean = squares[lane] / static_cast<float>(kGroup);
      weight[lane] *= std::sqrt(mean + from[lane] * from[lane]);
    }
  }
}

template <class Block>
void store_block(std::span<std::byte> out, size_t index, const Block& block) {
  std::memcpy(out.data() + index * sizeof(Block), &block, sizeof(Block));
}

void encode_q2_k(const Row& row, std::span<std::byte> out);
void encode_q3_k(const Row& row, std::span<std::byte> out);
void encode_q4_k(const Row& row, std::span<std::byte> out);
void encode_q5_k(const Row& row, std::span<std::byte> out);
void encode_q6_k(const Row& row, std::span<std::byte> out);
void encode_iq4_xs(const Row& row, std::span<std::byte> out);

}  // namespace weft::formats
