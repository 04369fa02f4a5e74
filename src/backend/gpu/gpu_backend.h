// The GPU backend: weights uploaded once, a prebuilt plan of dispatches for each shape of step.
#pragma once

#include <functional>
#include <memory>

#include "backend/backend.h"
#include "backend/gpu/plan.h"
#include "gpu/device.h"

namespace weft::backend {

// `progress` is told bytes uploaded and bytes in all, from the calling thread.
// `spec` outlives the backend; the file its views point into is needed only during this call.
// Backends that share a device are used by one thread.
[[nodiscard]] Result<std::unique_ptr<Backend>> create_gpu_backend(
    const model::ModelSpec& spec, const Options& options, std::shared_ptr<gpu::Device> device,
    const std::function<void(uint64_t done, uint64_t total)>& progress,
    const Products& products = {});

}  // namespace weft::backend
