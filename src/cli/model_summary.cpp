#include "cli/model_summary.h"

#include "engine/folder_text.h"
#include "engine/vocabulary.h"
#include "formats/gguf.h"
#include "model/hf_model.h"
#include "model/load.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;

void add_spec(Json& out, const Result<model::ModelSpec>& spec) {
  if (!spec) {
    out["unsupported"] = spec.error().message();
    return;
  }
  out["architecture"] = spec->architecture;
  out["parameters"] = spec->parameters();
  out["quantization"] = spec->quantization();
  out["context"] = spec->context;
  out["layers"] = spec->layers.size();
  out["embedding"] = spec->embd;
  out["vocabulary"] = spec->vocab;
}

Result<Json> of_folder(const std::filesystem::path& path) {
  WEFT_ASSIGN(const model::HfFolder folder, model::HfFolder::open(path));
  uint64_t bytes = 0;
  for (const formats::SafetensorsFile& file : folder.weights().files()) {
    for (const formats::SafeTensor& tensor : file.tensors()) bytes += tensor.data.size();
  }
  Json out = {{"path", path.string()}, {"format", "safetensors"}, {"size_bytes", bytes}};
  add_spec(out, model::spec_from_folder(folder));
  out["chat_template"] = engine::chat_template_from_folder(path).has_value();
  return out;
}

Result<Json> of_file(const std::filesystem::path& path) {
  WEFT_ASSIGN(const formats::GgufFile file, formats::GgufFile::open(path));
  Json out = {{"path", path.string()}, {"format", "gguf"}, {"size_bytes", file.size_bytes()}};
  add_spec(out, model::spec_from_gguf(file));
  out["chat_template"] = engine::chat_template_from_gguf(file).has_value();
  if (const auto licence = file.get_string("general.license")) out["licence"] = *licence;
  return out;
}

}  // namespace

Result<Json> model_summary(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? of_folder(path) : of_file(path);
}

}  // namespace weft::cli
