#include "kernels/dot_matvec/dot_matvec.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/choose_weight.h"
#include "kernels/gen/dot_matvec.wgsl.h"
#include "kernels/gen/quantize_rows.wgsl.h"
#include "kernels/matvec/matvec.h"
#include "kernels/rms_norm/rms_norm.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kUnit = 32;             // of x_int16
constexpr uint32_t kRowLanes = 512;        // of quantize_rows
constexpr uint32_t kFloatLanesK = 256;     // of a group, where weights are floats
constexpr uint32_t kManyRowsLanesK = 256;  // where they are quantised and there are several rows
constexpr uint32_t kPairLanes = 1U << 17;  // lanes that fill a large device, times their pairs
constexpr uint32_t kCores = 132;           // of it
constexpr uint32_t kManyWorkgroups = 768;  // to make x ready in each of so many takes long
constexpr uint32_t kLongRow = 4096;        // elements, from which on large workgroups pay
constexpr uint64_t kSumBytes = 4096;       // of workgroup memory besides x, at most
constexpr uint32_t kEightsOfLine = 4;

bool is_quantized(WeightFormat format) {
  return format != WeightFormat::kF32 && format != WeightFormat::kF16 &&
         format != WeightFormat::kBF16;
}

bool has(const gpu::Binding& binding) { return binding.buffer != nullptr; }

// Nothing where all of W meets every row.
const ChosenExperts* experts_of(const DotProduct& product) {
  if (const auto* gate = std::get_if<ExpertGateFinish>(&product.finish)) return &gate->experts;
  if (const auto* sum = std::get_if<ExpertSumFinish>(&product.finish)) return &sum->experts;
  return nullptr;
}

// Of all that a row of y is made of, in the format of the first rows.
WeightLayout whole_layout(const DotProduct& product) {
  WeightLayout layout = product.weight.layout;
  if (const ChosenExperts* experts = experts_of(product)) {
    layout.size_bytes = layout.size_bytes * experts->n / layout.rows * experts->used;
    layout.rows = experts->n;
  }
  if (const auto* sum = std::get_if<ExpertSumFinish>(&product.finish)) {
    layout.cols *= sum->experts.used;
    layout.units *= sum->experts.used;
  }
  if (product.below) {
    layout.rows += product.below->layout.rows;
    layout.size_bytes += product.below->layout.size_bytes;
  }
  return layout;
}

void choose_weight(const DotProduct& product, Variant& shader) {
  const WeightLayout& weight = product.weight.layout;
  if (!product.below) return choose_weight(weight.format, shader);
  shader.imports.emplace_back("weight", "weight_q4_k_q6_k");
  shader.constants.emplace_back("kRowGroup", row_group(weight.format));
  shader.overrides.push_back({"Q6_K_FROM", static_cast<double>(weight.rows)});
}

// The number that rows of W count in, and how far the two of a pair are apart.
struct Pairs {
  uint32_t count;
  uint32_t apart;
};

Pairs pairs_of(const DotProduct& product) {
  const uint32_t n = whole_layout(product).rows;
  if (std::holds_alternative<SwigluFinish>(product.finish) ||
      std::holds_alternative<ExpertGateFinish>(product.finish)) {
    return {n / 2, n / 2};
  }
  if (const auto* rope = std::get_if<RopeKvFinish>(&product.finish)) {
    return {n / 2, rope->shape.pairs == RopePairs::kHalf ? rope->shape.head_dim / 2 : 1};
  }
  return {ceil_div(n, 2U), 1};
}

// Bytes of workgroup memory for a row of x.
uint64_t x_bytes(const WeightLayout& weight) {
  return is_quantized(weight.format) ? uint64_t{weight.cols} * 5 / 2 : 0;
}

// What all kernels that make x ready choose.
void add_source(const DotInput& input, const WeightLayout& weight, uint32_t lanes,
                Variant& variant) {
  variant.overrides.push_back({"WG", static_cast<double>(lanes)});
  variant.overrides.push_back({"K", static_cast<double>(weight.cols)});
  variant.imports.emplace_back("workgroup_sum", "workgroup_sum_subgroup");
  if (has(input.norm))
    variant.overrides.push_back({"EPS", input.eps});
  else
    variant.imports.emplace_back("x_norm", "x_no_norm");
  if (has(input.outputs)) variant.imports.emplace_back("source_row", "source_row_of_output");
}

