#include "model/convert_delta_net.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "formats/quote.h"

namespace weft::model {
namespace {

bool has_delta_net(const LayerSpec& layer) { return layer.delta_net.has_value(); }

}  // namespace

// A head is the j-th of one of k_heads groups of n before, and the i-th of the j-th of n groups of
// k_heads after.
HeadMove opposite(HeadMove move) {
  move.k_heads = move.v_heads / move.k_heads;
  return move;
}

uint64_t place_before(const HeadMove& move, uint64_t index) {
  if (index < move.first) return index;
  const uint64_t head = (index - move.first) / move.head_dim;
  const uint64_t group = head % move.k_heads;
  const uint64_t from = group * (move.v_heads / move.k_heads) + head / move.k_heads;
  return move.first + from * move.head_dim + (index - move.first) % move.head_dim;
}

const DeltaNet* first_delta_net(const ModelSpec& spec) {
  const auto layer = std::ranges::find_if(spec.layers, has_delta_net);
  return layer == spec.layers.end() ? nullptr : &*layer->delta_net;
}

std::optional<HeadMove> head_move(std::string_view name, const DeltaNet& net) {
  const auto has = [name](std::string_view part) { return name.contains(part); };
  HeadMove move{.k_heads = net.k_heads, .v_heads = net.v_heads, .head_dim = net.v_dim};
  if (has(".attn_qkv.") || has(".ssm_conv1d.")) {
    move.first = 2 * net.k_heads * net.k_dim;
  } else if (has(".ssm_alpha.") || has(".ssm_beta.")) {
    move.head_dim = 1;
  } else if (has(".ssm_a") || has(".ssm_dt.")) {
    move.head_dim = 1;
    move.of_columns = true;
  } else if (has(".ssm_out.")) {
    move.of_columns = true;
  } else if (!has(".attn_gate.")) {
    return std::nullopt;
  }
  return move;
}

Result<std::vector<std::byte>> with_moved_heads(const formats::TensorView& tensor, HeadMove move) {
  const formats::TensorTypeInfo& type = formats::info(tensor.type);
  if (move.of_columns && move.head_dim % type.block_elements != 0) {
    return fail("Tensor {} has type {}, whose blocks of {} elements hold parts of several heads.",
                formats::quote(tensor.name), type.name, type.block_elements);
  }
  if (move.of_columns) move.head_dim /= narrow<uint32_t>(type.block_elements);
  const uint64_t rows = tensor.rows();
  const uint64_t blocks = tensor.cols() / type.block_elements;  // of a row
  std::vector<std::byte> out(tensor.data.size());
  const auto copy = [&](uint64_t to, uint64_t from, uint64_t n) {
    std::memcpy(out.data() + to * type.block_bytes, tensor.data.data() + from * type.block_bytes,
                n * type.block_bytes);
  };
  for (uint64_t row = 0; row < rows; ++row) {
    if (!move.of_columns) {
      copy(row * blocks, place_before(move, row) * blocks, blocks);
      continue;
    }
    for (uint64_t i = 0; i < blocks; ++i)
      copy(row * blocks + i, row * blocks + place_before(move, i), 1);
  }
  return out;
}

void set_delta_net_keys(const ModelSpec& spec, std::string_view architecture,
                        formats::GgufMetadata& metadata) {
  const DeltaNet* net = first_delta_net(spec);
  if (net == nullptr) return;
  const auto set = [&](std::string_view key, uint32_t value) {
    metadata.set(fmt::format("{}.{}", architecture, key), value);
  };
  set("ssm.conv_kernel", net->taps);
  set("ssm.state_size", net->k_dim);
  set("ssm.group_count", net->k_heads);
  set("ssm.time_step_rank", net->v_heads);
  set("ssm.inner_size", net->v_heads * net->v_dim);
  const auto with_attention = std::ranges::find_if_not(spec.layers, has_delta_net);
  set("full_attention_interval", narrow<uint32_t>(with_attention - spec.layers.begin() + 1));
}

}  // namespace weft::model
