// The CPU backend: Highway kernels on a thread pool, weights repacked when it is created.
#pragma once

#include <memory>

#include "backend/backend.h"

namespace weft::backend {

// `spec` and the file its views point into outlive the backend.
[[nodiscard]] Result<std::unique_ptr<Backend>> create_cpu_backend(const model::ModelSpec& spec,
                                                                  const Options& options);

}  // namespace weft::backend
