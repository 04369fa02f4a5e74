// What a model's steps need to draw tokens from the whole vocabulary.
#pragma once

#include <cstdint>
#include <optional>

#include "backend/gpu/step_data.h"
#include "backend/gpu/storage.h"
#include "gpu/device.h"
#include "kernels/draw_all/draw_all.h"

namespace weft::backend {

struct AllDraws {
  gpu::Buffer bins, selections, parts;
  std::optional<kernels::DrawAll> kernels;
  uint64_t size_bytes = 0;

  // The pipelines are waited for with those of the plans.
  [[nodiscard]] static Result<AllDraws> create(gpu::Device& device, const model::ModelSpec& spec,
                                               const Options& options, const StepData& step,
                                               const Activations& activations);
};

}  // namespace weft::backend
