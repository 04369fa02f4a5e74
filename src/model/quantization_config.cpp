#include "model/quantization_config.h"

#include <algorithm>
#include <optional>
#include <span>

#include <nlohmann/json.hpp>

#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::quote;
using nlohmann::json;

constexpr uint32_t kMaxSize = 1 << 20;  // of a group or block

constexpr std::string_view kGptqFields[] = {"bits",   "group_size", "checkpoint_format",
                                            "format", "pack_dtype", "is_marlin_format",
                                            "dynamic"};
constexpr std::string_view kAwqFields[] = {"bits", "group_size", "version", "zero_point"};
constexpr std::string_view kFp8Fields[] = {"fmt", "weight_block_size"};
constexpr std::string_view kCompressedFields[] = {"format", "sparsity_config", "transform_config"};

struct Method {
  std::string_view name;
  std::span<const std::string_view> fields;  // that are looked at
};
constexpr Method kMethods[] = {{"gptq", kGptqFields},
                               {"awq", kAwqFields},
                               {"fp8", kFp8Fields},
                               {"fbgemm_fp8", {}},
                               {"compressed-tensors", kCompressedFields},
                               {"mxfp4", {}}};

// How a file was made, which layers were left alone (the tensors show it), what is done to
// activations, and which kernel somebody likes.
constexpr std::string_view kIgnoredFields[] = {
    "quant_method", "modules_to_not_convert", "ignored_layers", "ignore", "lm_head", "meta",
    "backend", "version", "quantization_status", "quantizer",
    // gptq
    "act_group_aware", "batch_size", "block_name_to_quantize", "cache_block_outputs",
    "damp_auto_increment", "damp_percent", "dataset", "desc_act", "disable_exllama",
    "exllama_config", "hyb_act", "max_input_length", "model_file_base_name", "model_name_or_path",
    "model_seqlen", "module_name_preceding_first_block", "modules_in_block_to_quantize", "mse",
    "offload_to_disk", "pad_token_id", "static_groups", "sym", "tokenizer", "true_sequential",
    "use_cuda_fp16", "use_exllama",
    // awq
    "do_fuse", "fuse_max_seq_len", "modules_to_fuse",
    // fp8, compressed-tensors
    "activation_scale_ub", "activation_scheme", "config_groups", "global_compression_ratio",
    "kv_cache_scheme", "scale_fmt"};

class Reader {
 public:
  explicit Reader(const json& config) : config_(config) {}

  Result<QuantizationConfig> read() const {
    WEFT_ASSIGN(const std::string method, text("quant_method", "gptq"));
    WEFT_TRY(expect_known_fields(method));
    if (method == "gptq") return read_gptq();
    if (method == "awq") return read_awq();
    if (method == "mxfp4") return QuantizationConfig{.method = QuantizationMethod::kMxfp4};
    if (method == "compressed-tensors") {
      WEFT_TRY(expect_one_of("format", "", {"float-quantized"}));
      WEFT_TRY(expect_if_present("sparsity_config", json::object()));
      WEFT_TRY(expect_if_present("transform_config", json::object()));
    }
    return read_float8();
  }

 private:
  // Null where the field is missing.
  const json& field(std::string_view name) const {
    static const json kNone;
    const auto found = config_.find(name);
    return found == config_.end() ? kNone : *found;
  }

  static std::string shown(const json& value) {
    return value.is_null() ? "missing" : quote(value.dump());
  }

  Result<std::string> text(std::string_view name, std::string_view otherwise) const {
    const json& value = field(name);
    if (value.is_null()) return std::string(otherwise);
    if (value.is_string()) return value.get<std::string>();
    return fail("Field '{}' of 'quantization_config' is {}, and a text was wanted.", name,
                shown(value));
  }

  Result<void> expect_if_present(std::string_view name, const json& wanted) const {
    const json& value = field(name);
    if (value.is_null() || value == wanted) return {};
    return fail("Field '{}' of 'quantization_config' is {}, and only {} is supported.", name,
                shown(value), wanted.dump());
  }

