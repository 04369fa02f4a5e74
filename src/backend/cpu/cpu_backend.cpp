#include "backend/cpu/cpu_backend.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <new>
#include <optional>
#include <system_error>

#include "backend/cpu/attention_layers.h"
#include "backend/cpu/cpu_model.h"
#include "backend/cpu/delta_net.h"
#include "backend/cpu/delta_ops.h"
#include "backend/cpu/element_ops.h"
#include "backend/cpu/embedding.h"
#include "backend/cpu/matmul.h"
#include "backend/cpu/packed_weights.h"
#include "backend/cpu/processor.h"
#include "backend/cpu/profile.h"
#include "backend/cpu/row_ops.h"
#include "backend/cpu/step_rows.h"
#include "backend/cpu/thread_pool.h"
#include "base/check.h"
#include "model/features.h"
#include "sample/chain.h"
#include "sample/most_likely.h"

namespace weft::backend {
namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend(CpuModel model, const Options& options, uint32_t threads);

  [[nodiscard]] const Info& info() const override { return info_; }
  [[nodiscard]] const model::ModelSpec& spec() const override { return *model_.spec; }
  [[nodiscard]] const Options& options() const override { return options_; }

  void submit(std::span<const SequenceStep> step) override;
  [[nodiscard]] Result<std::vector<SequenceOutput>> collect() override;
  [[nodiscard]] Result<void> start_trace(TraceDetail detail) override;
  [[nodiscard]] Trace take_trace() override { return profile_.take(); }

 private:
  [[nodiscard]] Result<std::vector<SequenceOutput>> run(std::span<const SequenceStep> step);
  void forward(const StepRows& step);
  [[nodiscard]] std::vector<SequenceOutput> outputs(std::span<const SequenceStep> step,
                                                    const StepRows& rows);

  void embed(const StepRows& step);
  void matmul(const Cost& cost, const Input& x, uint32_t rows,
              std::initializer_list<Product> products);
  [[nodiscard]] Rows mix(uint32_t layer, const Input& x, const StepRows& step);
  void rotate_and_store(uint32_t layer, const StepRows& step);
  void attention(uint32_t layer, const StepRows& step);
  [[nodiscard]] Input normalized(const std::optional<Norm>& norm) const;
  void finish_branch(const std::optional<Norm>& post_norm, uint32_t rows);
  template <class Run>
  void add_to_residual(const Linear& linear, const std::optional<Norm>& post_norm, uint32_t rows,
                       const Run& run);
  void mlp(const CpuLayer& layer, const Input& x, uint32_t rows);
  void gate_up(const CpuLayer& layer, const Input& x, uint32_t rows);
  void down(const CpuLayer& layer, uint32_t rows, std::span<const Product> products);
  void mixture(const CpuLayer& layer, const Input& x, uint32_t rows);
  void finish_logits(const Rows& logits, uint32_t rows);
  void choose(const SequenceStep& sequence, std::span<const float> logits,
              std::vector<sample::Candidate>& candidates, SequenceOutput& out);

  [[nodiscard]] uint64_t weight_bytes();
  [[nodiscard]] uint64_t activation_bytes() const;

  CpuModel model_;
  Options options_;
  ThreadPool pool_;
  LargePages packed_;
  Matmul matmul_;
  Profile profile_;
  ExpertRunner experts_;
  Info info_;

  AttentionLayers attention_;
  struct Rotation {
    RowBuffer cos, sin;
  };
  std::vector<Rotation> rotations_;  // one for each of the model's ropes
  RowBuffer branch_;  // what is added to the residual stream, where more is done to it first
  RowBuffer shared_;  // what the shared expert of a mixture gives
  RowBuffer residual_, normed_, q_, k_, v_, attended_, attn_gate_;
  RowBuffer hidden_;  // of an MLP whose last matrix multiplies floats
  RowBuffer logits_;  // one row for each sequence
  DeltaNets delta_nets_;

  std::vector<std::optional<Token>> left_in_slots_;
  std::vector<std::vector<sample::Candidate>> candidates_;  // that a thread's draws work on
  std::optional<Result<std::vector<SequenceOutput>>> finished_;
};

