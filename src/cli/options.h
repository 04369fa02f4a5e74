// Options that several commands have, under llama.cpp's names.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/model_choice.h"
#include "engine/model_options.h"
#include "engine/request.h"

namespace weft::cli {

// How a model is loaded; load_model() fills in the path that was chosen.
struct ModelOptions : engine::ModelOptions {
  ModelChoice choice;
  std::string quantize;  // the type in which it is loaded; empty: its own
};

// A check of an option: why `name` is no type that a model can be quantised to, or nothing.
[[nodiscard]] std::string why_no_quantize_type(const std::string& name);

// -m, --model-dir, --quantize, --device, -c, --cache-type-k, --cache-type-v, -b, -t.
void add_model_options(CLI::App& app, ModelOptions& options);

// How an answer is generated: -n, --stop, --ignore-eos; --temp, --top-k, --top-p, --min-p,
// --typical, the penalties, --logit-bias, --seed.
void add_answer_options(CLI::App& app, engine::Request& request);

}  // namespace weft::cli