// The bindings of numbers 8 and 9.
void add_source(const DotInput& input, std::vector<gpu::Binding>& bindings) {
  if (has(input.norm)) bindings.push_back(input.norm);
  if (has(input.outputs)) bindings.push_back(input.outputs);
}

Dispatch quantize_rows(gpu::Device& device, const DotInput& input, const WeightLayout& weight,
                       const DotScratch& scratch) {
  Variant variant{.kernel = "quantize_rows",
                  .imports = {{"x_place", "x_place_stored"}},
                  .constants = {{"kRounds", ceil_div(weight.cols, 8 * kRowLanes)}}};
  add_source(input, weight, kRowLanes, variant);
  const gpu::Pipeline pipeline = device.pipeline(compose(variant));
  std::vector bindings{input.x, scratch.rows, scratch.lines};
  add_source(input, bindings);
  return {.label = "quantize_rows",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "quantize_rows"),
          .immediates = Immediates(QuantizeRowsParams{.rows = 0}),
          .count = input.rows,
          .x = {.count = input.rows},
          .bytes_per_count = uint64_t{weight.cols} * 13 / 2};
}

// Appends the dispatch that makes x ready, if there is need of one, and gives what follows reads.
DotInput ready_input(gpu::Device& device, const DotInput& input, const WeightLayout& weight,
                     const DotScratch& scratch, std::vector<Dispatch>& plan) {
  DotInput ready{.rows = input.rows, .x = scratch.rows};
  if (is_quantized(weight.format)) {
    plan.push_back(quantize_rows(device, input, weight, scratch));
    return ready;
  }
  if (!has(input.norm)) return input;
  plan.push_back(
      rms_norm(device, {.cols = weight.cols, .eps = input.eps},
               {.x = input.x, .w = input.norm, .y = scratch.rows, .outputs = input.outputs},
               workgroup_sum_for(device.info())));
  return ready;
}

// How a kernel of products reads x: its file, its bindings and what it chooses.
void add_x(const DotInput& input, const WeightLayout& weight, const DotMatvecVariant& variant,
           Variant& shader) {
  const uint32_t lanes = variant.groups * variant.lanes_k;
  if (!is_quantized(weight.format)) {
    shader.imports.emplace_back("unit_dot", "x_floats");
    shader.imports.emplace_back("x_units", "x_floats");
    add_source(input, weight, lanes, shader);
    return;
  }
  shader.imports.emplace_back("unit_dot", "unit_dot_int16");
  if (variant.x == XPlace::kStorage) {
    shader.imports.emplace_back("x_units", "x_stored");
    return;
  }
  shader.imports.emplace_back("x_units", "x_prepare");
  shader.imports.emplace_back("x_place", "x_place_workgroup");
  shader.constants.emplace_back("kRounds", ceil_div(weight.cols, 8 * lanes));
  add_source(input, weight, lanes, shader);
}

// Imports and choices of each way to finish.
struct FinishParts {
  Variant& shader;

  void choose(const char* file, std::vector<gpu::Override> overrides) {
    shader.imports.emplace_back("finish", file);
    shader.overrides.insert(shader.overrides.end(), overrides.begin(), overrides.end());
  }
  void operator()(const StoreFinish& to) {
    choose("finish_store", {{"HAS_BIAS", has(to.bias) ? 1.0 : 0.0},
                            {"ADD", to.store == Store::kAdd ? 1.0 : 0.0},
                            {"Y_STRIDE", static_cast<double>(to.y_stride)}});
  }
  void operator()(const SwigluFinish& to) {
    choose("finish_swiglu", {});
    shader.imports.emplace_back("activation", wgsl_name(to.activation));
  }
  void operator()(const RopeKvFinish& to) {
    const uint32_t head_pairs = to.shape.head_dim / 2;
    choose("finish_rope_kv", {{"FIRST_PAIR", static_cast<double>(to.first_row / 2)},
                              {"Q_PAIRS", static_cast<double>(to.shape.n_heads * head_pairs)},
                              {"KV_PAIRS", static_cast<double>(to.shape.n_kv_heads * head_pairs)},
                              {"HEAD_PAIRS", static_cast<double>(head_pairs)},
                              {"ROPE_PAIRS", static_cast<double>(to.shape.rope_dims / 2)},
                              {"MAGNITUDE", to.shape.magnitude}});
  }
  void choose(const char* file, const char* w, const ChosenExperts& experts) {
    choose(file, {{"HAS_BIAS", has(experts.bias) ? 1.0 : 0.0},
                  {"USED", static_cast<double>(experts.used)}});
    shader.imports.emplace_back("w_of_rows", w);
  }
  void operator()(const ExpertGateFinish& to) {
    choose("finish_expert_gate", "w_of_choice", to.experts);
    shader.overrides.push_back({"WEIGHS_GATE", to.weighs_gate ? 1.0 : 0.0});
    shader.imports.emplace_back("activation", wgsl_name(to.activation));
  }
  void operator()(const ExpertSumFinish& to) {
    choose("finish_expert_sum", "w_of_choices", to.experts);
  }
};