CpuBackend::CpuBackend(CpuModel model, const Options& options, uint32_t threads)
    : model_(std::move(model)),
      options_(options),
      pool_(threads),
      packed_(pack_weights(model_.linears(), pool_, options.release)),
      matmul_(pool_, options.max_rows, model_.limits.matmul),
      experts_(pool_, matmul_, profile_, options.max_rows, model_.limits.experts),
      attention_(spec(), options, pool_),
      left_in_slots_(options.max_sequences),
      candidates_(threads) {
  const uint32_t rows = options.max_rows;
  const CpuLimits& limits = model_.limits;
  for (size_t i = 0; i < model_.ropes.size(); ++i) {
    rotations_.push_back({RowBuffer(rows, limits.rope_pairs), RowBuffer(rows, limits.rope_pairs)});
  }
  residual_ = RowBuffer(rows, spec().embd);
  const std::set<model::Feature> features = model::features(spec());
  const bool has_branch = features.contains(model::Feature::kPostNorm) ||
                          features.contains(model::Feature::kResidualScale) ||
                          features.contains(model::Feature::kMixture);
  if (features.contains(model::Feature::kMixture)) shared_ = RowBuffer(rows, spec().embd);
  if (has_branch) branch_ = RowBuffer(rows, spec().embd);
  normed_ = RowBuffer(rows, spec().embd);
  q_ = RowBuffer(rows, limits.q);
  k_ = RowBuffer(rows, limits.kv);
  v_ = RowBuffer(rows, limits.kv);
  attended_ = RowBuffer(rows, limits.q);
  if (features.contains(model::Feature::kAttentionGate)) attn_gate_ = RowBuffer(rows, limits.q);
  hidden_ = RowBuffer(rows, limits.ff);
  logits_ = RowBuffer(options.max_sequences, spec().vocab);
  if (spec().is_recurrent()) delta_nets_ = DeltaNets(model_.delta_nets(), options);

  info_ = {.backend = "cpu",
           .device = processor_name(),
           .threads = threads,
           .memory = {.weights = weight_bytes(),
                      .kv = attention_.kv_bytes(),
                      .states = delta_nets_.state_bytes(),
                      .activations = activation_bytes()}};
}

// Packed ones, and those that are read from the file. An embedding that is the head too is packed;
// the rows of it that tokens ask for come from the file all the same.
uint64_t CpuBackend::weight_bytes() {
  uint64_t bytes = packed_.bytes().size();
  for (const Linear* linear : model_.linears()) {
    if (linear->packed == nullptr) bytes += linear->weight->tensor.data.size();
  }
  if (!spec().tied_output) bytes += spec().token_embd.tensor.data.size();
  return bytes;
}

uint64_t CpuBackend::activation_bytes() const {
  uint64_t bytes = matmul_.size_bytes() + experts_.size_bytes() + attention_.scratch_bytes() +
                   delta_nets_.activation_bytes();
  for (const Rotation& r : rotations_) bytes += r.cos.size_bytes() + r.sin.size_bytes();
  for (const RowBuffer* buffer : {&residual_, &branch_, &normed_, &q_, &k_, &v_, &attended_,
                                  &attn_gate_, &hidden_, &shared_, &logits_}) {
    bytes += buffer->size_bytes();
  }
  return bytes;
}

// The network: every row of the step through every layer, to residual_.
void CpuBackend::forward(const StepRows& step) {
  const auto rows = static_cast<uint32_t>(step.rows.size());
  const Rows residual = residual_.rows(spec().embd);
  embed(step);
  for (uint32_t i = 0; i < model_.layers.size(); ++i) {
    const CpuLayer& layer = model_.layers[i];
    const Input attention_in = normalized(layer.attn_norm);
    const Rows mixed = mix(i, attention_in, step);
    // In a parallel layer the MLP reads the residual stream as it was before attention.
    Input mlp_in{attention_in.x};
    if (layer.spec->parallel && layer.ffn_norm) {
      mlp_in.x = normed_.rows(spec().embd);
      for_rows(pool_, rows, [&](uint32_t row) {
        layer.ffn_norm->apply(residual.values(row), mlp_in.x.values(row));
      });
    }
    add_to_residual(layer.output, layer.attn_post_norm, rows, [&](auto products) {
      profile_.measure(layer.output_cost, rows, [&] { matmul_.run({mixed}, rows, products); });
    });
    if (!layer.spec->parallel) mlp_in = normalized(layer.ffn_norm);
    mlp(layer, mlp_in, rows);
  }
}

