// Mixtures of experts: rows find their experts, and experts multiply the rows that found them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend/cpu/aligned.h"
#include "backend/cpu/matmul.h"
#include "backend/cpu/profile.h"
#include "backend/cpu/thread_pool.h"
#include "base/error.h"
#include "model/spec.h"

namespace weft::backend {

struct ExpertLinears {
  Linear gate, up, down;
};

// A layer's mixture as the CPU runs it.
struct CpuMixture {
  model::Mixture spec;
  Linear router;
  std::vector<ExpertLinears> experts;
  std::optional<Linear> shared_router;
  Cost router_cost, gate_up_cost, down_cost;  // of experts: of one

  [[nodiscard]] static Result<CpuMixture> create(const model::LayerSpec& layer);
};

// One of the experts of a row, and the weight of what it gives.
struct ExpertChoice {
  uint32_t expert;
  float weight;
};

// The experts of a row by the router's logits, most likely first; `out` has mixture.used places.
void choose_experts(const model::Mixture& mixture, std::span<const float> logits,
                    std::span<ExpertChoice> out);

// What mixtures need besides their weights: the largest of any layer. All are 0 without mixtures.
struct ExpertLimits {
  uint32_t experts = 0;
  uint32_t used = 0;
  uint32_t ff = 0;
  uint32_t embd = 0;

  void widen(const CpuMixture& mixture);
};

class ExpertRunner {
 public:
  ExpertRunner(ThreadPool& pool, Matmul& matmul, Profile& profile, uint32_t max_rows,
               const ExpertLimits& limits);

  // out = what the mixture makes of the first `rows` rows of x.
  void run(const CpuMixture& mixture, model::Activation activation, const Input& x, uint32_t rows,
           const Rows& out);
  // Multiplies each row of y with the sigmoid of the shared router's product with the row of x.
  void weigh_shared(const Linear& shared_router, const Rows& x, uint32_t rows, const Rows& y);

  [[nodiscard]] uint64_t size_bytes() const;

 private:
  // Rows that go through one expert: places [first, first + rows) of the gathered ones.
  struct Group {
    uint32_t expert, first, rows;
  };

  void route(const CpuMixture& mixture, const Input& x, uint32_t rows);
  void group(const model::Mixture& mixture, uint32_t rows);
  // A product for each group, run by `run(batches)`.
  template <class Run>
  void multiply(const Cost& cost, std::span<const Product> products, const Run& run);
  void add_up(uint32_t used, uint32_t rows, const Rows& out);

  ThreadPool& pool_;
  Matmul& matmul_;
  Profile& profile_;
  RowBuffer logits_;                       // [rows, experts]
  RowBuffer gathered_, hidden_, outputs_;  // a row for each choice, expert after expert
  std::vector<ExpertChoice> choices_;      // [rows, used]
  std::vector<uint32_t> places_;           // [rows, used], in what is gathered
  std::vector<Group> groups_;
};

}  // namespace weft::backend
