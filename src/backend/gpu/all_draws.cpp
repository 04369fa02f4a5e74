#include "backend/gpu/all_draws.h"

namespace weft::backend {

Result<AllDraws> AllDraws::create(gpu::Device& device, const model::ModelSpec& spec,
                                  const Options& options, const StepData& step,
                                  const Activations& activations) {
  const kernels::DrawAllScratchBytes bytes =
      kernels::draw_all_scratch_bytes(spec.vocab, max_outputs(options));
  AllDraws draws;
  WEFT_ASSIGN(draws.bins, device.create_buffer(bytes.bins, "draw bins"));
  WEFT_ASSIGN(draws.selections, device.create_buffer(bytes.selections, "draw selections"));
  WEFT_ASSIGN(draws.parts, device.create_buffer(bytes.parts, "draw parts"));
  draws.size_bytes = bytes.bins + bytes.selections + bytes.parts;
  draws.kernels = kernels::draw_all(device, spec.vocab,
                                    {.rules = step.rules(),
                                     .logits = {.buffer = &activations.logits},
                                     .candidates = {.buffer = &activations.candidates},
                                     .bins = {.buffer = &draws.bins},
                                     .selections = {.buffer = &draws.selections},
                                     .parts = {.buffer = &draws.parts}});
  return draws;
}

}  // namespace weft::backend