// What a finish has from binding 1 up to the weight's.
struct FirstBindings {
  const DotInput& input;  // stands in for a bias that is not there
  std::vector<gpu::Binding>& bindings;

  void add(const gpu::Binding& y, const gpu::Binding& bias) {
    bindings.push_back(y);
    bindings.push_back(has(bias) ? bias : input.x);
  }
  void operator()(const StoreFinish& to) { add(to.y, to.bias); }
  void operator()(const SwigluFinish& to) { bindings.push_back(to.y); }
  void operator()(const RopeKvFinish& to) { bindings.push_back(to.q); }
  void operator()(const ExpertGateFinish& to) { add(to.y, to.experts.bias); }
  void operator()(const ExpertSumFinish& to) { add(to.y, to.experts.bias); }
};

std::vector<gpu::Binding> bindings_of(const DotInput& input, const DotProduct& product,
                                      const DotScratch& scratch, XPlace place) {
  std::vector bindings{input.x};
  std::visit(FirstBindings{input, bindings}, product.finish);
  product.weight.bind(bindings);
  if (product.below) product.below->bind(bindings);
  if (place == XPlace::kStorage && is_quantized(product.weight.layout.format)) {
    bindings.push_back(scratch.lines);
  } else {
    add_source(input, bindings);
  }
  if (const ChosenExperts* experts = experts_of(product)) bindings.push_back(experts->choices);
  if (const auto* rope = std::get_if<RopeKvFinish>(&product.finish)) {
    for (const gpu::Binding& each : {rope->rows, rope->turns, rope->k_cache, rope->v_cache}) {
      bindings.push_back(each);
    }
  }
  return bindings;
}

}  // namespace

bool can_stand_below(const WeightLayout& weight, const WeightLayout& below) {
  return weight.format == WeightFormat::kQ4_K && below.format == WeightFormat::kQ6_K &&
         weight.cols == below.cols && weight.rows % (2 * row_group(weight.format)) == 0;
}

bool can_dot_matvec(const gpu::AdapterInfo& info, const DotProduct& product) {
  const WeightLayout& weight = product.weight.layout;
  if (!info.has_subgroups || info.subgroup_min < kEightsOfLine || weight.cols % 8 != 0)
    return false;
  if (is_quantized(weight.format) && !info.has_packed_dots) return false;
  const ChosenExperts* experts = experts_of(product);
  if (experts != nullptr && experts->n % kRowAlignment != 0) return false;
  if (product.below && !can_stand_below(weight, product.below->layout)) return false;
  const uint32_t planes_below = product.below ? product.below->layout.n_planes : 0;
  uint32_t bindings = 3 + weight.n_planes + planes_below + 2;
  if (const auto* rope = std::get_if<RopeKvFinish>(&product.finish)) {
    bindings += 3;
    const bool pairs_are_whole = rope->shape.pairs == RopePairs::kAdjacent ||
                                 rope->shape.rope_dims == 0 ||
                                 rope->shape.rope_dims == rope->shape.head_dim;
    if (!info.has_f16 || !pairs_are_whole) return false;
  }
  return bindings <= info.limits.max_storage_buffers;
}

