#include "kernels/draw_all/draw_all.h"

#include <span>
#include <string_view>

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/draw_parts.wgsl.h"
#include "kernels/gen/draw_pick.wgsl.h"
#include "kernels/gen/select_logits.wgsl.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kPart = 2048;             // logits of a workgroup
constexpr uint64_t kLevels = 8;              // as in lib/selection.wgsl, and so are the next
constexpr uint64_t kBinBytes = 3 * 256 * 4;  // of a level
constexpr uint64_t kSelectionBytes = 6 * 4;
constexpr uint64_t kPartBytes = 8;

Variant variant_of(std::string_view kernel) {
  return {.kernel = kernel, .constants = {{"kPart", kPart}}};
}

}  // namespace

DrawAllScratchBytes draw_all_scratch_bytes(uint32_t vocab, uint32_t max_outputs) {
  return {.bins = max_outputs * kLevels * kBinBytes,
          .selections = max_outputs * (kLevels + 1) * kSelectionBytes,
          .parts = max_outputs * kPartBytes * ceil_div(vocab, kPart)};
}

DrawAll draw_all(gpu::Device& device, uint32_t vocab, const DrawAllBuffers& buffers) {
  const uint32_t parts = ceil_div(vocab, kPart);
  const auto over_parts = [&](const char* label, std::span<const gpu::Binding> bindings,
                              const auto& params) {
    const gpu::Pipeline pipeline = device.pipeline(compose(variant_of(label)));
    return Dispatch{.label = label,
                    .pipeline = pipeline,
                    .group = device.bind_group(pipeline, bindings, label),
                    .immediates = Immediates(params),
                    .count = Count::kOutputs,
                    .x = {.fixed = parts},
                    .y = {.count = Count::kOutputs},
                    .bytes_per_count = uint64_t{4} * vocab};
  };
  const std::array bindings{buffers.rules, buffers.logits,     buffers.candidates,
                            buffers.bins,  buffers.selections, buffers.parts};
  const auto level = [&](uint32_t number) {
    return over_parts("select_logits", std::span(bindings).first(5),
                      SelectLogitsParams{.outputs = 0, .vocab = vocab, .level = number});
  };
  const gpu::Pipeline pick = device.pipeline(compose(variant_of("draw_pick")));
  return {.top_k = {level(0), level(1), level(2), level(3)},
          .top_p = {level(4), level(5), level(6), level(7)},
          .pick = {
              over_parts("draw_parts", bindings, DrawPartsParams{.outputs = 0, .vocab = vocab}),
              Dispatch{.label = "draw_pick",
                       .pipeline = pick,
                       .group = device.bind_group(pick, bindings, "draw_pick"),
                       .immediates =
                           Immediates(DrawPickParams{.outputs = 0, .vocab = vocab, .parts = parts}),
                       .count = Count::kOutputs,
                       .y = {.count = Count::kOutputs},
                       .bytes_per_count = kPart * uint64_t{4} + kLevels * kBinBytes}}};
}

}  // namespace weft::kernels
