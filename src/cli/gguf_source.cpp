#include "cli/gguf_source.h"

#include "cli/console.h"
#include "engine/folder_vocabulary.h"
#include "model/convert.h"
#include "model/load.h"

namespace weft::cli {
namespace {

Result<GgufSource> open_folder(const std::filesystem::path& path) {
  WEFT_ASSIGN(model::HfFolder folder, model::HfFolder::open(path));
  WEFT_ASSIGN(model::GgufImage image, model::image_of(folder));
  std::error_code ignored;
  if (std::filesystem::exists(path / "tokenizer.json", ignored)) {
    WEFT_ASSIGN(const model::ModelSpec spec, model::spec_from_folder(folder));
    WEFT_TRY(engine::add_vocabulary(path, spec.vocab, image.metadata));
  } else {
    image.metadata.set("tokenizer.ggml.model", "none");
    print_notice("The folder has no 'tokenizer.json', so that the file has no vocabulary.");
  }
  return GgufSource{.storage = std::move(folder), .image = std::move(image)};
}

}  // namespace

Result<GgufSource> open_gguf_source(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open_folder(path);
  WEFT_ASSIGN(formats::GgufFile file, formats::GgufFile::open(path));
  WEFT_ASSIGN(model::GgufImage image, model::image_of(file));
  return GgufSource{.storage = std::move(file), .image = std::move(image)};
}

Result<void> expect_other_file(const std::filesystem::path& in, const std::filesystem::path& out) {
  std::error_code error;  // leaves `false`: the model is somewhere else, or nowhere
  const bool is_in =
      std::filesystem::equivalent(in, out, error) ||
      (std::filesystem::exists(out, error) &&
       std::filesystem::equivalent(in, std::filesystem::absolute(out).parent_path(), error));
  if (is_in) return fail("'{}' is of the model that is read: name another file.", out.string());
  return {};
}

}  // namespace weft::cli
