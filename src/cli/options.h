// Options that several commands have, under llama.cpp's names.
#pragma once

#include <CLI/CLI.hpp>

#include "engine/model_options.h"
#include "engine/request.h"

namespace weft::cli {

// -m, --device, -c, -b, -t. The model's path stays empty where -m is absent: see model_path().
void add_model_options(CLI::App& app, engine::ModelOptions& options);

// How an answer is generated: -n, --stop, --ignore-eos; --temp, --top-k, --top-p, --min-p,
// --typical, the penalties, --logit-bias, --seed.
void add_answer_options(CLI::App& app, engine::Request& request);

// What -m named, or the default model in the cache folder; an error where that was never fetched.
[[nodiscard]] Result<std::filesystem::path> model_path(const engine::ModelOptions& options);

}  // namespace weft::cli