// What the layer's output matrix reads, by attention or what is in its place.
Rows CpuBackend::mix(uint32_t layer, const Input& x, const StepRows& step) {
  const CpuLayer& at = model_.layers[layer];
  if (at.delta_net) return delta_nets_.run(layer, x, step, {matmul_, pool_, profile_});
  const auto rows = static_cast<uint32_t>(step.rows.size());
  const Rows attended = attended_.rows(at.q.weight->rows);
  const Rows gate = attn_gate_.rows(at.attn_gate ? attended.cols : 0U);
  std::vector<Product> products{{&at.q, q_.rows(at.q.weight->rows)},
                                {&at.k, k_.rows(at.k.weight->rows)},
                                {&at.v, v_.rows(at.v.weight->rows)}};
  if (at.attn_gate) products.push_back({&*at.attn_gate, gate});
  profile_.measure(at.qkv_cost, rows, [&] { matmul_.run(x, rows, products); });
  rotate_and_store(layer, step);
  attention(layer, step);
  if (at.attn_gate) {
    const Cost cost{.name = "attention gate", .row_bytes = 3 * sizeof(float) * gate.cols};
    profile_.measure(cost, rows, [&] {
      for_rows(pool_, rows,
               [&](uint32_t row) { multiply_by_sigmoid(attended.values(row), gate.values(row)); });
    });
  }
  return attended;
}

// The residual stream, through a norm to normed_ where there is one.
Input CpuBackend::normalized(const std::optional<Norm>& norm) const {
  const Rows residual = residual_.rows(spec().embd);
  if (!norm) return {residual};
  return {normed_.rows(spec().embd), &*norm, residual};
}

// residual += scale * post_norm(the linear's product, as `run` computes it)
template <class Run>
void CpuBackend::add_to_residual(const Linear& linear, const std::optional<Norm>& post_norm,
                                 uint32_t rows, const Run& run) {
  if (!post_norm && spec().residual_scale == 1) {
    return run(std::array{Product{&linear, residual_.rows(spec().embd), Store::kAdd}});
  }
  run(std::array{Product{&linear, branch_.rows(spec().embd)}});
  finish_branch(post_norm, rows);
}

// residual += scale * post_norm(branch)
void CpuBackend::finish_branch(const std::optional<Norm>& post_norm, uint32_t rows) {
  const Rows residual = residual_.rows(spec().embd);
  const Rows branch = branch_.rows(spec().embd);
  const Cost add_cost{.name = "add_scaled", .row_bytes = 3 * sizeof(float) * branch.cols};
  profile_.measure(add_cost, rows, [&] {
    for_rows(pool_, rows, [&](uint32_t row) {
      if (post_norm) post_norm->apply(branch.values(row), branch.values(row));
      add_scaled(residual.values(row), spec().residual_scale, branch.values(row));
    });
  });
}

void CpuBackend::mlp(const CpuLayer& layer, const Input& x, uint32_t rows) {
  if (layer.mixture) return mixture(layer, x, rows);
  gate_up(layer, x, rows);
  add_to_residual(*layer.down, layer.ffn_post_norm, rows,
                  [&](auto products) { down(layer, rows, products); });
}

void CpuBackend::mixture(const CpuLayer& layer, const Input& x, uint32_t rows) {
  const CpuMixture& mixture = *layer.mixture;
  const Rows branch = branch_.rows(spec().embd);
  experts_.run(mixture, layer.spec->mlp.activation, x, rows, branch);
  if (layer.down) {
    gate_up(layer, {x.x}, rows);
    const Rows shared = shared_.rows(spec().embd);
    down(layer, rows, std::array{Product{&*layer.down, shared}});
    if (mixture.shared_router) experts_.weigh_shared(*mixture.shared_router, x.x, rows, shared);
    for_rows(pool_, rows,
             [&](uint32_t row) { add_scaled(branch.values(row), 1, shared.values(row)); });
  }
  finish_branch(layer.ffn_post_norm, rows);
}

