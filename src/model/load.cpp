#include "model/load.h"

#include <algorithm>

#include "formats/quote.h"
#include "model/arch/arch.h"
#include "model/arch/decoder.h"
#include "model/file_type.h"
#include "model/gguf_model.h"

namespace weft::model {
namespace {

using formats::quote;

constexpr const Architecture* kArchitectures[] = {
    &kLlama,    &kQwen2,      &kQwen3,     &kGemma,   &kGemma2,  &kGemma3,
    &kPhi3,     &kOlmo2,      &kStableLm,  &kGptNeox, &kGpt2,    &kPhi2,
    &kFalcon,   &kStarcoder2, &kCommandR,  &kSmolLm3, &kGranite, &kMixtral,
    &kQwen3Moe, &kGptOss,     &kQwen2Moe,  &kOlmoe,   &kPhiMoe,  &kGraniteMoe,
    &kQwen35,   &kQwen35Moe,  &kQwen3Next, &kGptJ,    &kLlama4};

Result<std::string> file_type_name(const formats::GgufFile& file) {
  constexpr std::string_view kKey = "general.file_type";
  if (file.find(kKey) == nullptr) return std::string();
  WEFT_ASSIGN(const uint32_t value, file.get_u32(kKey));
  return std::string(name_of_file_type(value));
}

// A whole model, not an adapter or a part of one.
Result<void> expect_whole_model(const formats::GgufFile& file) {
  WEFT_ASSIGN(const auto type, file.get_string_or("general.type", "model"));
  if (type != "model") {
    return fail("Key 'general.type' is {}, and 'model' was wanted.", quote(type));
  }
  WEFT_ASSIGN(const uint32_t parts, file.get_u32_or("split.count", 1));
  if (parts > file.n_parts()) return fail("The file is one of {} parts.", parts);
  return {};
}

// What the arch file makes of it; everything in it was used.
Result<ModelSpec> read_spec(const Architecture& architecture, const ModelFile& file) {
  std::vector<std::string_view> known(decoder_keys().begin(), decoder_keys().end());
  known.insert(known.end(), architecture.keys.begin(), architecture.keys.end());
  WEFT_TRY(file.expect_only_keys(known));
  Source source(file);
  WEFT_ASSIGN(ModelSpec spec, architecture.read(source));
  WEFT_TRY(source.expect_no_more_tensors());
  spec.made = source.take_made();
  spec.architecture = file.architecture();
  return spec;
}

std::string supported_names() {
  std::vector<std::string_view> names;
  for (const Architecture* a : kArchitectures) {
    if (std::ranges::find(names, a->gguf) == names.end()) names.push_back(a->gguf);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<void> expect_vocabulary_of(const ModelSpec& spec, const formats::GgufFile& file) {
  const formats::GgufValue* tokens = file.find("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->count == spec.vocab) return {};
  return fail(
      "Key 'tokenizer.ggml.tokens' has {} tokens, and tensor 'token_embd.weight' has {} rows.",
      tokens->count, spec.vocab);
}

Result<ModelSpec> read_gguf(const formats::GgufFile& file) {
  WEFT_TRY(expect_whole_model(file));
  WEFT_ASSIGN(const Architecture* found, find_architecture(file));
  WEFT_ASSIGN(ModelSpec spec, read_spec(*found, GgufModel(file, found->gguf)));
  WEFT_TRY(expect_vocabulary_of(spec, file));
  WEFT_ASSIGN(spec.name, file.get_string_or("general.name", ""));
  WEFT_ASSIGN(spec.file_type, file_type_name(file));
  return spec;
}

// The first of config.json's `architectures`.
Result<std::string> architecture_of(const nlohmann::json& config) {
  const auto names = config.find("architectures");
  if (names != config.end() && names->is_array() && !names->empty() && names->front().is_string()) {
    return names->front().get<std::string>();
  }
  return fail("Field 'architectures' of 'config.json' names none.");
}

Result<ModelSpec> read_folder(const HfFolder& folder) {
  WEFT_ASSIGN(const Architecture* found, find_architecture(folder));
  WEFT_ASSIGN(ModelSpec spec, read_spec(*found, HfModel(folder, found->gguf, found->layout)));
  spec.name = folder.path().filename().string();
  return spec;
}

}  // namespace

Result<const Architecture*> find_architecture(const HfFolder& folder) {
  WEFT_ASSIGN(const std::string name, architecture_of(folder.config()));
  for (const Architecture* a : kArchitectures) {
    if (std::ranges::find(a->hf, name) != a->hf.end()) return a;
  }
  return fail("Architecture {} is not supported; supported are: {}.", quote(name),
              supported_names());
}

Result<const Architecture*> find_architecture(const formats::GgufFile& file) {
  WEFT_ASSIGN(const std::string_view name, file.get_string("general.architecture"));
  // The first of several that GGUF files call the same reads them all.
  const auto* found = std::ranges::find(kArchitectures, name, &Architecture::gguf);
  if (found != std::end(kArchitectures)) return *found;
  return fail("Architecture {} is not supported; supported are: {}.", quote(name),
              supported_names());
}

Result<ModelSpec> spec_from_gguf(const formats::GgufFile& file) {
  auto spec = read_gguf(file);
  if (spec) return spec;
  return std::unexpected(
      std::move(spec).error().within(fmt::format("While reading the model '{}'.", file.name())));
}

Result<ModelSpec> spec_from_folder(const HfFolder& folder) {
  auto spec = read_folder(folder);
  if (spec) return spec;
  return std::unexpected(std::move(spec).error().within(
      fmt::format("While reading the model '{}'.", folder.path().string())));
}

}  // namespace weft::model
