#include "model/convert_experts.h"

#include "formats/dequantize.h"
#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::quote;
using formats::TensorType;
using formats::TensorView;
using Bytes = std::vector<std::byte>;

// One tensor after the other.
Result<std::span<const std::byte>> joined(std::span<const TensorView> tensors, Bytes& made) {
  made.clear();
  for (const TensorView& tensor : tensors) {
    made.insert(made.end(), tensor.data.begin(), tensor.data.end());
  }
  return made;
}

// The numbers of one after the other, as f32.
Result<std::span<const std::byte>> as_floats(std::span<const TensorView> tensors, Bytes& made) {
  made.clear();
  for (const TensorView& tensor : tensors) {
    std::vector<float> values(tensor.elements());
    WEFT_TRY(formats::dequantize(tensor.type, tensor.data, values));
    const auto bytes = std::as_bytes(std::span(values));
    made.insert(made.end(), bytes.begin(), bytes.end());
  }
  return made;
}

Result<ImageTensor> stack_of(std::string name, const std::vector<Expert>& experts,
                             Weight Expert::* matrix) {
  const Weight& first = experts.front().*matrix;
  std::vector<TensorView> views;
  for (const Expert& expert : experts) {
    const TensorView& view = (expert.*matrix).tensor;
    if (view.type != first.tensor.type) {
      return fail("Tensor {} has type {}, and the first expert's has type {}.", quote(view.name),
                  formats::info(view.type).name, formats::info(first.tensor.type).name);
    }
    views.push_back(view);
  }
  return ImageTensor{
      .info = {.name = std::move(name),
               .type = first.tensor.type,
               .dims = {first.cols, first.rows, experts.size()}},
      .data = [views = std::move(views)](Bytes& made) { return joined(views, made); }};
}

ImageTensor biases_of(std::string name, const std::vector<Expert>& experts,
                      std::optional<Weight> Expert::* bias) {
  std::vector<TensorView> views;
  for (const Expert& expert : experts) views.push_back((expert.*bias)->tensor);
  const uint64_t size = views.front().cols();
  return {.info = {.name = std::move(name), .type = TensorType::kF32, .dims = {size, views.size()}},
          .data = [views = std::move(views)](Bytes& made) { return as_floats(views, made); }};
}

}  // namespace

bool is_of_experts(std::string_view name) {
  if (name.contains("_exps.")) return true;
  name = name.substr(0, name.rfind('.'));  // "blk.0.ffn_up.7"
  const size_t last = name.rfind('.') + 1;
  constexpr std::string_view kBlock = "blk.";
  return name.starts_with(kBlock) && last > kBlock.size() &&
         name.find_first_not_of("0123456789", last) == std::string_view::npos;
}

Result<void> add_experts(const std::vector<Expert>& experts, size_t index,
                         std::vector<ImageTensor>& tensors) {
  struct Kind {
    std::string_view role;
    Weight Expert::* matrix;
    std::optional<Weight> Expert::* bias;
  };
  constexpr Kind kKinds[] = {{"ffn_gate", &Expert::gate, &Expert::gate_bias},
                             {"ffn_up", &Expert::up, &Expert::up_bias},
                             {"ffn_down", &Expert::down, &Expert::down_bias}};
  if (experts.empty()) return {};
  for (const Kind& kind : kKinds) {
    const std::string name = fmt::format("blk.{}.{}_exps", index, kind.role);
    WEFT_ASSIGN(ImageTensor stack, stack_of(name + ".weight", experts, kind.matrix));
    tensors.push_back(std::move(stack));
    if (!(experts.front().*kind.bias)) continue;
    tensors.push_back(biases_of(name + ".bias", experts, kind.bias));
  }
  return {};
}

}  // namespace weft::model
