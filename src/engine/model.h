// A model file or folder, opened: its spec, its text functions, and a backend that runs it.
#pragma once

#include <filesystem>
#include <memory>
#include <variant>

#include "backend/backend.h"
#include "base/error.h"
#include "engine/model_options.h"
#include "formats/gguf.h"
#include "model/hf_model.h"
#include "model/spec.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace weft::engine {

// The text functions of a file. A model without vocabulary or template runs all the same; the error
// says what is missing when it is asked for.
struct TextModel {
  Result<text::Tokenizer> tokenizer;
  Result<text::ChatTemplate> chat_template;

  [[nodiscard]] static TextModel from_gguf(const formats::GgufFile& file);
  [[nodiscard]] static TextModel from_folder(const std::filesystem::path& folder);
};

class LoadedModel {
 public:
  // `listener` is used during this call only.
  [[nodiscard]] static Result<std::unique_ptr<LoadedModel>> load(const ModelOptions& options,
                                                                 const LoadListener& listener);

  [[nodiscard]] const model::ModelSpec& spec() const { return spec_; }
  [[nodiscard]] const TextModel& text() const { return text_; }
  // Null where text().tokenizer is an error.
  [[nodiscard]] const text::Tokenizer* tokenizer() const;
  [[nodiscard]] backend::Backend& backend() const { return *backend_; }

 private:
  // What holds the weights that the spec's views point into.
  using Storage = std::variant<formats::GgufFile, model::HfFolder>;

  LoadedModel(Storage storage, model::ModelSpec spec, TextModel text)
      : storage_(std::move(storage)), spec_(std::move(spec)), text_(std::move(text)) {}

  [[nodiscard]] static Result<std::unique_ptr<LoadedModel>> open(const std::filesystem::path& path);

  Storage storage_;
  model::ModelSpec spec_;
  TextModel text_;
  std::unique_ptr<backend::Backend> backend_;  // goes before what it points into
};

}  // namespace weft::engine
