#include "backend/gpu/storage.h"

#include <algorithm>

#include "base/checked.h"
#include "kernels/argmax/argmax.h"
#include "kernels/dot_matvec/dot_matvec.h"
#include "kernels/draw/draw.h"
#include "kernels/expert_tiles/expert_tiles.h"
#include "kernels/matmul_dot/matmul_dot.h"
#include "kernels/matmul_subgroup/matmul_subgroup.h"
#include "kernels/route/route.h"
#include "kernels/top_k/top_k.h"

namespace weft::backend {
namespace {

constexpr uint32_t kOutputsAtLeast = 32;  // so that all logits of a prompt take few passes

// Makes buffers and keeps count of their bytes.
class Allocator {
 public:
  Allocator(gpu::Device& device, uint64_t& total) : device_(device), total_(total) {}

  Result<void> operator()(gpu::Buffer& buffer, uint64_t elements, uint64_t element_bytes,
                          std::string_view label) {
    WEFT_ASSIGN(buffer, device_.create_buffer(elements * element_bytes, label));
    total_ += buffer.size_bytes();
    return {};
  }

 private:
  gpu::Device& device_;
  uint64_t& total_;
};

struct Widths {
  uint32_t q = 0;
  uint32_t qkv = 0;
  uint32_t attn_gate = 0;
  uint32_t delta_in = 0;
  uint32_t channels = 0;
  uint32_t read = 0;
  uint32_t ff = 1;                                      // no buffer is empty
  uint32_t experts = 0, experts_used = 0, used_ff = 0;  // used_ff: experts used * ff of one
  uint64_t tiles_bytes = 0;                             // of expert_tiles()
  kernels::AttentionScratchBytes scratch{};
};

void widen(Widths& widths, const model::DeltaNet& net) {
  const uint32_t v = net.v_heads * net.v_dim;
  widths.q = std::max(widths.q, v);  // what is attended, too
  widths.delta_in = std::max(widths.delta_in, delta_in_width(net));
  widths.channels = std::max(widths.channels, net.channels());
  widths.read = std::max(widths.read, v);
}

Widths widths_of(const model::ModelSpec& spec, const Options& options) {
  Widths widths;
  const uint32_t max_blocks = ceil_div(options.max_context, kBlockTokens);
  for (const model::LayerSpec& layer : spec.layers) {
    widths.ff = std::max(widths.ff, layer.mlp.ff);
    const model::Mixture mixture = layer.mlp.mixture.value_or(model::Mixture{});
    widths.experts = std::max(widths.experts, mixture.experts);
    widths.experts_used = std::max(widths.experts_used, mixture.used);
    widths.used_ff = std::max(widths.used_ff, mixture.used * mixture.ff);
    for (const uint32_t tile : kernels::kExpertTileSizes) {
      const kernels::ExpertTiles tiles{mixture.experts, mixture.used, tile};
      widths.tiles_bytes =
          std::max(widths.tiles_bytes, kernels::expert_tiles_bytes(tiles, options.max_rows));
    }
    if (layer.delta_net) {
      widen(widths, *layer.delta_net);
      continue;
    }
    const model::Attention& attention = layer.attention;
    if (layer.attn_gate) widths.attn_gate = std::max(widths.attn_gate, layer.attn_gate->rows);
    const kernels::AttentionScratchBytes scratch = kernels::attention_scratch_bytes(
        attention_shape(attention, max_blocks), std::min(kMaxFewRows, options.max_rows));
    widths.q = std::max(widths.q, attention.n_heads * attention.head_dim);
    widths.qkv =
        std::max(widths.qkv, (attention.n_heads + 2 * attention.n_kv_heads) * attention.head_dim);
    widths.scratch.acc = std::max(widths.scratch.acc, scratch.acc);
    widths.scratch.stats = std::max(widths.scratch.stats, scratch.stats);
  }
  return widths;
}

}  // namespace

uint32_t delta_in_width(const model::DeltaNet& net) {
  return net.channels() + net.v_heads * net.v_dim + 2 * net.v_heads;
}

uint32_t max_outputs(const Options& options) {
  return std::min(options.max_rows, std::max(options.max_sequences, kOutputsAtLeast));
}

kernels::Attention attention_shape(const model::Attention& attention, uint32_t max_blocks) {
  return {.n_heads = attention.n_heads,
          .n_kv_heads = attention.n_kv_heads,
          .head_dim = attention.head_dim,
          .max_blocks = max_blocks,
          .scale = attention.scale,
          .soft_cap = attention.softcap,
          .window = attention.window,
          .chunked = attention.chunked,
          .temperature = attention.temperature.scale,
          .temperature_length = attention.temperature.length};
}

Result<KvStorage> KvStorage::create(gpu::Device& device, const model::ModelSpec& spec,
                                    const Options& options) {
  constexpr uint64_t kHalfBytes = 2;
  KvStorage storage;
  Allocator allocate(device, storage.size_bytes);
  for (const model::LayerSpec& layer : spec.layers) {
    const uint64_t elements = uint64_t{options.kv_blocks} * kBlockTokens *
                              layer.attention.n_kv_heads * layer.attention.head_dim;
    LayerKv kv;
    if (!layer.delta_net) {
      WEFT_TRY(allocate(kv.keys, elements, kHalfBytes, "KV cache, keys"));
      WEFT_TRY(allocate(kv.values, elements, kHalfBytes, "KV cache, values"));
    }
    storage.layers.push_back(std::move(kv));
  }
  return storage;
}

Result<StateStorage> StateStorage::create(gpu::Device& device, const model::ModelSpec& spec,
                                          const Options& options) {
  StateStorage storage;
  const uint64_t states = uint64_t{options.max_sequences} + options.kept_states;
  Allocator allocate(device, storage.size_bytes);
  for (const model::LayerSpec& layer : spec.layers) {
    LayerState state;
    if (layer.delta_net) {
      const model::DeltaNet& net = *layer.delta_net;
      const uint64_t inputs = states * (net.taps - 1) * net.channels();
      const uint64_t matrices = states * net.v_heads * net.k_dim * net.v_dim;
      WEFT_TRY(allocate(state.inputs, inputs, sizeof(float), "states, inputs"));
      WEFT_TRY(allocate(state.matrices, matrices, sizeof(float), "states, matrices"));
    }
    storage.layers.push_back(std::move(state));
  }
  return storage;
}

Result<Activations> Activations::create(gpu::Device& device, const model::ModelSpec& spec,
                                        const Options& options, bool has_dots) {
  const Widths widths = widths_of(spec, options);
  const uint64_t rows = options.max_rows;
  const uint64_t outputs = max_outputs(options);
  Activations a;
  Allocator allocate(device, a.size_bytes);
  WEFT_TRY(allocate(a.residual, rows * spec.embd, sizeof(float), "residual"));
  WEFT_TRY(allocate(a.normed, rows * spec.embd, sizeof(float), "normed"));
  WEFT_TRY(allocate(a.qkv, rows * widths.qkv, sizeof(float), "q, k and v"));
  WEFT_TRY(allocate(a.q, rows * widths.q, sizeof(float), "q"));
  WEFT_TRY(allocate(a.attended, rows * widths.q, sizeof(float), "attended"));
  if (widths.attn_gate > 0) {
    WEFT_TRY(allocate(a.attn_gate, rows * widths.attn_gate, sizeof(float), "attention gate"));
  }
  if (widths.delta_in > 0) {
    WEFT_TRY(allocate(a.delta_in, rows * widths.delta_in, sizeof(float), "delta net input"));
    WEFT_TRY(allocate(a.convolved, rows * widths.channels, sizeof(float), "convolved"));
    WEFT_TRY(allocate(a.read, rows * widths.read, sizeof(float), "read from states"));
  }
  WEFT_TRY(allocate(a.gate_up, rows * widths.ff * 2, sizeof(float), "gate and up"));
  WEFT_TRY(allocate(a.activated, rows * widths.ff, sizeof(float), "activated"));
  if (widths.experts > 0) {
    WEFT_TRY(allocate(a.router_in, rows * spec.embd, sizeof(float), "router input"));
    WEFT_TRY(allocate(a.router_logits, rows * widths.experts, sizeof(float), "router logits"));
    WEFT_TRY(allocate(a.choices, rows * widths.experts_used, sizeof(kernels::ExpertChoice),
                      "chosen experts"));
    WEFT_TRY(allocate(a.expert_gate_up, rows * widths.used_ff * 2, sizeof(float),
                      "gate and up of experts"));
    WEFT_TRY(allocate(a.expert_activated, rows * widths.used_ff, sizeof(float),
                      "activated, of experts"));
    WEFT_TRY(allocate(a.expert_tiles, widths.tiles_bytes, 1, "tiles of experts"));
    WEFT_TRY(allocate(a.expert_out, rows * widths.experts_used * spec.embd, sizeof(float),
                      "what experts give"));
  }
  WEFT_TRY(allocate(a.matmul_parts, kernels::kMatmulPartsBytes, 1, "parts of products"));
  const uint32_t k = std::max({spec.embd, widths.q, widths.ff});
  kernels::DotScratchBytes dot = kernels::dot_scratch_bytes(
      std::max(k, widths.used_ff), std::min(kMaxFewRows, options.max_rows));
  if (has_dots) {
    const kernels::DotScratchBytes many =
        kernels::matmul_dot_scratch_bytes(std::max(k, widths.used_ff), options.max_rows);
    dot = {.rows = std::max(dot.rows, many.rows), .lines = std::max(dot.lines, many.lines)};
  }
  WEFT_TRY(allocate(a.dot_rows, dot.rows, 1, "rows for products"));
  WEFT_TRY(allocate(a.dot_lines, dot.lines, 1, "lines for products"));
  WEFT_TRY(allocate(a.split_acc, widths.scratch.acc, 1, "attention splits"));
  WEFT_TRY(allocate(a.split_stats, widths.scratch.stats, 1, "attention split stats"));
  WEFT_TRY(allocate(a.head_in, outputs * spec.embd, sizeof(float), "head input"));
  WEFT_TRY(allocate(a.logits, outputs * spec.vocab, sizeof(float), "logits"));
  WEFT_TRY(allocate(a.argmax_scratch,
                    kernels::argmax_scratch_bytes(spec.vocab, max_outputs(options)), 1,
                    "argmax scratch"));
  WEFT_TRY(allocate(a.top_k_scratch, kernels::top_k_scratch_bytes(spec.vocab, max_outputs(options)),
                    1, "top-k scratch"));
  WEFT_TRY(allocate(a.sampled, outputs, sizeof(uint32_t), "sampled tokens"));
  WEFT_TRY(
      allocate(a.candidates, outputs * kernels::kTopK, sizeof(kernels::Candidate), "candidates"));
  WEFT_TRY(allocate(a.slot_tokens, options.max_sequences, sizeof(uint32_t), "slot tokens"));
  WEFT_TRY(allocate(a.drawn_tokens, options.max_sequences, kernels::kDrawnTokens * sizeof(uint32_t),
                    "drawn tokens"));
  return a;
}

}  // namespace weft::backend
