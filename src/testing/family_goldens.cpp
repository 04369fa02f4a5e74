#include "testing/family_goldens.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "base/check.h"
#include "formats/gguf.h"
#include "model/load.h"
#include "testing/source_path.h"

namespace weft::testing {
namespace {

std::filesystem::path folder_of(const std::string& family) {
  return source_path("testing/models") / family;
}

// A model that does not load is a broken test: GoogleTest shows what was thrown.
template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

template <class T>
std::vector<T> array(const formats::SafetensorsFile& file, const std::string& name) {
  const formats::SafeTensor* tensor = file.find(name);
  CHECK(tensor != nullptr);
  std::vector<T> out(tensor->data.size() / sizeof(T));
  std::memcpy(out.data(), tensor->data.data(), tensor->data.size());
  return out;
}

}  // namespace

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("testing/models"))) {
    if (std::filesystem::exists(entry.path() / "config.json")) {
      names.push_back(entry.path().filename().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

std::vector<GoldenPrompt> golden_prompts(const std::string& family) {
  return golden_prompts_in(folder_of(family));
}

std::vector<GoldenPrompt> golden_prompts_in(const std::filesystem::path& folder) {
  const auto file = value_or_throw(formats::SafetensorsFile::open(folder / "logits.safetensors"));
  std::vector<GoldenPrompt> prompts;
  while (file.find(fmt::format("tokens.{}", prompts.size())) != nullptr) {
    prompts.push_back({.tokens = array<Token>(file, fmt::format("tokens.{}", prompts.size())),
                       .logits = array<float>(file, fmt::format("logits.{}", prompts.size()))});
  }
  CHECK(!prompts.empty());
  return prompts;
}

FamilyModel::FamilyModel(const std::string& family)
    : folder_(value_or_throw(model::HfFolder::open(folder_of(family)))),
      gguf_(value_or_throw(formats::GgufFile::open(folder_of(family) / "model.gguf"))),
      from_folder_(value_or_throw(model::spec_from_folder(folder_))),
      from_gguf_(value_or_throw(model::spec_from_gguf(gguf_))) {}

double largest_difference(std::span<const float> logits, const GoldenPrompt& golden) {
  CHECK(logits.size() == golden.logits.size());
  const size_t vocab = logits.size() / golden.tokens.size();
  double worst = 0;
  for (size_t first = 0; first < logits.size(); first += vocab) {
    const auto wanted = std::span(golden.logits).subspan(first, vocab);
    const auto [least, most] = std::ranges::minmax(wanted);
    for (size_t i = 0; i < vocab; ++i) {
      const double difference =
          std::abs(static_cast<double>(logits[first + i]) - static_cast<double>(wanted[i]));
      worst = std::max(worst, difference / static_cast<double>(most - least));
    }
  }
  return worst;
}

double golden_difference(std::span<const float> logits, const GoldenPrompt& golden) {
  double result = largest_difference(logits, golden);
  const size_t vocab = logits.size() / golden.tokens.size();
  for (size_t first = 0; first < logits.size(); first += vocab) {
    const auto mine = logits.subspan(first, vocab);
    const auto wanted = std::span(golden.logits).subspan(first, vocab);
    const bool same_choice = std::ranges::max_element(mine) - mine.begin() ==
                             std::ranges::max_element(wanted) - wanted.begin();
    if (!same_choice) result += 1;
  }
  return result;
}

}  // namespace weft::testing
