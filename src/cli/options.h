// Options that several commands have, under llama.cpp's names.
#pragma once

#include <CLI/CLI.hpp>

#include "engine/model_options.h"
#include "sample/params.h"

namespace weft::cli {

// -m, --device, -c, -b, -t. The model's path stays empty where -m is absent: see model_path().
void add_model_options(CLI::App& app, engine::ModelOptions& options);

// --temp, --top-k, --top-p, --min-p, --typical, the penalties, --logit-bias, --seed.
void add_sampling_options(CLI::App& app, sample::Params& params);

// What -m named, or the default model in the cache folder; an error where that was never fetched.
[[nodiscard]] Result<std::filesystem::path> model_path(const engine::ModelOptions& options);

}  // namespace weft::cli
