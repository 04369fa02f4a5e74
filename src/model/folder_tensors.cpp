#include "model/folder_tensors.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/checked.h"
#include "formats/dequantize.h"
#include "model/convert_delta_net.h"
#include "model/convert_experts.h"

namespace weft::model {
namespace {

using formats::TensorType;
using formats::TensorView;
using Floats = std::vector<float>;

constexpr uint64_t kPieceElements = 1 << 22;

// These are made from the header's numbers again.
bool is_table(std::string_view name) { return name.starts_with("rope_f"); }

TensorType type_for(const TensorView& tensor, std::optional<TensorType> matrices) {
  if (tensor.n_dims == 1) return TensorType::kF32;
  if (matrices) return *matrices;
  const bool is_float = tensor.type == TensorType::kF32 || tensor.type == TensorType::kF16 ||
                        tensor.type == TensorType::kBF16;
  return is_float ? tensor.type : TensorType::kBF16;
}

std::vector<uint64_t> shape_of(const TensorView& tensor) {
  std::vector<uint64_t> shape(tensor.dims.begin(), tensor.dims.begin() + tensor.n_dims);
  std::ranges::reverse(shape);
  // GGUF files have these two with a dimension less.
  if (tensor.name.contains(".ssm_conv1d.")) shape.insert(shape.begin() + 1, 1);
  if (tensor.name.contains(".ffn_gate_inp_shexp.") && shape.size() == 1) {
    shape.insert(shape.begin(), 1);
  }
  return shape;
}

// What is done to a tensor on its way: the opposite of what convert.cpp does.
struct Change {
  uint64_t permuted_head_dim = 0;  // GgufRows::permutes_qk; 0: rows stay
  std::optional<HeadMove> heads;
  float offset = 0;  // taken from each number
  bool is_logarithm = false;
};

// The row of the file that comes to place `row`.
uint64_t source_row(const Change& change, uint64_t row) {
  if (change.heads && !change.heads->of_columns) return place_before(*change.heads, row);
  const uint64_t head_dim = change.permuted_head_dim;
  if (head_dim == 0) return row;
  const uint64_t i = row % head_dim;
  const uint64_t half = head_dim / 2;
  return row - i + (i < half ? 2 * i : 2 * (i - half) + 1);
}

void apply(const Change& change, std::span<float> row, Floats& scratch) {
  if (change.heads && change.heads->of_columns) {
    scratch.assign(row.begin(), row.end());
    for (size_t i = 0; i < row.size(); ++i) row[i] = scratch[place_before(*change.heads, i)];
  }
  for (float& value : row) {
    value = change.is_logarithm ? std::log(-value) : value - change.offset;
  }
}

Result<Floats> numbers_of(const Weight& weight) {
  Floats values(uint64_t{weight.rows} * weight.cols);
  WEFT_TRY(formats::dequantize(weight.tensor.type, weight.tensor.data, values));
  return values;
}

// [rows, cols] becomes [cols, rows].
Floats transposed(const Floats& values, size_t rows, size_t cols) {
  Floats out(values.size());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t col = 0; col < cols; ++col) out[col * rows + row] = values[row * cols + col];
  }
  return out;
}

// Rows of gate and up as one matrix has them.
Floats joined(const Floats& gate, const Floats& up, size_t cols, FusedRows fused) {
  Floats out = gate;
  if (fused == FusedRows::kHalves) {
    out.insert(out.end(), up.begin(), up.end());
    return out;
  }
  out.resize(2 * gate.size());
  for (size_t i = 0; i < gate.size(); ++i) {
    const size_t at = i / cols * 2 * cols + i % cols;
    out[at] = gate[i];
    out[at + cols] = up[i];
  }
  return out;
}

class TensorLister {
 public:
  TensorLister(const formats::GgufFile& file, const Architecture& architecture,
               const ModelSpec& spec, std::optional<TensorType> type)
      : file_(file),
        architecture_(architecture),
        spec_(spec),
        delta_net_(first_delta_net(spec)),
        type_(type) {}

  std::vector<FolderTensor> list() {
    for (const TensorView& tensor : file_.tensors()) {
      const bool is_made = is_table(tensor.name) || is_of_experts(tensor.name) ||
                           (groups_key_heads() && is_of_key_heads(tensor.name));
      if (!is_made) tensors_.push_back(of_file(tensor));
    }
    for (size_t i = 0; i < spec_.layers.size(); ++i) {
      add_experts(i, spec_.layers[i].experts);
      if (groups_key_heads() && spec_.layers[i].delta_net)
        add_groups(i, *spec_.layers[i].delta_net);
    }
    return std::move(tensors_);
  }