  // The field's text, or `otherwise` where it is missing: one of `known`.
  Result<std::string> expect_one_of(std::string_view name, std::string_view otherwise,
                                    std::initializer_list<std::string_view> known) const {
    WEFT_ASSIGN(std::string value, text(name, otherwise));
    if (std::ranges::find(known, value) != known.end()) return value;
    return fail("Field '{}' of 'quantization_config' is {}; supported: {}.", name, quote(value),
                fmt::join(known, ", "));
  }

  Result<void> expect_known_fields(const std::string& method) const {
    const auto* found = std::ranges::find(kMethods, method, &Method::name);
    if (found == std::end(kMethods)) {
      return fail("Quantisation method {} of 'config.json' is not supported.", quote(method));
    }
    for (const auto& [name, value] : config_.items()) {
      const bool is_known = value.is_null() ||
                            std::ranges::find(found->fields, name) != found->fields.end() ||
                            std::ranges::find(kIgnoredFields, name) != std::end(kIgnoredFields);
      if (is_known) continue;
      return fail("Field {} of 'quantization_config' is not known for method '{}'.", quote(name),
                  method);
    }
    return {};
  }

  static std::optional<uint32_t> size(const json& value) {
    const bool is_size = value.is_number_unsigned() && value > 0 && value <= kMaxSize;
    return is_size ? std::optional(value.get<uint32_t>()) : std::nullopt;
  }

  Result<uint32_t> group_size() const {
    const json& value = field("group_size");
    if (value == -1) return 0U;
    if (const auto n = size(value)) return *n;
    return fail("Field 'group_size' of 'quantization_config' is {}, and -1 or 1 to {} was wanted.",
                shown(value), kMaxSize);
  }

  Result<QuantizationConfig> read_gptq() const {
    WEFT_TRY(expect_if_present("is_marlin_format", false));
    WEFT_TRY(expect_if_present("dynamic", json::object()));
    WEFT_TRY(expect_if_present("pack_dtype", "int32"));
    // Two names for one thing. Files of the first format have zero points less one.
    WEFT_ASSIGN(const std::string named, expect_one_of("format", "gptq", {"gptq", "gptq_v2"}));
    WEFT_ASSIGN(const std::string format,
                expect_one_of("checkpoint_format", named, {"gptq", "gptq_v2"}));
    QuantizationConfig out{.method = QuantizationMethod::kGroups,
                           .zero_offset = format == "gptq" ? 1U : 0U};
    const json& bits = field("bits");
    if (bits != 4 && bits != 8) {
      return fail("Field 'bits' of 'quantization_config' is {}, and 4 and 8 are supported.",
                  shown(bits));
    }
    out.bits = bits.get<uint32_t>();
    WEFT_ASSIGN(out.group_size, group_size());
    return out;
  }

  Result<QuantizationConfig> read_awq() const {
    WEFT_TRY(expect_one_of("version", "gemm", {"gemm", "GEMM"}));
    WEFT_TRY(expect_if_present("bits", 4));
    WEFT_TRY(expect_if_present("zero_point", true));
    QuantizationConfig out{
        .method = QuantizationMethod::kGroups, .order = formats::WordOrder::kAwq, .bits = 4};
    WEFT_ASSIGN(out.group_size, group_size());
    return out;
  }

  Result<QuantizationConfig> read_float8() const {
    WEFT_TRY(expect_if_present("fmt", "e4m3"));
    QuantizationConfig out{.method = QuantizationMethod::kFloat8};
    const json& block = field("weight_block_size");
    if (block.is_null()) return out;
    const bool is_pair = block.is_array() && block.size() == 2;
    const auto rows = is_pair ? size(block[0]) : std::nullopt;
    const auto cols = is_pair ? size(block[1]) : std::nullopt;
    if (!rows || !cols) {
      return fail(
          "Field 'weight_block_size' of 'quantization_config' is {}, and two numbers from "
          "1 to {} were wanted.",
          shown(block), kMaxSize);
    }
    out.block_rows = *rows;
    out.block_cols = *cols;
    return out;
  }

  const json& config_;
};

}  // namespace

Result<QuantizationConfig> read_quantization_config(const json& config) {
  if (!config.is_object()) {
    return fail("Field 'quantization_config' of 'config.json' is no object.");
  }
  return Reader(config).read();
}

}  // namespace weft::model
