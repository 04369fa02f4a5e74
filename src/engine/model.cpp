#include "engine/model.h"

#include <algorithm>

#include "base/checked.h"
#include "engine/choose_backend.h"
#include "engine/folder_text.h"
#include "engine/vocabulary.h"
#include "model/load.h"

namespace weft::engine {
namespace {

Result<text::Tokenizer> load_tokenizer(const formats::GgufFile& file) {
  WEFT_ASSIGN(const text::Vocabulary vocabulary, vocabulary_from_gguf(file));
  return text::Tokenizer::from_vocabulary(vocabulary);
}

Result<text::ChatTemplate> load_chat_template(const formats::GgufFile& file) {
  WEFT_ASSIGN(const std::string_view source, chat_template_from_gguf(file));
  return text::ChatTemplate::compile(source);
}

Result<backend::Options> backend_options(const ModelOptions& options, const model::ModelSpec& spec,
                                         const LoadListener& listener) {
  uint32_t context = options.context.value_or(std::min(spec.context, kDefaultContext));
  if (context == 0) context = spec.context;
  if (context > spec.context && listener.on_notice) {
    listener.on_notice(fmt::format("The context is {} tokens, and the model was trained for {}.",
                                   context, spec.context));
  }
  if (options.max_sequences == 0 || options.batch < options.max_sequences) {
    return fail("A step of {} tokens is too small for {} sequences at a time.", options.batch,
                options.max_sequences);
  }
  const uint64_t kv_tokens = options.kv_tokens.value_or(0) != 0
                                 ? *options.kv_tokens
                                 : uint64_t{context} * options.max_sequences;
  const uint64_t kv_blocks = ceil_div<uint64_t>(kv_tokens, backend::kBlockTokens);
  if (!std::in_range<uint32_t>(kv_blocks * backend::kBlockTokens)) {
    return fail("A KV cache of {} tokens is too large.", kv_tokens);
  }
  return backend::Options{.max_sequences = options.max_sequences,
                          .max_rows = options.batch,
                          .max_context = context,
                          .kv_blocks = narrow<uint32_t>(kv_blocks),
                          .kv_types = options.kv_types,
                          .kept_states = spec.is_recurrent() ? 2 * options.max_sequences + 2 : 0,
                          .threads = options.threads};
}

}  // namespace

TextModel TextModel::from_gguf(const formats::GgufFile& file) {
  return {.tokenizer = load_tokenizer(file), .chat_template = load_chat_template(file)};
}

TextModel TextModel::from_folder(const std::filesystem::path& folder) {
  const auto compiled = [&folder]() -> Result<text::ChatTemplate> {
    WEFT_ASSIGN(const std::string source, chat_template_from_folder(folder));
    return text::ChatTemplate::compile(source);
  };
  return {.tokenizer = tokenizer_from_folder(folder), .chat_template = compiled()};
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::open(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    WEFT_ASSIGN(formats::GgufFile file, formats::GgufFile::open(path));
    WEFT_ASSIGN(model::ModelSpec spec, model::spec_from_gguf(file));
    TextModel text = TextModel::from_gguf(file);
    return std::unique_ptr<LoadedModel>(
        new LoadedModel(std::move(file), std::move(spec), std::move(text)));
  }
  WEFT_ASSIGN(model::HfFolder folder, model::HfFolder::open(path));
  WEFT_ASSIGN(model::ModelSpec spec, model::spec_from_folder(folder));
  TextModel text = TextModel::from_folder(path);
  if (text.tokenizer) WEFT_TRY(spec.fit_vocabulary(text.tokenizer->size()));
  return std::unique_ptr<LoadedModel>(
      new LoadedModel(std::move(folder), std::move(spec), std::move(text)));
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const ModelOptions& options,
                                                       const LoadListener& listener) {
  WEFT_ASSIGN(std::unique_ptr<LoadedModel> loaded, open(options.path));
  WEFT_ASSIGN(const backend::Options sizes, backend_options(options, loaded->spec_, listener));
  Result<std::unique_ptr<backend::Backend>> backend =
      create_backend(loaded->spec_, sizes, options.device, listener);
  if (!backend) {
    return std::unexpected(std::move(backend).error().within(
        fmt::format("While loading '{}'.", options.path.string())));
  }
  loaded->backend_ = std::move(*backend);
  return loaded;
}

const text::Tokenizer* LoadedModel::tokenizer() const {
  return text_.tokenizer ? &*text_.tokenizer : nullptr;
}

}  // namespace weft::engine
