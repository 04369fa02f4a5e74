#include "backend/gpu/matrix_plan.h"

#include <algorithm>

#include "backend/gpu/plan_parts.h"
#include "kernels/attention/attention.h"
#include "kernels/matmul_subgroup/matmul_subgroup.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/swiglu/swiglu.h"

namespace weft::backend {
namespace {

using kernels::Elements;
using kernels::Store;

bool can_multiply(const DeviceMatrix& matrix) {
  return std::ranges::all_of(matrix.parts, [](const MatrixPart& part) {
    return kernels::can_matmul_subgroup(part.layout);
  });
}

bool can_multiply(const DeviceLayer& layer) {
  return std::ranges::all_of(layer.qkv.matrices, [](const auto& m) { return can_multiply(m); }) &&
         std::ranges::all_of(layer.gate_up.matrices,
                             [](const auto& m) { return can_multiply(m); }) &&
         can_multiply(layer.attn_output) && can_multiply(layer.ffn_down);
}

}  // namespace

std::optional<MatrixPlan> MatrixPlan::create(const PlanInputs& inputs) {
  const gpu::AdapterInfo& info = inputs.device.info();
  if (inputs.products.many_rows == ManyRows::kPlain || !info.has_f16 ||
      info.limits.max_workgroup_bytes < kernels::kMatmulWorkgroupBytes) {
    return std::nullopt;
  }
  const auto matrix = inputs.products.many_rows == ManyRows::kStandIn
                          ? kernels::stand_in_matrix(info)
                          : kernels::subgroup_matrix(info);
  const DeviceWeights& weights = inputs.weights;
  if (!matrix ||
      !std::ranges::all_of(weights.layers, [](const auto& layer) { return can_multiply(layer); })) {
    return std::nullopt;
  }
  return MatrixPlan(inputs, *matrix);
}

Result<void> MatrixPlan::add_layer(size_t layer, uint32_t rows, Plan& plan) const {
  const DeviceLayer& weights = in_.weights.layers[layer];
  const model::LayerSpec& spec = in_.spec.layers[layer];
  const Activations& a = in_.activations;
  add_norm(weights.attn_norm, a.normed, {}, plan);
  add(products_of(weights.qkv, a.normed, a.qkv), rows, plan);
  WEFT_TRY(add_rope_kv(in_, layer, Elements::kF16, plan));
  WEFT_ASSIGN(kernels::Dispatch attention,
              kernels::attention_on_matrices(
                  in_.device, attention_shape(spec.attention, in_.step.max_blocks()),
                  attention_buffers(in_, layer), in_.step.tiles(), matrix_));
  plan.push_back(std::move(attention));
  add(products_of(weights.attn_output, a.attended, a.residual, Store::kAdd), rows, plan);

  add_norm(weights.ffn_norm, a.normed, {}, plan);
  add(products_of(weights.gate_up, a.normed, a.gate_up), rows, plan);
  plan.push_back(kernels::swiglu(in_.device, spec.mlp.ff,
                                 {.gate_up = whole(a.gate_up), .y = whole(a.activated)},
                                 Elements::kF16Chunks));
  add(products_of(weights.ffn_down, a.activated, a.residual, Store::kAdd), rows, plan);
  return {};
}

bool MatrixPlan::add_head(uint32_t outputs, Plan& plan) const {
  const Activations& a = in_.activations;
  if (!can_multiply(in_.weights.output())) return false;
  add_norm(in_.weights.output_norm, a.head_in, in_.step.outputs(), plan);
  auto products = products_of(in_.weights.output(), a.head_in, a.logits, Store::kReplace);
  for (kernels::Product& product : products) product.rows = kernels::Count::kOutputs;
  add(products, outputs, plan);
  return true;
}

void MatrixPlan::add_norm(const gpu::Buffer& w, const gpu::Buffer& y, const gpu::Binding& outputs,
                          Plan& plan) const {
  plan.push_back(kernels::rms_norm(
      in_.device, {.cols = in_.spec.embd, .eps = in_.spec.norm_eps, .y = Elements::kF16Chunks},
      {.x = whole(in_.activations.residual), .w = whole(w), .y = whole(y), .outputs = outputs},
      kernels::workgroup_sum_for(in_.device.info())));
}

void MatrixPlan::add(const std::vector<kernels::Product>& products, uint32_t rows,
                     Plan& plan) const {
  for (const kernels::Product& product : products) {
    const kernels::MatmulSubgroupVariant variant =
        kernels::matmul_subgroup_variant(in_.device.info(), matrix_, product.weight.layout, rows);
    for (kernels::Dispatch& dispatch : kernels::matmul_subgroup(
             in_.device, product, variant, whole(in_.activations.matmul_parts))) {
      plan.push_back(std::move(dispatch));
    }
  }
}

}  // namespace weft::backend
