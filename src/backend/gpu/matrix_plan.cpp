#include "backend/gpu/matrix_plan.h"

#include <algorithm>

#include "backend/gpu/plan_parts.h"
#include "kernels/attention/attention.h"
#include "kernels/product/product_parts.h"

namespace weft::backend {
namespace {

bool can_multiply(const DeviceMatrix& matrix) {
  return std::ranges::all_of(matrix.parts, [](const MatrixPart& part) {
    return kernels::can_matmul_subgroup(part.layout);
  });
}

// What they multiply is f16, as norms make it.
bool can_attend(const model::LayerSpec& layer) {
  const bool has_norms = layer.attn_norm && (layer.ffn_norm || layer.parallel);
  return has_norms && (layer.delta_net || layer.attention.head_dim % kernels::kMatrixHeadUnit == 0);
}

bool can_multiply(const ExpertMatrices& matrices) {
  return std::ranges::all_of(matrices.parts, [](const ExpertMatrices::Part& part) {
    return kernels::can_matmul_subgroup(part.layout);
  });
}

bool can_multiply(const DeviceMixture& mixture) {
  return std::ranges::all_of(mixture.gate_up, [](const auto& m) { return can_multiply(m); }) &&
         can_multiply(mixture.down);
}

bool can_multiply_mlp(const DeviceLayer& layer) {
  return std::ranges::all_of(layer.gate_up.matrices,
                             [](const auto& m) { return can_multiply(m); }) &&
         can_multiply(layer.ffn_down);
}

bool can_multiply(const DeviceLayer& layer) {
  const MatrixStack& in = layer.delta_net ? layer.delta_net->in : layer.qkv;
  return std::ranges::all_of(in.matrices, [](const auto& m) { return can_multiply(m); }) &&
         (!layer.attn_gate || can_multiply(*layer.attn_gate)) && can_multiply(layer.attn_output) &&
         can_multiply_mlp(layer) && (!layer.mixture || can_multiply(*layer.mixture));
}

}  // namespace

std::optional<MatrixPlan> MatrixPlan::create(const PlanInputs& inputs) {
  const gpu::AdapterInfo& info = inputs.device.info();
  const ManyRows many_rows = inputs.products.many_rows;
  if (many_rows == ManyRows::kPlain || many_rows == ManyRows::kDot || !info.has_f16 ||
      info.limits.max_workgroup_bytes < kernels::kMatmulWorkgroupBytes) {
    return std::nullopt;
  }
  const auto matrix = many_rows == ManyRows::kStandIn ? kernels::stand_in_matrix(info)
                                                      : kernels::subgroup_matrix(info);
  const DeviceWeights& weights = inputs.weights;
  if (!matrix || !kernels::can_attend_on(*matrix) ||
      !std::ranges::all_of(inputs.spec.layers, can_attend) ||
      !std::ranges::all_of(weights.layers, [](const auto& layer) { return can_multiply(layer); })) {
    return std::nullopt;
  }
  return MatrixPlan(inputs, *matrix);
}

bool MatrixPlan::multiplies_head() const { return can_multiply(in_.weights.output()); }

Result<void> MatrixPlan::add_attention(size_t layer, Plan& plan) const {
  WEFT_ASSIGN(
      kernels::Dispatch attention,
      kernels::attention_on_matrices(
          in_.device, attention_shape(in_.spec.layers[layer].attention, in_.step.max_blocks()),
          attention_buffers(in_, layer), in_.step.tiles(), matrix_));
  plan.push_back(std::move(attention));
  return {};
}

kernels::MatmulSubgroupVariant MatrixPlan::variant_for(const kernels::Product& product,
                                                       uint32_t rows) const {
  const gpu::AdapterInfo& info = in_.device.info();
  const kernels::WeightLayout matrix = matrix_of(product);
  if (!product.experts) return kernels::matmul_subgroup_variant(info, matrix_, matrix, rows);
  return kernels::matmul_experts_variant(info, matrix_, matrix, product.experts->shape.tile);
}

bool MatrixPlan::add_gated(const kernels::Product& product, kernels::Activation activation,
                           uint32_t rows, Plan& plan) const {
  const kernels::MatmulSubgroupVariant variant = variant_for(product, rows);
  if (!kernels::can_gate(variant, matrix_of(product))) return false;
  plan.push_back(kernels::matmul_subgroup_gated(in_.device, product, activation, variant));
  return true;
}

void MatrixPlan::add(const kernels::Product& product, uint32_t rows, Plan& plan) const {
  const kernels::MatmulSubgroupVariant variant = variant_for(product, rows);
  for (kernels::Dispatch& dispatch : kernels::matmul_subgroup(
           in_.device, product, variant, whole(in_.activations.matmul_parts))) {
    plan.push_back(std::move(dispatch));
  }
}

}  // namespace weft::backend
