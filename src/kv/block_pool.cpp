#include "kv/block_pool.h"

#include <numeric>

#include "base/check.h"

namespace weft::kv {

BlockPool::BlockPool(uint32_t n_blocks) : references_(n_blocks, 0), free_(n_blocks) {
  std::iota(free_.rbegin(), free_.rend(), Block{0});
}

std::optional<Block> BlockPool::allocate() {
  if (free_.empty()) return std::nullopt;
  const Block block = free_.back();
  free_.pop_back();
  references_[block] = 1;
  return block;
}

void BlockPool::retain(Block block) {
  CHECK(block < size() && references_[block] != 0);
  ++references_[block];
}

void BlockPool::release(Block block) {
  CHECK(block < size() && references_[block] != 0);
  if (--references_[block] == 0) free_.push_back(block);
}

}  // namespace weft::kv
