#include "kv/prefix_cache.h"

#include <algorithm>
#include <ranges>

#include "base/check.h"

namespace weft::kv {

bool PrefixCache::ByTokens::operator()(std::span<const Token> a, std::span<const Token> b) const {
  return std::ranges::lexicographical_compare(a, b);
}

PrefixCache::PrefixCache(BlockPool& pool, uint32_t block_tokens)
    : pool_(pool), block_tokens_(block_tokens) {
  CHECK(block_tokens != 0);
}

std::span<const Token> PrefixCache::tokens_of(std::span<const Token> tokens, size_t i) const {
  return tokens.subspan(i * block_tokens_, block_tokens_);
}

std::vector<Block> PrefixCache::match(std::span<const Token> tokens) {
  std::vector<NodePosition> path;
  const Children* children = &roots_;
  for (size_t i = 0; i < tokens.size() / block_tokens_; ++i) {
    const auto child = children->find(tokens_of(tokens, i));
    if (child == children->end()) break;
    path.push_back(child->second);
    children = &child->second->children;
  }
  touch(path);
  std::vector<Block> blocks;
  for (const NodePosition node : path) {
    pool_.retain(node->block);
    blocks.push_back(node->block);
  }
  return blocks;
}

void PrefixCache::insert(std::span<const Token> tokens, std::span<const Block> blocks) {
  CHECK(blocks.size() <= tokens.size() / block_tokens_);
  std::vector<NodePosition> path;
  Children* children = &roots_;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::span<const Token> key = tokens_of(tokens, i);
    auto child = children->find(key);
    if (child == children->end()) {
      pool_.retain(blocks[i]);
      const NodePosition node = nodes_.insert(nodes_.end(), Node{.block = blocks[i]});
      child = children->emplace(std::vector<Token>(key.begin(), key.end()), node).first;
      node->siblings = children;
      node->place = child;
    }
    path.push_back(child->second);
    children = &child->second->children;
  }
  touch(path);
}

std::optional<Block> PrefixCache::allocate() {
  if (pool_.n_free() == 0) evict();
  return pool_.allocate();
}

size_t PrefixCache::n_available() const {
  return pool_.n_free() +
         static_cast<size_t>(std::ranges::count_if(
             nodes_, [this](const Node& node) { return pool_.references(node.block) == 1; }));
}

void PrefixCache::touch(std::span<const NodePosition> path) {
  for (const NodePosition node : path | std::views::reverse) {
    nodes_.splice(nodes_.begin(), nodes_, node);
  }
}

void PrefixCache::evict() {
  for (auto node = nodes_.end(); node != nodes_.begin();) {
    --node;
    if (pool_.references(node->block) != 1 || !node->children.empty()) continue;
    pool_.release(node->block);
    node->siblings->erase(node->place);
    nodes_.erase(node);
    return;
  }
}

void PrefixCache::clear() {
  for (const Node& node : nodes_) pool_.release(node.block);
  nodes_.clear();
  roots_.clear();
}

}  // namespace weft::kv
