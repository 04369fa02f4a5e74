#include "backend/gpu/gpu_backend.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <tuple>
#include <utility>

#include "backend/gpu/all_draws.h"
#include "backend/gpu/dot_plan.h"
#include "backend/gpu/mixture_plan.h"
#include "backend/gpu/outputs.h"
#include "backend/gpu/plan.h"
#include "backend/gpu/step_data.h"
#include "backend/gpu/storage.h"
#include "backend/gpu/tracer.h"
#include "backend/gpu/weights.h"
#include "base/check.h"
#include "base/checked.h"
#include "formats/quote.h"
#include "model/features.h"

namespace weft::backend {
namespace {

using model::Feature;
using enum model::Feature;

// Steps that may be on their way: enough for the GPU to have the next one while the host reads.
constexpr uint32_t kMaxInFlight = 4;
constexpr uint32_t kPiece = 32;  // dispatches that are submitted while others are recorded

// All that there are: one that is new is refused until it is here.
constexpr std::array kFeatures{
    kLayerNorm,
    kNormBias,
    kNoPreNorm,
    kPostNorm,
    kParallelLayer,
    kHeadQkNorm,
    kWholeQkNorm,
    kNoRotation,
    kAttentionSoftcap,
    kSlidingWindow,
    kEmbeddingScale,
    kRotationMagnitude,
    kGelu,
    kPositionEmbedding,
    kUngatedMlp,
    kResidualScale,
    kLogitScale,
    kLogitSoftcap,
    kOutputBias,
    kMixture,
    kDeltaNet,
    kAttentionGate,
    kAttentionSinks,
    kClampedSwiglu,
    kChunkedAttention,
    kAttentionTemperature,
    kWeighedExpertInputs,
};

// What does not go together on the GPU, though each does alone.
Result<void> expect_known_pairs(const model::ModelSpec& spec) {
  const std::set<Feature> asked = model::features(spec);
  const bool has_qk_norm = asked.contains(kHeadQkNorm) || asked.contains(kWholeQkNorm);
  // The first: residual_eps() says why.
  const std::tuple<bool, Feature, Feature> pairs[] = {
      {asked.contains(kNoPreNorm) && asked.contains(kResidualScale), kNoPreNorm, kResidualScale},
      {has_qk_norm && asked.contains(kLayerNorm), kLayerNorm, kHeadQkNorm},
      {asked.contains(kMixture) && asked.contains(kPostNorm), kMixture, kPostNorm},
      {asked.contains(kLogitScale) && asked.contains(kOutputBias), kLogitScale, kOutputBias}};
  for (const auto& [is_asked, one, other] : pairs) {
    if (!is_asked) continue;
    return fail("The GPU backend computes no {} together with {}, which architecture {} needs.",
                model::name(one), model::name(other), formats::quote(spec.architecture));
  }
  return {};
}

class GpuBackend final : public Backend {
 public:
  GpuBackend(const model::ModelSpec& spec, const Options& options,
             std::shared_ptr<gpu::Device> device, const Products& products)
      : spec_(spec),
        options_(options),
        products_(products),
        kept_device_(std::move(device)),
        device_(*kept_device_) {}

  Result<void> load(const std::function<void(uint64_t, uint64_t)>& progress) {
    WEFT_TRY(model::expect_features(spec_, kFeatures, "The GPU backend"));
    WEFT_TRY(expect_known_pairs(spec_));
    WEFT_TRY(expect_mixtures_fit(spec_, options_));
    if (spec_.position_embd && options_.max_context > spec_.position_embd->rows) {
      return fail("The model has {} positions, and a context of {} was asked for.",
                  spec_.position_embd->rows, options_.max_context);
    }
    WEFT_ASSIGN(step_, StepData::create(device_, options_));
    WEFT_ASSIGN(kv_, KvStorage::create(device_, spec_, options_));
    WEFT_ASSIGN(states_, StateStorage::create(device_, spec_, options_));
    WEFT_ASSIGN(activations_, Activations::create(device_, spec_, options_,
                                                  multiplies_many_rows_by_dots(
                                                      device_.info(), products_.many_rows)));
    WEFT_ASSIGN(weights_, upload_weights(device_, spec_, progress));
    WEFT_ASSIGN(all_draws_, AllDraws::create(device_, spec_, options_, step_, activations_));
    WEFT_ASSIGN(plans_, build_plans({.device = device_,
                                     .spec = spec_,
                                     .options = options_,
                                     .weights = weights_,
                                     .kv = kv_,
                                     .states = states_,
                                     .activations = activations_,
                                     .step = step_,
                                     .products = products_}));
    for (uint32_t i = 0; i < kMaxInFlight; ++i) {
      WEFT_ASSIGN(OutputReader reader, OutputReader::create(device_, spec_.vocab, options_));
      free_readers_.push_back(std::move(reader));
    }
    WEFT_TRY(device_.wait_idle());
    const gpu::AdapterInfo& adapter = device_.info();
    info_ = {.backend = adapter.api,
             .device = adapter.name,
             .software = adapter.kind == gpu::AdapterKind::kSoftware,
             .max_in_flight = kMaxInFlight,
             .memory = {.weights = weights_.size_bytes,
                        .kv = kv_.size_bytes,
                        .states = states_.size_bytes,
                        .activations =
                            activations_.size_bytes + step_.size_bytes() + all_draws_.size_bytes}};
    return {};
  }