// What down() multiplies with the MLP's last matrix.
void CpuBackend::gate_up(const CpuLayer& layer, const Input& x, uint32_t rows) {
  const model::Mlp& spec = layer.spec->mlp;
  const Hidden hidden{layer.gate ? &*layer.gate : nullptr, spec.activation, &*layer.down};
  matmul(layer.gate_up_cost, x, rows,
         {{.linear = &*layer.up, .y = hidden_.rows(spec.ff), .hidden = hidden}});
}

void CpuBackend::down(const CpuLayer& layer, uint32_t rows, std::span<const Product> products) {
  const Rows hidden = hidden_.rows(layer.spec->mlp.ff);
  profile_.measure(layer.down_cost, rows, [&] { matmul_.run_hidden(hidden, rows, products); });
}

// The rows that want logits, to what their sequences asked for.
std::vector<SequenceOutput> CpuBackend::outputs(std::span<const SequenceStep> step,
                                                const StepRows& rows) {
  const Rows normed = normed_.rows(spec().embd);
  const Rows residual = residual_.rows(spec().embd);
  for_rows(pool_, static_cast<uint32_t>(rows.wanted.size()), [&](uint32_t i) {
    model_.output_norm.apply(residual.values(rows.wanted[i]), normed.values(i));
  });
  const Rows logits = logits_.rows(spec().vocab);
  if (rows.wanted_single > 0) {
    matmul(model_.head_cost, {normed}, rows.wanted_single, {{&model_.head, logits}});
    finish_logits(logits, rows.wanted_single);
  }
  std::vector<SequenceOutput> result(step.size());
  std::vector<size_t> single;  // sequences that want one row's
  uint32_t all = rows.wanted_single;
  for (size_t i = 0; i < step.size(); ++i) {
    if (step[i].output == Output::kNone) continue;
    if (step[i].output == Output::kAllLogits) {
      result[i].logits.resize(size_t{step[i].rows()} * spec().vocab);
      const Rows out{result[i].logits.data(), spec().vocab, spec().vocab};
      matmul(model_.head_cost, {normed.from(all)}, step[i].rows(), {{&model_.head, out}});
      finish_logits(out, step[i].rows());
      all += step[i].rows();
    } else {
      single.push_back(i);
    }
  }
  pool_.run(rows.wanted_single, [&](uint32_t i, uint32_t thread) {
    choose(step[single[i]], logits.values(i), candidates_[thread], result[single[i]]);
  });
  return result;
}

void CpuBackend::finish_logits(const Rows& logits, uint32_t rows) {
  if (spec().logit_scale == 1 && spec().logit_softcap == 0) return;
  for_rows(pool_, rows, [&](uint32_t row) {
    if (spec().logit_scale != 1) scale(logits.values(row), spec().logit_scale);
    if (spec().logit_softcap != 0) soft_cap(logits.values(row), spec().logit_softcap);
  });
}

void CpuBackend::choose(const SequenceStep& sequence, std::span<const float> logits,
                        std::vector<sample::Candidate>& candidates, SequenceOutput& out) {
  switch (sequence.output) {
    case Output::kGreedy:
      out.token = sample::most_likely(logits);
      left_in_slots_[sequence.slot] = out.token;
      break;
    case Output::kDrawn:
      out.token = sample::choose(logits, sequence.draw, candidates);
      left_in_slots_[sequence.slot] = out.token;
      break;
    default:
      out.logits.assign(logits.begin(), logits.end());
  }
}

void CpuBackend::embed(const StepRows& step) {
  const model::Weight& table = spec().token_embd;
  const Cost cost{.name = "embed",
                  .row_bytes = table.tensor.data.size() / table.rows + spec().embd * sizeof(float)};
  profile_.measure(cost, step.rows.size(), [&] {
    for_rows(pool_, static_cast<uint32_t>(step.rows.size()), [&](uint32_t row) {
      const StepRow& at = step.rows[row];
      embed_token(spec(), at.token, at.pos, residual_.rows(spec().embd).values(row));
      for (size_t i = 0; i < rotations_.size(); ++i) {
        const auto pairs = static_cast<uint32_t>(model_.ropes[i]->inv_freq.size());
        fill_rotation(*model_.ropes[i], at.pos,
                      {.cos = rotations_[i].cos.rows(pairs).values(row),
                       .sin = rotations_[i].sin.rows(pairs).values(row)});
      }
    });
  });
}

