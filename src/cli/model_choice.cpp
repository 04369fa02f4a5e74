#include "cli/model_choice.h"

namespace weft::cli {
namespace {

constexpr const char* kDefaultModel = "SmolLM2-135M-Instruct.Q4_1.gguf";

Result<std::filesystem::path> default_model() {
  WEFT_ASSIGN(const std::filesystem::path folder, hub::own_models());
  std::filesystem::path path = folder / kDefaultModel;
  std::error_code error;
  if (std::filesystem::exists(path, error)) return path;
  return fail("The default model is not in '{}': run ./setup/install, or name a model with -m.",
              path.string());
}

// What was meant as a path: not to be looked up as a name.
bool is_path(const std::string& text) {
  std::error_code error;
  return text.ends_with(".gguf") || text.starts_with('/') || text.starts_with('.') ||
         std::filesystem::exists(text, error);
}

}  // namespace

void add_model_choice(CLI::App& app, ModelChoice& choice) {
  app.add_option(
      "-m,--model", choice.model,
      "A GGUF file, a Hugging Face folder, or a name that 'weft list' shows; without it, "
      "the default model");
  add_model_dir(app, choice.folders);
}

void add_model_dir(CLI::App& app, std::vector<std::filesystem::path>& folders) {
  app.add_option("--model-dir", folders, "Look for models in this folder too; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
}

std::vector<hub::FoundModel> found_models(std::span<const std::filesystem::path> folders) {
  return hub::list_models(hub::all_stores(folders));
}

Result<std::filesystem::path> model_path(const ModelChoice& choice) {
  if (choice.model.empty()) return default_model();
  if (is_path(choice.model)) return std::filesystem::path(choice.model);
  WEFT_ASSIGN(
      const hub::FoundModel found,
      hub::find_model(found_models(choice.folders), choice.model, hub::NameForm::kBeginnings));
  return found.path;
}

}  // namespace weft::cli
