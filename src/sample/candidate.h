// A token that may come next.
#pragma once

#include "base/token.h"

namespace weft::sample {

struct Candidate {
  Token token;
  float logit;

  bool operator==(const Candidate&) const = default;
};

// The order in which candidates are listed, everywhere: by logit, descending; equal logits by
// token.
[[nodiscard]] constexpr bool better(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

}  // namespace weft::sample
