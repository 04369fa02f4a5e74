#include "hub/store.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>

#include <fmt/ranges.h>

#include "base/file.h"
#include "formats/gguf_parts.h"
#include "formats/quote.h"
#include "hub/hub_name.h"
#include "hub/store_scan.h"

namespace weft::hub {
namespace {

namespace fs = std::filesystem;
using formats::quote;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// $NAME, or nothing.
fs::path environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

fs::path hugging_face_cache(const fs::path& home) {
  if (const fs::path cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const fs::path base = environment("HF_HOME"); !base.empty()) return base / "hub";
  const fs::path cache = environment("XDG_CACHE_HOME");
  return (cache.empty() ? home / ".cache" : cache) / "huggingface" / "hub";
}

// "org/repo" and "org/repo:q4_k_m" of hf: names become what list_models calls them.
std::string without_hub_form(std::string_view name) {
  if (!name.starts_with(kHubPrefix)) return lower(name);
  std::string out = lower(name.substr(kHubPrefix.size()));
  std::ranges::replace(out, ':', '/');
  if (out.ends_with(".gguf")) out.resize(out.size() - 5);
  return out;
}

std::vector<FoundModel> matching(std::span<const FoundModel> models, auto matches) {
  std::vector<FoundModel> out;
  std::ranges::copy_if(models, std::back_inserter(out), matches);
  return out;
}

// The same file or folder may be in several stores' sight.
void keep_first_of_each_path(std::vector<FoundModel>& models) {
  std::set<fs::path> seen;
  std::erase_if(models, [&](const FoundModel& model) { return !seen.insert(model.path).second; });
}

}  // namespace

std::string_view name(StoreKind kind) {
  switch (kind) {
    case StoreKind::kWeft:
      return "weft";
    case StoreKind::kFolder:
      return "folder";
    case StoreKind::kHuggingFace:
      return "Hugging Face";
    case StoreKind::kLmStudio:
      return "LM Studio";
    case StoreKind::kOllama:
      return "Ollama";
  }
  return "";
}

Result<fs::path> own_models() {
  WEFT_ASSIGN(const fs::path cache, cache_dir());
  return cache / "models";
}

std::vector<Store> all_stores(std::span<const fs::path> folders) {
  std::vector<Store> stores;
  if (auto own = own_models()) stores.push_back({StoreKind::kWeft, std::move(*own)});
  for (const fs::path& folder : folders) stores.push_back({StoreKind::kFolder, folder});
  if (fs::path folder = environment("WEFT_MODEL_DIR"); !folder.empty()) {
    stores.push_back({StoreKind::kFolder, std::move(folder)});
  }
  const fs::path home = environment("HOME");
  stores.push_back({StoreKind::kHuggingFace, hugging_face_cache(home)});
  stores.push_back({StoreKind::kLmStudio, home / ".lmstudio" / "models"});
  stores.push_back({StoreKind::kLmStudio, home / ".cache" / "lm-studio" / "models"});
  const fs::path ollama = environment("OLLAMA_MODELS");
  stores.push_back({StoreKind::kOllama, ollama.empty() ? home / ".ollama" / "models" : ollama});
  stores.push_back({StoreKind::kOllama, "/usr/share/ollama/.ollama/models"});
  std::erase_if(stores, [](const Store& store) {
    std::error_code ignored;
    return !fs::is_directory(store.root, ignored);
  });
  return stores;
}

std::vector<FoundModel> list_models(std::span<const Store> stores) {
  std::vector<FoundModel> all;
  for (const Store& store : stores) {
    std::vector<FoundModel> found = scan(store);
    std::ranges::sort(found, {}, &FoundModel::name);
    std::ranges::move(found, std::back_inserter(all));
  }
  keep_first_of_each_path(all);
  return all;
}

Result<FoundModel> find_model(std::span<const FoundModel> models, std::string_view wanted,
                              NameForm form) {
  const std::string text = without_hub_form(wanted);
  const auto is_it = [&](const FoundModel& model) { return lower(model.name) == text; };
  const auto ends_so = [&](const FoundModel& model) {
    return lower(model.name).ends_with("/" + text) || lower(model.name) == text + ":latest";
  };
  // A repository's only file, or the one whose name has what stands behind the repository's.
  const auto is_in = [&](const FoundModel& model) {
    const size_t slash = text.rfind('/');
    const std::string own = lower(model.name);
    if (own.starts_with(text + "/")) return true;
    return slash != std::string::npos && std::ranges::count(text, '/') == 2 &&
           own.starts_with(text.substr(0, slash + 1)) &&
           own.substr(slash).contains(text.substr(slash + 1));
  };
  const auto begins_so = [&](const FoundModel& model) {
    return form == NameForm::kBeginnings && ("/" + lower(model.name)).contains("/" + text);
  };
  for (const auto& found : {matching(models, is_it), matching(models, ends_so),
                            matching(models, is_in), matching(models, begins_so)}) {
    if (found.empty()) continue;
    if (found.size() == 1 || lower(found.front().name) == text) return found.front();
    std::vector<std::string> names;
    for (const FoundModel& model : found) names.push_back(quote(model.name));
    return fail("{} may be any of: {}.", quote(wanted), fmt::join(names, ", "));
  }
  return fail("There is no model {}: no file or folder, and none that 'weft list' shows.",
              quote(wanted));
}

Result<void> remove_model(const FoundModel& model) {
  if (model.store != StoreKind::kWeft) {
    return fail("{} belongs to {}: '{}' is not Weft's to delete.", quote(model.name),
                name(model.store), model.path.string());
  }
  WEFT_ASSIGN(const fs::path root, own_models());
  std::error_code error;
  for (const fs::path& path : formats::gguf_files(model.path)) {
    fs::remove_all(path, error);
    if (error) return fail("Could not delete '{}': {}.", path.string(), error.message());
  }
  for (fs::path up = model.path.parent_path(); up != root && up.has_relative_path();
       up = up.parent_path()) {
    if (!fs::is_empty(up, error) || error || !fs::remove(up, error)) break;
  }
  return {};
}

}  // namespace weft::hub
