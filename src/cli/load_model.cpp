#include "cli/load_model.h"

#include "cli/quantized_copy.h"

namespace weft::cli {

Result<std::unique_ptr<engine::LoadedModel>> load_model(ModelOptions options, Progress& progress) {
  WEFT_ASSIGN(options.path, model_path(options.choice));
  if (!options.quantize.empty()) {
    WEFT_ASSIGN(options.path,
                quantized_copy(options.path, options.quantize, options.threads, progress));
  }
  const engine::LoadListener listener{
      .on_progress = [&progress](uint64_t done,
                                 uint64_t total) { progress.update("loading", done, total); },
      .on_notice =
          [&progress](std::string_view sentence) {
            progress.clear();
            print_notice(sentence);
          }};
  auto model = engine::LoadedModel::load(options, listener);
  progress.clear();
  return model;
}

}  // namespace weft::cli
