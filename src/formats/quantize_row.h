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

// Elements count by their importance, and large ones more than small ones of their group.
template <size_t kGroup>
void load_tile(const Row& row, size_t first_group, GroupTile& tile) {
  tile.n = kGroup;
  for (size_t lane = 0; lane < kGroupLanes; ++lane) {
    const size_t first = (first_group + lane) * kGroup;
    const bool is_there = first < row.x.size();  // a lane behind the row's end has zeros
    float squares = 0;
    for (size_t i = 0; i < kGroup && is_there; ++i) squares += row.x[first + i] * row.x[first + i];
    const float mean = squares / static_cast<float>(kGroup);
    for (size_t i = 0; i < kGroup; ++i) {
      const float x = is_there ? row.x[first + i] : 0;
      const float counts = is_there && !row.importance.empty() ? row.importance[first + i] : 1;
      tile.x[i * kGroupLanes + lane] = x;
      tile.weight[i * kGroupLanes + lane] = counts * std::sqrt(mean + x * x);
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
