#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/draw/draw.h"

namespace weft::kernels {
namespace {

struct Likely {
  uint32_t token;
  double logit;
};

double sum_of(const std::vector<Likely>& list, double temperature) {
  double sum = 0;
  for (const Likely& l : list) sum += std::exp((l.logit - list[0].logit) / temperature);
  return sum;
}

// The fewest of `list`, in its order, that have the share p of all.
void keep_share(std::vector<Likely>& list, double p) {
  const double sum = sum_of(list, 1);
  double kept = 0;
  size_t n = 0;
  while (n < list.size() && (n == 0 || kept < p * sum)) {
    kept += std::exp(list[n++].logit - list[0].logit);
  }
  list.resize(n);
}

void sort_by_surprise(std::vector<Likely>& list) {
  const double log_sum = std::log(sum_of(list, 1)) + list[0].logit;
  double entropy = 0;
  for (const Likely& l : list) entropy -= std::exp(l.logit - log_sum) * (l.logit - log_sum);
  std::ranges::stable_sort(list, {},
                           [&](const Likely& l) { return std::abs(log_sum - l.logit - entropy); });
}

double unlikely(const Likely& l) { return -l.logit; }

// From what top_k left, best first.
uint32_t draw_from(std::vector<Likely> list, const DrawRule& rule, double top_p, double uniform) {
  if (rule.typical_p < 1) {
    sort_by_surprise(list);
    keep_share(list, rule.typical_p);
  }
  if (rule.top_p < 1) {
    std::ranges::stable_sort(list, {}, unlikely);
    keep_share(list, top_p);
  }
  const double best = std::ranges::min(list, {}, unlikely).logit;
  std::erase_if(list, [&](const Likely& l) { return std::exp(l.logit - best) < rule.min_p; });
  std::ranges::sort(list, {}, &Likely::token);
  double left = uniform * sum_of(list, rule.temperature);
  size_t i = 0;
  for (; i + 1 < list.size(); ++i) {
    left -= std::exp((list[i].logit - list[0].logit) / rule.temperature);
    if (left < 0) break;
  }
  return list[i].token;
}

}  // namespace

std::vector<uint32_t> draw_ref(std::span<const double> logits, const DrawRule& rule,
                               double margin) {
  std::vector<Likely> list;
  for (uint32_t i = 0; i < logits.size(); ++i) list.push_back({i, logits[i]});
  std::ranges::stable_sort(list, {}, unlikely);
  if (rule.temperature == 0) return {list[0].token};
  if (rule.top_k != 0) list.resize(std::min<size_t>(list.size(), rule.top_k));

  std::set<uint32_t> tokens;
  for (const double shift : {-margin, 0.0, margin}) {
    for (const double top_p_shift : {-margin, 0.0, margin}) {
      tokens.insert(draw_from(list, rule, rule.top_p + top_p_shift, rule.uniform + shift));
    }
  }
  return {tokens.begin(), tokens.end()};
}

}  // namespace weft::kernels
