#include "model/load.h"

#include <algorithm>

#include "formats/quote.h"
#include "model/arch/arch.h"

namespace weft::model {
namespace {

using formats::quote;

struct Architecture {
  std::string_view name;
  Result<ModelSpec> (*from_gguf)(GgufSource& source);
};
constexpr Architecture kArchitectures[] = {
    {"llama", llama_from_gguf},
};

// llama.cpp's names for the values of 'general.file_type'.
struct FileType {
  uint32_t value;
  std::string_view name;
};
constexpr FileType kFileTypes[] = {
    {0, "F32"},      {1, "F16"},      {2, "Q4_0"},    {3, "Q4_1"},    {7, "Q8_0"},
    {8, "Q5_0"},     {9, "Q5_1"},     {10, "Q2_K"},   {11, "Q3_K_S"}, {12, "Q3_K_M"},
    {13, "Q3_K_L"},  {14, "Q4_K_S"},  {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"},
    {18, "Q6_K"},    {19, "IQ2_XXS"}, {20, "IQ2_XS"}, {21, "Q2_K_S"}, {22, "IQ3_XS"},
    {23, "IQ3_XXS"}, {24, "IQ1_S"},   {25, "IQ4_NL"}, {26, "IQ3_S"},  {27, "IQ3_M"},
    {28, "IQ2_S"},   {29, "IQ2_M"},   {30, "IQ4_XS"}, {31, "IQ1_M"},  {32, "BF16"},
    {36, "TQ1_0"},   {37, "TQ2_0"},   {38, "MXFP4"},
};

Result<std::string> file_type_name(const formats::GgufFile& file) {
  constexpr std::string_view kKey = "general.file_type";
  if (file.find(kKey) == nullptr) return std::string();
  WEFT_ASSIGN(const uint32_t value, file.get_u32(kKey));
  const auto* found = std::ranges::find(kFileTypes, value, &FileType::value);
  return found == std::end(kFileTypes) ? std::string() : std::string(found->name);
}

// A whole model, not an adapter or a part of one.
Result<void> expect_whole_model(const formats::GgufFile& file) {
  WEFT_ASSIGN(const auto type, file.get_string_or("general.type", "model"));
  if (type != "model") {
    return fail("Key 'general.type' is {}, and 'model' was wanted.", quote(type));
  }
  WEFT_ASSIGN(const uint32_t parts, file.get_u32_or("split.count", 1));
  if (parts > 1)
    return fail("The file is one of {} parts, and only whole files are supported.", parts);
  return {};
}

Result<ModelSpec> read_spec(const formats::GgufFile& file) {
  WEFT_TRY(expect_whole_model(file));
  WEFT_ASSIGN(const std::string_view name, file.get_string("general.architecture"));
  const auto* found = std::ranges::find(kArchitectures, name, &Architecture::name);
  if (found == std::end(kArchitectures)) {
    std::vector<std::string_view> supported;
    for (const Architecture& a : kArchitectures) supported.push_back(a.name);
    return fail("Architecture {} is not supported; supported are: {}.", quote(name),
                fmt::join(supported, ", "));
  }
  GgufSource source(file, name);
  WEFT_ASSIGN(ModelSpec spec, found->from_gguf(source));
  spec.architecture = name;
  WEFT_ASSIGN(spec.name, file.get_string_or("general.name", ""));
  WEFT_ASSIGN(spec.file_type, file_type_name(file));
  return spec;
}

}  // namespace

Result<ModelSpec> spec_from_gguf(const formats::GgufFile& file) {
  auto spec = read_spec(file);
  if (spec) return spec;
  return std::unexpected(
      std::move(spec).error().within(fmt::format("While reading the model '{}'.", file.name())));
}

}  // namespace weft::model
