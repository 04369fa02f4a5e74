#include "model/file_type.h"

#include <algorithm>
#include <iterator>

namespace weft::model {
namespace {

struct Named {
  FileType type;
  std::string_view name;
};

using enum FileType;
constexpr Named kNames[] = {
    {kF32, "F32"},         {kF16, "F16"},       {kQ4_0, "Q4_0"},     {kQ4_1, "Q4_1"},
    {kQ8_0, "Q8_0"},       {kQ5_0, "Q5_0"},     {kQ5_1, "Q5_1"},     {kQ2_K, "Q2_K"},
    {kQ3_K_S, "Q3_K_S"},   {kQ3_K_M, "Q3_K_M"}, {kQ3_K_L, "Q3_K_L"}, {kQ4_K_S, "Q4_K_S"},
    {kQ4_K_M, "Q4_K_M"},   {kQ5_K_S, "Q5_K_S"}, {kQ5_K_M, "Q5_K_M"}, {kQ6_K, "Q6_K"},
    {kIQ2_XXS, "IQ2_XXS"}, {kIQ2_XS, "IQ2_XS"}, {kQ2_K_S, "Q2_K_S"}, {kIQ3_XS, "IQ3_XS"},
    {kIQ3_XXS, "IQ3_XXS"}, {kIQ1_S, "IQ1_S"},   {kIQ4_NL, "IQ4_NL"}, {kIQ3_S, "IQ3_S"},
    {kIQ3_M, "IQ3_M"},     {kIQ2_S, "IQ2_S"},   {kIQ2_M, "IQ2_M"},   {kIQ4_XS, "IQ4_XS"},
    {kIQ1_M, "IQ1_M"},     {kBF16, "BF16"},     {kTQ1_0, "TQ1_0"},   {kTQ2_0, "TQ2_0"},
    {kMXFP4_MOE, "MXFP4"},
};

}  // namespace

std::string_view name_of_file_type(uint32_t value) {
  const auto* found = std::ranges::find(kNames, static_cast<FileType>(value), &Named::type);
  return found == std::end(kNames) ? std::string_view() : found->name;
}

}  // namespace weft::model
