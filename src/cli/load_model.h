// What most commands begin with.
#pragma once

#include <memory>

#include "cli/console.h"
#include "cli/options.h"
#include "engine/model.h"

namespace weft::cli {

// The model that -m names, or the default model, on the device that was asked for. Shows its
// progress, and gives notices such as why it is not the GPU.
[[nodiscard]] Result<std::unique_ptr<engine::LoadedModel>> load_model(ModelOptions options,
                                                                      Progress& progress);

}  // namespace weft::cli