 private:
  // Folders of Qwen3-Next have rows of several matrices of Gated DeltaNet in one, grouped by heads
  // of k. Its GGUF files have them so or apart.
  [[nodiscard]] bool groups_key_heads() const { return architecture_.gguf == "qwen3next"; }
  static bool is_of_key_heads(std::string_view name) {
    return std::ranges::any_of(std::array{".ssm_in.", ".attn_qkv.", ".attn_gate.", ".ssm_ba.",
                                          ".ssm_beta.", ".ssm_alpha."},
                               [&](const char* part) { return name.contains(part); });
  }

  [[nodiscard]] std::string name_of(std::string_view ours) const {
    return hf_tensor(architecture_.layout, ours);
  }

  [[nodiscard]] Change change_of(const TensorView& tensor) const {
    const auto has = [&](std::string_view part) { return tensor.name.contains(part); };
    const GgufRows& rows = architecture_.gguf_rows;
    Change change{.offset = has("norm.weight") && !has(".ssm_norm.") ? rows.norm_offset : 0,
                  .is_logarithm = tensor.name.ends_with(".ssm_a")};
    if (rows.permutes_qk && (has(".attn_q.") || has(".attn_k."))) {
      change.permuted_head_dim = spec_.layers.front().attention.head_dim;
    }
    if (rows.deals_v_heads && delta_net_ != nullptr) {
      change.heads = head_move(tensor.name, *delta_net_);
      if (change.heads) change.heads = opposite(*change.heads);
    }
    return change;
  }

  [[nodiscard]] FolderTensor of_file(const TensorView& tensor) const {
    const Change change = change_of(tensor);
    // The elements of a permuted bias move as rows do.
    const bool has_row_elements = tensor.n_dims == 1 && change.permuted_head_dim != 0;
    const uint64_t rows = has_row_elements ? tensor.cols() : tensor.rows();
    const uint64_t cols = tensor.elements() / rows;
    const uint64_t rows_of_piece = std::max<uint64_t>(1, kPieceElements / cols);
    const auto read = [&tensor, change, rows, cols, rows_of_piece](uint64_t piece,
                                                                   Floats& values) -> Result<void> {
      const size_t row_bytes = tensor.data.size() / rows;
      const uint64_t first = piece * rows_of_piece;
      const uint64_t count = std::min(rows_of_piece, rows - first);
      values.resize(count * cols);
      Floats scratch;
      for (uint64_t i = 0; i < count; ++i) {
        const uint64_t from = source_row(change, first + i);
        const std::span row = std::span(values).subspan(i * cols, cols);
        WEFT_TRY(formats::dequantize(tensor.type, tensor.data.subspan(from * row_bytes, row_bytes),
                                     row));
        apply(change, row, scratch);
      }
      return {};
    };
    return {.info = {.name = name_of(tensor.name),
                     .type = type_for(tensor, type_),
                     .shape = shape_of(tensor)},
            .pieces = ceil_div(rows, rows_of_piece),
            .read = read};
  }

  void add_experts(size_t layer, const std::vector<Expert>& experts) {
    if (experts.empty()) return;
    if (architecture_.fuses_experts) return add_fused(layer, experts, *architecture_.fuses_experts);
    for (size_t i = 0; i < experts.size(); ++i) {
      for (const auto& [role, weight] : {std::pair("gate", &experts[i].gate),
                                         {"up", &experts[i].up},
                                         {"down", &experts[i].down}}) {
        const auto read = [weight](uint64_t, Floats& values) -> Result<void> {
          WEFT_ASSIGN(values, numbers_of(*weight));
          return {};
        };
        tensors_.push_back(
            {.info = {.name = name_of(fmt::format("blk.{}.ffn_{}.{}.weight", layer, role, i)),
                      .type = type_for(weight->tensor, type_),
                      .shape = {weight->rows, weight->cols}},
             .pieces = 1,
             .read = read});
      }
    }
  }

  void add_groups(size_t layer, const DeltaNet& net) {
    const uint32_t shared = net.v_heads / net.k_heads;
    const uint32_t v = shared * net.v_dim;  // rows that share a head of k
    const uint32_t keys = net.k_heads * net.k_dim;
    add_grouped(layer, "ssm_in", net.k_heads,
                {{&net.qkv, 0, net.k_dim},
                 {&net.qkv, keys, net.k_dim},
                 {&net.qkv, 2 * keys, v},
                 {&net.gate, 0, v}});
    add_grouped(layer, "ssm_ba", net.k_heads, {{&net.beta, 0, shared}, {&net.alpha, 0, shared}});
  }