namespace {

// How many of `groups` a workgroup has, at most `most` and at least half of that: as many as give
// the busiest core of a large device least to do.
uint32_t even_groups(uint32_t groups, uint32_t most) {
  uint32_t best = most;
  const auto busiest = [&](uint32_t each) {
    return ceil_div(ceil_div(groups, each), kCores) * each;
  };
  for (uint32_t each = most; 2 * each > most; --each) {
    if (busiest(each) < busiest(best)) best = each;
  }
  return best;
}

}  // namespace

DotMatvecVariant dot_matvec_variant(const gpu::AdapterInfo& info, const WeightLayout& weight,
                                    uint32_t rows) {
  // Measured on an H200. Floats keep no x in workgroup memory: the more lanes along k and the more
  // workgroups, the better. Elsewhere every workgroup makes x ready: there are as many lanes along
  // k as fill the device with one turn.
  const bool quantized = is_quantized(weight.format);
  const uint32_t row_pairs = row_group(weight.format);
  const bool is_long = weight.cols >= kLongRow;
  const uint32_t lanes =
      std::min(quantized && is_long ? 512U : 256U, info.limits.max_workgroup_lanes);
  const uint64_t x_and_sums = x_bytes(weight) + kSumBytes;
  // Where x fills the workgroup memory of a core, each core has one workgroup.
  const bool one_a_core = 2 * x_and_sums > info.limits.max_workgroup_bytes;
  DotMatvecVariant variant{.rows = std::bit_ceil(std::clamp(rows, 1U, kMaxMatvecRows)),
                           .pairs = quantized && (rows > 1 || !one_a_core) ? 1U : 2U,
                           .turns = 1};
  // Of lanes, of all workgroups together.
  const uint32_t groups = ceil_div(weight.rows, 2 * row_pairs * variant.pairs);
  uint32_t wanted = quantized ? kManyRowsLanesK : kFloatLanesK;
  if (quantized && rows == 1) {
    wanted = std::clamp(std::bit_floor(std::max(kPairLanes / variant.pairs / groups, 1U)),
                        info.subgroup_max, lanes);
  }
  wanted = std::min(wanted, row_pairs * weight.units);
  variant.lanes_k =
      wanted <= info.subgroup_min ? std::bit_ceil(wanted) : round_up(wanted, info.subgroup_max);
  variant.groups = std::max(1U, lanes / variant.lanes_k);
  if (rows > 1) return variant;
  if (x_and_sums <= info.limits.max_workgroup_bytes) variant.x = XPlace::kWorkgroup;
  if (quantized) {
    if (groups / variant.groups > kManyWorkgroups) {
      variant.turns = 4;
    } else if (variant.lanes_k >= info.subgroup_max) {  // else subgroups would not be full
      variant.groups = even_groups(groups, variant.groups);
    }
  }
  return variant;
}

DotMatvecVariant dot_matvec_variant(const gpu::AdapterInfo& info, const DotProduct& product,
                                    uint32_t rows) {
  WeightLayout weight = whole_layout(product);
  const ChosenExperts* experts = experts_of(product);
  if (experts == nullptr) return dot_matvec_variant(info, weight, rows);
  // Rows that chose the same experts are few: each reads its own.
  if (std::holds_alternative<ExpertGateFinish>(product.finish)) weight.rows *= experts->used;
  DotMatvecVariant variant = dot_matvec_variant(info, weight, 1);
  if (rows > 1) variant.x = XPlace::kStorage;
  return variant;
}

DotScratchBytes dot_scratch_bytes(uint32_t k, uint32_t max_rows) {
  return {.rows = uint64_t{4} * max_rows * k,
          .lines = uint64_t{16} * max_rows * ceil_div(k, kUnit)};
}

