#include "backend/cpu/experts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "backend/cpu/element_ops.h"
#include "base/check.h"

namespace weft::backend {
namespace {

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

Cost cost_of(std::string_view name, std::initializer_list<const Linear*> linears) {
  Cost cost{.name = std::string(name)};
  for (const Linear* linear : linears) {
    const model::Weight& w = *linear->weight;
    cost.fixed_bytes += w.tensor.data.size();
    cost.row_bytes += sizeof(float) * (uint64_t{w.rows} + w.cols);
    cost.row_flops += uint64_t{2} * w.rows * w.cols;
  }
  return cost;
}

// The largest logit of those that are left, again and again; -inf: chosen before.
void mix_sparsely(std::span<const float> logits, std::span<ExpertChoice> out) {
  constexpr float kChosen = -std::numeric_limits<float>::infinity();
  std::vector<float> left(logits.begin(), logits.end());
  for (ExpertChoice& choice : out) {
    const auto best = std::ranges::max_element(left);
    const float most = *best;
    float sum = 0;
    for (const float logit : left) {
      const bool is_far = most - logit > model::kMixerReach * std::max(std::abs(logit), most);
      if (logit != kChosen && !is_far) sum += std::exp(logit - most);
    }
    choice = {.expert = static_cast<uint32_t>(best - left.begin()), .weight = 1 / sum};
    *best = kChosen;
  }
}

}  // namespace

Result<CpuMixture> CpuMixture::create(const model::LayerSpec& layer) {
  CpuMixture mixture{.spec = *layer.mlp.mixture};
  WEFT_ASSIGN(mixture.router, Linear::create(*layer.ffn_router, layer.ffn_router_bias));
  for (const model::Expert& expert : layer.experts) {
    ExpertLinears linears;
    WEFT_ASSIGN(linears.gate, Linear::create(expert.gate, expert.gate_bias));
    WEFT_ASSIGN(linears.up, Linear::create(expert.up, expert.up_bias));
    WEFT_ASSIGN(linears.down, Linear::create(expert.down, expert.down_bias));
    mixture.experts.push_back(std::move(linears));
  }
  if (layer.ffn_shared_router) {
    WEFT_ASSIGN(mixture.shared_router, Linear::create(*layer.ffn_shared_router, std::nullopt));
  }
  const ExpertLinears& first = mixture.experts.front();
  mixture.router_cost = cost_of("router", {&mixture.router});
  mixture.gate_up_cost = cost_of("experts: gate, up", {&first.gate, &first.up});
  mixture.down_cost = cost_of("experts: down", {&first.down});
  return mixture;
}

void choose_experts(const model::Mixture& mixture, std::span<const float> logits,
                    std::span<ExpertChoice> out) {
  CHECK(out.size() == mixture.used && logits.size() == mixture.experts);
  if (mixture.router == model::Router::kSparseMixer) return mix_sparsely(logits, out);
  std::vector<uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto is_before = [&](uint32_t a, uint32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  };
  std::ranges::partial_sort(order, order.begin() + mixture.used, is_before);
  const bool is_softmax = mixture.router == model::Router::kSoftmax;
  const float most = logits[order[0]];
  const auto score = [&](float logit) {
    return is_softmax ? std::exp(logit - most) : sigmoid(logit);
  };
  float sum = 0;
  for (uint32_t i = 0; i < mixture.used; ++i) {
    out[i] = {.expert = order[i], .weight = score(logits[order[i]])};
    sum += out[i].weight;
  }
  if (!mixture.normalized) {
    sum = 1;
    if (is_softmax) {
      sum = std::accumulate(logits.begin(), logits.end(), 0.0F,
                            [&](float before, float logit) { return before + score(logit); });
    }
  }
  for (ExpertChoice& choice : out) choice.weight /= sum;
}

void ExpertLimits::widen(const CpuMixture& mixture) {
  experts = std::max(experts, mixture.spec.experts);
  used = std::max(used, mixture.spec.used);
  ff = std::max(ff, mixture.spec.ff);
  embd = std::max(embd, mixture.router.weight->cols);
}

ExpertRunner::ExpertRunner(ThreadPool& pool, Matmul& matmul, Profile& profile, uint32_t max_rows,
                           const ExpertLimits& limits)
    : pool_(pool), matmul_(matmul), profile_(profile) {
  if (limits.used == 0) return;
  const uint32_t gathered = max_rows * limits.used;
  logits_ = RowBuffer(max_rows, limits.experts);
  gathered_ = RowBuffer(gathered, limits.embd);
  hidden_ = RowBuffer(gathered, limits.ff);
  outputs_ = RowBuffer(gathered, limits.embd);
}

uint64_t ExpertRunner::size_bytes() const {
  uint64_t bytes = 0;
  for (const RowBuffer* buffer : {&logits_, &gathered_, &hidden_, &outputs_}) {
    bytes += buffer->size_bytes();
  }
  return bytes;
}

void ExpertRunner::run(const CpuMixture& mixture, model::Activation activation, const Input& x,
                       uint32_t rows, const Rows& out) {
  const uint32_t used = mixture.spec.used;
  route(mixture, x, rows);
  group(mixture.spec, rows);
  const Rows gathered = gathered_.rows(x.x.cols);
  for_rows(pool_, rows * used, [&](uint32_t i) {
    const std::span row = gathered.values(places_[i]);
    std::ranges::copy(x.x.values(i / used), row.begin());
    if (mixture.spec.weighs_inputs) scale(row, std::exchange(choices_[i].weight, 1.0F));
  });
  const Rows hidden = hidden_.rows(mixture.spec.ff);
  const Rows outputs = outputs_.rows(out.cols);
  std::vector<Product> gate_up, down;
  for (const Group& g : groups_) {
    const ExpertLinears& expert = mixture.experts[g.expert];
    gate_up.push_back({.linear = &expert.up,
                       .y = hidden,
                       .hidden = Hidden{&expert.gate, activation, &expert.down}});
    down.push_back({&expert.down, outputs});
  }
  multiply(mixture.gate_up_cost, gate_up,
           [&](std::span<const Batch> batches) { matmul_.run({gathered}, batches); });
  multiply(mixture.down_cost, down,
           [&](std::span<const Batch> batches) { matmul_.run_hidden(hidden, batches); });
  add_up(used, rows, out);
}

void ExpertRunner::weigh_shared(const Linear& shared_router, const Rows& x, uint32_t rows,
                                const Rows& y) {
  const Rows logits = logits_.rows(1);
  matmul_.run({x}, rows, std::array{Product{&shared_router, logits}});
  for_rows(pool_, rows, [&](uint32_t row) { scale(y.values(row), sigmoid(*logits.row(row))); });
}

void ExpertRunner::route(const CpuMixture& mixture, const Input& x, uint32_t rows) {
  const uint32_t used = mixture.spec.used;
  const Rows logits = logits_.rows(mixture.spec.experts);
  profile_.measure(mixture.router_cost, rows,
                   [&] { matmul_.run(x, rows, std::array{Product{&mixture.router, logits}}); });
  choices_.resize(size_t{rows} * used);
  for_rows(pool_, rows, [&](uint32_t row) {
    choose_experts(mixture.spec, logits.values(row),
                   std::span(choices_).subspan(size_t{row} * used, used));
  });
}

// Gives each choice a place among those of its expert, rows in their order.
void ExpertRunner::group(const model::Mixture& mixture, uint32_t rows) {
  std::vector<uint32_t> counts(mixture.experts);
  for (const ExpertChoice& choice : choices_) ++counts[choice.expert];
  std::vector<uint32_t> next(mixture.experts);
  groups_.clear();
  uint32_t first = 0;
  for (uint32_t expert = 0; expert < mixture.experts; ++expert) {
    next[expert] = first;
    if (counts[expert] == 0) continue;
    groups_.push_back({.expert = expert, .first = first, .rows = counts[expert]});
    first += counts[expert];
  }
  places_.resize(size_t{rows} * mixture.used);
  for (size_t i = 0; i < places_.size(); ++i) places_[i] = next[choices_[i].expert]++;
}

template <class Run>
void ExpertRunner::multiply(const Cost& cost, std::span<const Product> products, const Run& run) {
  std::vector<Batch> batches;
  for (const Group& g : groups_) {
    batches.push_back(
        {.first = g.first, .rows = g.rows, .products = products.subspan(batches.size(), 1)});
  }
  Cost of_all = cost;
  of_all.fixed_bytes *= groups_.size();
  profile_.measure(of_all, groups_.back().first + groups_.back().rows, [&] { run(batches); });
}

// In the order of a row's choices, so that the sum does not depend on other rows.
void ExpertRunner::add_up(uint32_t used, uint32_t rows, const Rows& out) {
  const Rows outputs = outputs_.rows(out.cols);
  for_rows(pool_, rows, [&](uint32_t row) {
    const std::span sum = out.values(row);
    std::ranges::fill(sum, 0.0F);
    for (uint32_t i = row * used; i < (row + 1) * used; ++i) {
      add_scaled(sum, choices_[i].weight, outputs.values(places_[i]));
    }
  });
}

}  // namespace weft::backend
