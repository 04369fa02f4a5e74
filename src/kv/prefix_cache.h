// Blocks kept after their sequences are done, so that an equal beginning is not computed again: a
// tree whose edges are the tokens of whole blocks. A block is in the tree because of its tokens and
// all tokens before it, as its keys and values depend on both.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/token.h"
#include "kv/block_pool.h"

namespace weft::kv {

class PrefixCache {
 public:
  // Holds one reference to each block it keeps. `pool` outlives the cache.
  PrefixCache(BlockPool& pool, uint32_t block_tokens);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;
  ~PrefixCache() { clear(); }

  // The longest cached beginning of `tokens`: its blocks, each retained for the caller.
  [[nodiscard]] std::vector<Block> match(std::span<const Token> tokens);

  // Keeps `blocks`, which hold the first blocks.size() * block_tokens of `tokens`. Where the tree
  // has such a block already, that one stays.
  void insert(std::span<const Token> tokens, std::span<const Block> blocks);

  // A free block with one reference. Where the pool has none, the block that was matched or
  // inserted longest ago goes first, among those that no one else uses and that begin no other.
  [[nodiscard]] std::optional<Block> allocate();

  // Blocks that are free or that allocate() would evict. One more than those may be counted where
  // equal tokens were computed side by side: a block no one uses, before one that is in use.
  [[nodiscard]] size_t n_available() const;

  void clear();
  [[nodiscard]] size_t size() const { return nodes_.size(); }

 private:
  struct Node;
  using NodePosition = std::list<Node>::iterator;
  struct ByTokens {
    using is_transparent = void;
    bool operator()(std::span<const Token> a, std::span<const Token> b) const;
  };
  using Children = std::map<std::vector<Token>, NodePosition, ByTokens>;
  struct Node {
    Block block;
    Children* siblings;  // the map this node is in, and where
    Children::iterator place;
    Children children;
  };

  [[nodiscard]] std::span<const Token> tokens_of(std::span<const Token> tokens, size_t i) const;
  void touch(std::span<const NodePosition> path);
  void evict();

  BlockPool& pool_;
  uint32_t block_tokens_;
  std::list<Node> nodes_;  // used last first; a node before all its descendants
  Children roots_;
};

}  // namespace weft::kv