  // Of a matrix the rows first + group * count to first + (group + 1) * count - 1.
  struct RowsOfGroup {
    const Weight* matrix;
    uint32_t first, count;
  };

  // For each group its rows of each part.
  void add_grouped(size_t layer, std::string_view role, uint32_t groups,
                   const std::vector<RowsOfGroup>& parts) {
    const Weight& first = *parts.front().matrix;
    const auto read = [parts](uint64_t group, Floats& values) -> Result<void> {
      values.clear();
      for (const auto& [matrix, first_row, count] : parts) {
        const TensorView& tensor = matrix->tensor;
        const size_t row_bytes = tensor.data.size() / matrix->rows;
        Floats rows(uint64_t{count} * matrix->cols);
        WEFT_TRY(formats::dequantize(
            tensor.type,
            tensor.data.subspan((first_row + group * count) * row_bytes, count * row_bytes), rows));
        values.insert(values.end(), rows.begin(), rows.end());
      }
      return {};
    };
    uint64_t rows_of_group = 0;
    for (const RowsOfGroup& part : parts) rows_of_group += part.count;
    tensors_.push_back({.info = {.name = name_of(fmt::format("blk.{}.{}.weight", layer, role)),
                                 .type = type_for(first.tensor, type_),
                                 .shape = {groups * rows_of_group, first.cols}},
                        .pieces = groups,
                        .read = read});
  }

  // A tensor with a matrix [rows, cols] of each expert, or the same on its side; of vectors rows is
  // 1.
  void add_of_all(size_t layer, const std::vector<Expert>& experts, std::string_view role,
                  uint64_t rows, uint64_t cols,
                  const std::function<Result<Floats>(const Expert&)>& numbers) {
    const bool is_vector = rows == 1;
    const std::string_view suffix = is_vector ? "bias" : "weight";
    const std::string name = fmt::format("blk.{}.{}.{}", layer, role, suffix);
    const bool is_transposed = !is_vector && is_transposed_in_folders(architecture_.layout, name);
    std::vector<uint64_t> shape{experts.size(), rows, cols};
    if (is_transposed) std::swap(shape[1], shape[2]);
    if (is_vector) shape.erase(shape.begin() + 1);
    const auto read = [&experts, rows, cols, is_transposed, numbers](
                          uint64_t piece, Floats& values) -> Result<void> {
      WEFT_ASSIGN(values, numbers(experts[piece]));
      if (is_transposed) values = transposed(values, rows, cols);
      return {};
    };
    const TensorView& first = experts.front().down.tensor;
    tensors_.push_back({.info = {.name = name_of(name),
                                 .type = is_vector ? TensorType::kF32 : type_for(first, type_),
                                 .shape = std::move(shape)},
                        .pieces = experts.size(),
                        .read = read});
  }

  void add_fused(size_t layer, const std::vector<Expert>& experts, FusedRows fused) {
    const uint64_t embd = spec_.embd;
    const uint64_t ff = experts.front().gate.rows;
    const auto both = [fused](const Weight& gate, const Weight& up, size_t cols) -> Result<Floats> {
      WEFT_ASSIGN(const Floats first, numbers_of(gate));
      WEFT_ASSIGN(const Floats second, numbers_of(up));
      return joined(first, second, cols, fused);
    };
    add_of_all(layer, experts, "ffn_gate_up_exps", 2 * ff, embd,
               [both, embd](const Expert& e) { return both(e.gate, e.up, embd); });
    add_of_all(layer, experts, "ffn_down_exps", embd, ff,
               [](const Expert& e) { return numbers_of(e.down); });
    if (!experts.front().gate_bias) return;
    add_of_all(layer, experts, "ffn_gate_up_exps", 1, 2 * ff,
               [both](const Expert& e) { return both(*e.gate_bias, *e.up_bias, 1); });
    add_of_all(layer, experts, "ffn_down_exps", 1, embd,
               [](const Expert& e) { return numbers_of(*e.down_bias); });
  }

  const formats::GgufFile& file_;
  const Architecture& architecture_;
  const ModelSpec& spec_;
  const DeltaNet* delta_net_;
  std::optional<TensorType> type_;
  std::vector<FolderTensor> tensors_;
};

}  // namespace

std::vector<FolderTensor> folder_tensors(const formats::GgufFile& file,
                                         const Architecture& architecture, const ModelSpec& spec,
                                         std::optional<formats::TensorType> type) {
  return TensorLister(file, architecture, spec, type).list();
}

}  // namespace weft::model
