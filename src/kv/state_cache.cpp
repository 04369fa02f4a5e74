#include "kv/state_cache.h"

#include <algorithm>

namespace weft::kv {

std::optional<StateCache::Match> StateCache::match(std::span<const Token> tokens) {
  auto longest = kept_.end();
  for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
    const size_t n = kept->tokens.size();
    if (n > tokens.size() || !std::ranges::equal(kept->tokens, tokens.first(n))) continue;
    if (longest == kept_.end() || n > longest->tokens.size()) longest = kept;
  }
  if (longest == kept_.end()) return std::nullopt;
  kept_.splice(kept_.begin(), kept_, longest);
  pool_.retain(longest->state);
  return Match{.state = longest->state, .n_tokens = static_cast<uint32_t>(longest->tokens.size())};
}

std::optional<State> StateCache::allocate() {
  if (pool_.n_free() == 0) {
    const auto unused = std::ranges::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& kept) {
      return pool_.references(kept.state) == 1;
    });
    if (unused == kept_.rend()) return std::nullopt;
    pool_.release(unused->state);
    kept_.erase(std::next(unused).base());
  }
  return pool_.allocate();
}

void StateCache::insert(std::span<const Token> tokens, State state) {
  const auto same = std::ranges::find_if(
      kept_, [&](const Kept& kept) { return std::ranges::equal(kept.tokens, tokens); });
  if (same != kept_.end()) return kept_.splice(kept_.begin(), kept_, same);
  pool_.retain(state);
  kept_.push_front({.tokens = {tokens.begin(), tokens.end()}, .state = state});
}

void StateCache::clear() {
  for (const Kept& kept : kept_) pool_.release(kept.state);
  kept_.clear();
}

}  // namespace weft::kv