void CpuBackend::matmul(const Cost& cost, const Input& x, uint32_t rows,
                        std::initializer_list<Product> products) {
  profile_.measure(cost, rows, [&] { matmul_.run(x, rows, {products.begin(), products.end()}); });
}

void CpuBackend::rotate_and_store(uint32_t layer, const StepRows& step) {
  const CpuLayer& at = model_.layers[layer];
  const model::Attention& attention_spec = at.spec->attention;
  const uint32_t head_dim = attention_spec.head_dim;
  const auto pairs = static_cast<uint32_t>(attention_spec.rope.inv_freq.size());
  const Rotation& rotation = rotations_[at.rope];
  const Cost cost{.name = "rope",
                  .row_bytes = sizeof(float) * 2 * (at.q.weight->rows + at.k.weight->rows) +
                               attention_.token_bytes(layer)};
  profile_.measure(cost, step.rows.size(), [&] {
    for_rows(pool_, static_cast<uint32_t>(step.rows.size()), [&](uint32_t row) {
      const RotationRow angles{.cos = rotation.cos.rows(pairs).values(row),
                               .sin = rotation.sin.rows(pairs).values(row)};
      const std::span k = k_.rows(at.k.weight->rows).values(row);
      const std::span v = v_.rows(at.v.weight->rows).values(row);
      const std::span q = q_.rows(at.q.weight->rows).values(row);
      if (at.q_norm) at.q_norm->apply(q, q);
      if (at.k_norm) at.k_norm->apply(k, k);
      rotate(q, head_dim, attention_spec.rope.pairs, angles);
      rotate(k, head_dim, attention_spec.rope.pairs, angles);
      attention_.store(layer, step.rows[row], k.data(), v.data());
    });
  });
}

void CpuBackend::attention(uint32_t layer, const StepRows& step) {
  const uint32_t q_cols = model_.layers[layer].q.weight->rows;
  const Cost cost{.name = "attention",
                  .fixed_bytes = step.keys * attention_.token_bytes(layer),
                  .fixed_flops = step.scores * 4 * q_cols};
  profile_.measure(cost, step.rows.size(),
                   [&] { attention_.run(layer, step, q_.rows(q_cols), attended_.rows(q_cols)); });
}

Result<std::vector<SequenceOutput>> CpuBackend::run(std::span<const SequenceStep> step) {
  WEFT_ASSIGN(const StepRows rows, StepRows::create(step, options_, spec().vocab, left_in_slots_));
  forward(rows);
  return outputs(step, rows);
}

// The threads are this process's own, so there is nothing to gain by returning before it is done.
void CpuBackend::submit(std::span<const SequenceStep> step) {
  CHECK(!finished_.has_value());
  finished_ = profile_.measure_step([&] { return run(step); });
}

Result<std::vector<SequenceOutput>> CpuBackend::collect() {
  CHECK(finished_.has_value());
  auto result = std::move(*finished_);
  finished_.reset();
  return result;
}

Result<void> CpuBackend::start_trace(TraceDetail detail) {
  profile_.start(detail);
  return {};
}

}  // namespace

Result<std::unique_ptr<Backend>> create_cpu_backend(const model::ModelSpec& spec,
                                                    const Options& options) {
  if (options.max_sequences == 0 || options.max_rows == 0 || options.kv_blocks == 0) {
    return fail(
        "The CPU backend needs at least one sequence, row and KV block, and was given {}, "
        "{} and {}.",
        options.max_sequences, options.max_rows, options.kv_blocks);
  }
  if (spec.position_embd && options.max_context > spec.position_embd->rows) {
    return fail("The model has {} positions, and a context of {} was asked for.",
                spec.position_embd->rows, options.max_context);
  }
  WEFT_ASSIGN(CpuModel model, CpuModel::create(spec));
  const uint32_t threads = options.threads != 0 ? options.threads : usable_cores();
  try {
    return std::make_unique<CpuBackend>(std::move(model), options, threads);
  } catch (const std::bad_alloc&) {
    return fail("There is not enough memory for {} KV blocks of {} tokens and steps of {} rows.",
                options.kv_blocks, kBlockTokens, options.max_rows);
  } catch (const std::system_error& error) {
    return fail("{} threads could not be started: {}.", threads, error.what());
  }
}

}  // namespace weft::backend