  const Info& info() const override { return info_; }
  const model::ModelSpec& spec() const override { return spec_; }
  const Options& options() const override { return options_; }

  void submit(std::span<const SequenceStep> step) override {
    CHECK(!free_readers_.empty());
    in_flight_.emplace_back(wanted_of(step), std::move(free_readers_.back()));
    free_readers_.pop_back();
    InFlight& run = in_flight_.back();

    build(step);
    CHECK(step_.counts().rows <= options_.max_rows);
    // All passes of the head but the last are waited for here: their results make room for the
    // next.
    for (uint32_t first = 0;;) {
      write(first);
      record(run, first == 0);
      first += step_.counts().outputs;
      if (first >= step_.all_outputs()) break;
      if (run.status) run.status = finish(run);
    }
  }

  Result<std::vector<SequenceOutput>> collect() override {
    CHECK(!in_flight_.empty());
    InFlight run = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (run.status) run.status = finish(run);
    free_readers_.push_back(std::move(run.reader));
    if (!run.status) return std::unexpected(std::move(run.status).error());
    return outputs_of(run.wanted, std::move(run.results), spec_.vocab);
  }

  Result<void> start_trace(TraceDetail detail) override {
    WEFT_ASSIGN(tracer_, Tracer::create(device_, detail));
    return {};
  }

  Trace take_trace() override {
    CHECK(tracer_.has_value());
    return std::exchange(tracer_, std::nullopt)->take();
  }

 private:
  struct InFlight {
    InFlight(Wanted what, OutputReader output_reader)
        : wanted(std::move(what)), reader(std::move(output_reader)) {}

    Wanted wanted;
    OutputReader reader;
    RawOutputs results;
    Result<void> status;
  };

  void build(std::span<const SequenceStep> step) {
    const HostSpan span(tracer_, "build");
    step_.build(step);
  }

  void write(uint32_t first_output) {
    const HostSpan span(tracer_, "write");
    step_.write(device_, first_output);
  }

  Result<void> finish(InFlight& run) {
    const HostSpan span(tracer_, "wait");
    return run.reader.finish(run.results);
  }

  // The body once a step, the head for the outputs that were written: one submission, but where the
  // GPU would wait for it. Then it begins while the host records on; a trace has steps whole.
  void record(InFlight& run, bool with_body) {
    const kernels::StepCounts& counts = step_.counts();
    const HostSpan span(tracer_, "record");
    gpu::Recorder recorder = tracer_ ? tracer_->record() : device_.record();
    const bool in_pieces = !tracer_ && in_flight_.size() == 1 && counts.rows > kMaxFewRows;
    uint32_t recorded = 0;
    const auto add = [&](std::span<const kernels::Dispatch> dispatches) {
      for (const kernels::Dispatch& dispatch : dispatches) {
        if (!kernels::record(recorder, dispatch, counts)) continue;
        if (tracer_) tracer_->add(dispatch, counts);
        if (++recorded % kPiece != 0 || !in_pieces) continue;
        submit(std::move(recorder));
        recorder = device_.record();
      }
    };
    if (with_body) add(plan_for(plans_.bodies, counts.rows));
    if (counts.outputs > 0) {
      add(plan_for(plans_.heads, counts.outputs));
      if (run.wanted.greedy) add(plans_.greedy);
      if (run.wanted.drawn) {  // over what greedy left for the same outputs
        const std::span<const kernels::Dispatch> drawn = plans_.drawn;
        add(drawn.first(drawn.size() - 1));
        if (run.wanted.all_top_k) add(all_draws_.kernels->top_k);
        if (run.wanted.all_top_p) add(all_draws_.kernels->top_p);
        if (run.wanted.from_all) add(all_draws_.kernels->pick);
        add(drawn.last(1));
      }
    }
    if (Result<void> ready =
            run.reader.record(device_, recorder, activations_, run.wanted, counts.outputs);
        !ready) {
      run.status = std::move(ready);
    }
    submit(std::move(recorder));
  }

  void submit(gpu::Recorder recorder) {
    const HostSpan span(tracer_, "submit");
    if (tracer_) tracer_->submitted(Tracer::Clock::now());
    std::move(recorder).submit();
  }

  const model::ModelSpec& spec_;
  const Options options_;
  const Products products_;
  const std::shared_ptr<gpu::Device> kept_device_;  // goes last of what lives on it
  gpu::Device& device_;
  Info info_;
  StepData step_;
  KvStorage kv_;
  StateStorage states_;
  Activations activations_;
  DeviceWeights weights_;
  AllDraws all_draws_;
  Plans plans_;
  std::vector<OutputReader> free_readers_;
  std::deque<InFlight> in_flight_;
  std::optional<Tracer> tracer_;
};

}  // namespace

Result<std::unique_ptr<Backend>> create_gpu_backend(
    const model::ModelSpec& spec, const Options& options, std::shared_ptr<gpu::Device> device,
    const std::function<void(uint64_t, uint64_t)>& progress, const Products& products) {
  if (options.kv_types != KvTypes{}) {
    return fail(
        "The GPU backend keeps keys and values as f16, and was asked for keys as {} and "
        "values as {}.",
        name(options.kv_types.keys), name(options.kv_types.values));
  }
  auto backend = std::make_unique<GpuBackend>(spec, options, std::move(device), products);
  WEFT_TRY(backend->load(progress));
  return backend;
}

}  // namespace weft::backend
