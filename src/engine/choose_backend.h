// From --device to a backend.
#pragma once

#include <memory>

#include "backend/backend.h"
#include "engine/model_options.h"
#include "model/spec.h"

namespace weft::engine {

// `spec` and the mapped file it points into outlive the backend. With "auto", a GPU that fails is
// told to `listener`, and the CPU takes its place; a device that was asked for is an error then.
[[nodiscard]] Result<std::unique_ptr<backend::Backend>> create_backend(
    const model::ModelSpec& spec, const backend::Options& options, std::string_view device,
    const LoadListener& listener);

}  // namespace weft::engine
