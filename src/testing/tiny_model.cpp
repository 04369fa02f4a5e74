#include "testing/tiny_model.h"

#include <cmath>
#include <random>
#include <stdexcept>
#include <utility>

#include "model/load.h"
#include "testing/quantize.h"
#include "testing/tiny_vocabulary.h"

namespace weft::testing {
namespace {

using formats::TensorType;

// Adds tensors of random numbers with the given mean and standard deviation.
class RandomTensors {
 public:
  RandomTensors(GgufWriter& writer, const TinyModelOptions& options)
      : writer_(writer), type_(options.type), random_(options.seed) {}

  // Gain 1 keeps the variance of y = W x that of x.
  void matrix(const std::string& name, uint32_t rows, uint32_t cols, float gain = 1) {
    matrix(name, rows, cols, gain, type_);
  }
  void matrix(const std::string& name, uint32_t rows, uint32_t cols, float gain, TensorType type) {
    const float deviation = gain / std::sqrt(static_cast<float>(cols));
    writer_.add_tensor(name, {cols, rows}, type,
                       quantize(type, numbers(size_t{rows} * cols, 0, deviation)));
  }
  // `n` matrices of one tensor.
  void matrices(const std::string& name, uint32_t n, uint32_t rows, uint32_t cols) {
    const float deviation = 1 / std::sqrt(static_cast<float>(cols));
    writer_.add_tensor(name, {cols, rows, n}, type_,
                       quantize(type_, numbers(size_t{n} * rows * cols, 0, deviation)));
  }
  void norm(const std::string& name, uint32_t size) { vector(name, size, 1, 0.1F); }
  void bias(const std::string& name, uint32_t size) { vector(name, size, 0, 0.3F); }

 private:
  void vector(const std::string& name, uint32_t size, float mean, float deviation) {
    writer_.add_tensor(name, {size}, TensorType::kF32,
                       quantize(TensorType::kF32, numbers(size, mean, deviation)));
  }

  // Uniform, as the normal distribution of the standard library differs between libraries.
  std::vector<float> numbers(size_t n, float mean, float deviation) {
    std::vector<float> out(n);
    for (float& x : out) {
      const float unit = static_cast<float>(random_() >> 40) * 0x1p-23F - 1;  // [-1, 1)
      x = mean + deviation * std::sqrt(3.0F) * unit;
    }
    return out;
  }

  GgufWriter& writer_;
  TensorType type_;
  std::mt19937_64 random_;
};

void set_keys(GgufWriter& writer, const TinyModelOptions& o) {
  writer.set("general.architecture", "llama");
  writer.set("general.name", "tiny");
  writer.set("llama.block_count", o.layers);
  writer.set("llama.context_length", o.context);
  writer.set("llama.embedding_length", o.embd);
  writer.set("llama.feed_forward_length", o.ff);
  writer.set("llama.attention.head_count", o.heads);
  writer.set("llama.attention.head_count_kv", o.kv_heads);
  writer.set("llama.attention.key_length", o.head_dim);
  writer.set("llama.attention.value_length", o.head_dim);
  writer.set("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  writer.set("llama.rope.dimension_count", o.head_dim);
  writer.set("llama.rope.freq_base", o.rope_base);
  writer.set("llama.vocab_size", o.vocab);
  if (o.experts == 0) return;
  writer.set("llama.expert_count", o.experts);
  writer.set("llama.expert_used_count", o.experts_used);
}

void add_layer(RandomTensors& tensors, uint32_t index, const TinyModelOptions& o) {
  const std::string blk = fmt::format("blk.{}.", index);
  const uint32_t q_rows = o.heads * o.head_dim;
  const uint32_t kv_rows = o.kv_heads * o.head_dim;
  tensors.norm(blk + "attn_norm.weight", o.embd);
  tensors.matrix(blk + "attn_q.weight", q_rows, o.embd);
  tensors.matrix(blk + "attn_k.weight", kv_rows, o.embd);
  const TensorType v_type = o.v_type == TensorType::kF32 ? o.type : o.v_type;
  tensors.matrix(blk + "attn_v.weight", kv_rows, o.embd, 1, v_type);
  tensors.matrix(blk + "attn_output.weight", o.embd, q_rows);
  tensors.norm(blk + "ffn_norm.weight", o.embd);
  if (o.experts > 0) {
    constexpr float kRouterGain = 2;  // scores differ
    tensors.matrix(blk + "ffn_gate_inp.weight", o.experts, o.embd, kRouterGain);
    tensors.matrices(blk + "ffn_gate_exps.weight", o.experts, o.ff, o.embd);
    tensors.matrices(blk + "ffn_up_exps.weight", o.experts, o.ff, o.embd);
    tensors.matrices(blk + "ffn_down_exps.weight", o.experts, o.embd, o.ff);
  } else {
    tensors.matrix(blk + "ffn_gate.weight", o.ff, o.embd);
    tensors.matrix(blk + "ffn_up.weight", o.ff, o.embd);
    tensors.matrix(blk + "ffn_down.weight", o.embd, o.ff);
  }
  if (!o.biases) return;
  tensors.bias(blk + "attn_q.bias", q_rows);
  tensors.bias(blk + "attn_k.bias", kv_rows);
  tensors.bias(blk + "attn_v.bias", kv_rows);
  tensors.bias(blk + "attn_output.bias", o.embd);
  if (o.experts > 0) return;
  tensors.bias(blk + "ffn_gate.bias", o.ff);
  tensors.bias(blk + "ffn_up.bias", o.ff);
  tensors.bias(blk + "ffn_down.bias", o.embd);
}

// A tiny model that does not load is a broken test: GoogleTest shows what was thrown.
template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

}  // namespace

GgufWriter tiny_gguf(const TinyModelOptions& options) {
  GgufWriter writer;
  set_keys(writer, options);
  if (options.tokenizer) set_tiny_vocabulary(writer, options.vocab);

  // Logits get a standard deviation of 3: the most likely token leads clearly.
  constexpr float kHeadGain = 3;
  RandomTensors tensors(writer, options);
  tensors.matrix("token_embd.weight", options.vocab, options.embd, kHeadGain);
  if (!options.rope_factors.empty()) {
    writer.add_tensor("rope_freqs.weight", {options.rope_factors.size()}, TensorType::kF32,
                      quantize(TensorType::kF32, options.rope_factors));
  }
  for (uint32_t i = 0; i < options.layers; ++i) add_layer(tensors, i, options);
  tensors.norm("output_norm.weight", options.embd);
  if (!options.tied) tensors.matrix("output.weight", options.vocab, options.embd, kHeadGain);
  return writer;
}

TinyModel::TinyModel(const TinyModelOptions& options)
    : stored_(tiny_gguf(options).finish(), ".gguf"),
      file_(value_or_throw(formats::GgufFile::open(stored_.path()))),
      spec_(value_or_throw(model::spec_from_gguf(file_))) {}

}  // namespace weft::testing
