// Which model a command is about: -m and --model-dir.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "hub/store.h"

namespace weft::cli {

struct ModelChoice {
  std::string model;  // a file, a folder, or a name; empty: the default model
  std::vector<std::filesystem::path> folders;
};

void add_model_choice(CLI::App& app, ModelChoice& choice);
void add_model_dir(CLI::App& app, std::vector<std::filesystem::path>& folders);

// All models that this machine has, with those in `folders`.
[[nodiscard]] std::vector<hub::FoundModel> found_models(
    std::span<const std::filesystem::path> folders);

// The file or folder of the model; an error where a name is not found or means several, or where
// the default model was never fetched.
[[nodiscard]] Result<std::filesystem::path> model_path(const ModelChoice& choice);

}  // namespace weft::cli
