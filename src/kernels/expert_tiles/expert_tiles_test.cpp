#include "kernels/expert_tiles/expert_tiles.h"

#include <algorithm>

#include "kernels/route/route.h"
#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class ExpertTilesTest : public KernelTest {
 protected:
  void expect_right(const ExpertTiles& shape, uint32_t rows,
                    const std::vector<ExpertChoice>& choices) {
    SCOPED_TRACE(testing::Message() << rows << " rows, " << shape.used << " of " << shape.experts
                                    << " experts, tiles of " << shape.tile);
    const TestBuffer chosen = input(choices);
    const TestBuffer tiles = output<uint32_t>(expert_tiles_bytes(shape, rows) / 4);
    run(expert_tiles(device(), shape, {.choices = chosen, .tiles = tiles}), {.rows = rows});
    std::vector<uint32_t> want{0};
    for (uint32_t expert = 0; expert < shape.experts; ++expert) {
      uint32_t in_tile = shape.tile;
      for (uint32_t i = 0; i < choices.size(); ++i) {
        if (choices[i].expert != expert) continue;
        if (in_tile == shape.tile) {
          want.push_back(expert);
          ++want[0];
          in_tile = 0;
        }
        want.push_back(i);
        ++in_tile;
      }
      want.insert(want.end(), shape.tile - in_tile, ~0U);
    }
    std::vector<uint32_t> got = values<uint32_t>(tiles);
    ASSERT_LE(want.size(), got.size());
    EXPECT_TRUE(std::ranges::all_of(std::span(got).subspan(want.size()),
                                    [](uint32_t word) { return word == kNan; }));
    got.resize(want.size());
    EXPECT_EQ(got, want);
  }
};

TEST_F(ExpertTilesTest, AreTheChoicesInOrder) {
  for (const ExpertTiles& shape :
       {ExpertTiles{1, 1, 16}, {5, 2, 16}, {128, 8, 32}, {8, 2, 64}, {1024, 3, 16}}) {
    for (const uint32_t rows : {1U, 15U, 64U, 257U}) {
      const std::vector<uint32_t> random = random_words(rows, rows);
      std::vector<ExpertChoice> choices;
      for (uint32_t i = 0; i < rows * shape.used; ++i) {
        choices.push_back({(random[i / shape.used] % 1031 + i % shape.used) % shape.experts, 1});
      }
      expect_right(shape, rows, choices);
    }
  }
}

TEST_F(ExpertTilesTest, OneExpertMayHaveAllRows) {
  constexpr uint32_t kRows = 300;
  for (const uint32_t expert : {0U, 3U, 6U}) {
    expect_right({7, 1, 16}, kRows, std::vector<ExpertChoice>(kRows, {expert, 1}));
  }
}

}  // namespace
}  // namespace weft::kernels