namespace {

// `ready`: by ready_input() where x is in storage.
void add_product(gpu::Device& device, const DotInput& ready, const DotProduct& product,
                 const DotMatvecVariant& variant, const DotScratch& scratch,
                 std::vector<Dispatch>& plan) {
  const gpu::AdapterInfo& info = device.info();
  const WeightLayout weight = whole_layout(product);
  CHECK(can_dot_matvec(info, product));
  const uint32_t row_pairs = row_group(weight.format);  // that a group of lanes has side by side
  CHECK(variant.lanes_k >= row_pairs);
  CHECK(variant.lanes_k <= info.subgroup_min ? std::has_single_bit(variant.lanes_k)
                                             : variant.lanes_k % info.subgroup_max == 0);
  CHECK(variant.rows == 1 || (variant.x == XPlace::kStorage && experts_of(product) == nullptr));
  const Pairs pairs = pairs_of(product);
  const uint32_t lanes = variant.groups * variant.lanes_k;
  const uint32_t places = ceil_div(lanes, info.subgroup_min);
  Variant shader{.kernel = "dot_matvec",
                 .constants = {{"kRows", variant.rows}, {"kPairs", variant.pairs}},
                 .overrides = {{"N", static_cast<double>(weight.rows)},
                               {"UNITS", static_cast<double>(weight.units)},
                               {"LANES_K", static_cast<double>(variant.lanes_k)},
                               {"GROUPS", static_cast<double>(variant.groups)},
                               {"TURNS", static_cast<double>(variant.turns)},
                               {"PAIR_APART", static_cast<double>(pairs.apart)},
                               {"SUBGROUP_MIN", static_cast<double>(info.subgroup_min)},
                               {"SUBGROUP_MAX", static_cast<double>(info.subgroup_max)},
                               {"SUM_PLACES", static_cast<double>(places)}}};
  choose_weight(product, shader);
  add_x(ready, weight, variant, shader);
  std::visit(FinishParts{shader}, product.finish);

  const gpu::Pipeline pipeline = device.pipeline(compose(shader));
  const auto bindings = bindings_of(ready, product, scratch, variant.x);
  const auto* store = std::get_if<StoreFinish>(&product.finish);
  const ChosenExperts* experts = experts_of(product);
  const bool is_of_choices = std::holds_alternative<ExpertGateFinish>(product.finish);
  plan.push_back(
      {.label = experts != nullptr ? "dot_experts" : "dot_matvec",
       .pipeline = pipeline,
       .group = device.bind_group(pipeline, bindings, "dot_matvec"),
       .immediates = Immediates(DotMatvecParams{
           .rows = 0, .pairs = pairs.count, .y_first = store != nullptr ? store->y_first : 0}),
       .count = ready.rows,
       .x = {.fixed =
                 ceil_div(pairs.count, row_pairs * variant.groups * variant.pairs * variant.turns)},
       .y = {.count = ready.rows,
             .fixed = is_of_choices ? experts->used : 1,
             .per_group = variant.rows},
       .bytes = experts != nullptr ? 0 : weight.size_bytes,
       .bytes_per_count =
           uint64_t{4} * (weight.cols + weight.rows) + (experts != nullptr ? weight.size_bytes : 0),
       .flops_per_count =
           uint64_t{2} * weight.cols * weight.rows * (is_of_choices ? experts->used : 1)});
}

}  // namespace

void dot_matvec(gpu::Device& device, const DotInput& input, const DotProduct& product,
                const DotMatvecVariant& variant, const DotScratch& scratch,
                std::vector<Dispatch>& plan) {
  const DotInput ready = variant.x == XPlace::kWorkgroup
                             ? input
                             : ready_input(device, input, whole_layout(product), scratch, plan);
  add_product(device, ready, product, variant, scratch, plan);
}

void dot_matvecs(gpu::Device& device, const DotInput& input, std::span<const DotProduct> products,
                 uint32_t rows, const DotScratch& scratch, std::vector<Dispatch>& plan) {
  std::optional<DotInput> ready;  // in storage, as integers or not
  bool ready_as_integers = false;
  for (const DotProduct& product : products) {
    const WeightLayout weight = whole_layout(product);
    const DotMatvecVariant variant = dot_matvec_variant(device.info(), product, rows);
    if (variant.x == XPlace::kWorkgroup) {
      add_product(device, input, product, variant, scratch, plan);
      continue;
    }
    if (!ready || ready_as_integers != is_quantized(weight.format)) {
      ready = ready_input(device, input, weight, scratch, plan);
      ready_as_integers = is_quantized(weight.format);
    }
    add_product(device, *ready, product, variant, scratch, plan);
  }
}

}  // namespace weft::kernels
