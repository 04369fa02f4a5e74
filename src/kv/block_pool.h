// Which blocks of the KV cache are in use, and by how many. Host bookkeeping: the blocks' contents
// are the backend's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace weft::kv {

using Block = uint32_t;  // an index into the backend's KV storage

class BlockPool {
 public:
  explicit BlockPool(uint32_t n_blocks);

  // A free block, from now on with one reference; nothing where all are in use.
  [[nodiscard]] std::optional<Block> allocate();
  void retain(Block block);
  void release(Block block);  // the last reference frees it

  [[nodiscard]] uint32_t references(Block block) const { return references_[block]; }
  [[nodiscard]] uint32_t n_free() const { return static_cast<uint32_t>(free_.size()); }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(references_.size()); }

 private:
  std::vector<uint32_t> references_;  // by block
  std::vector<Block> free_;           // the last one is handed out next
};

}  // namespace weft::kv
