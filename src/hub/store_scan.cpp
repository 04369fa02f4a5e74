#include "hub/store_scan.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "formats/gguf_parts.h"
#include "formats/json.h"
#include "hub/hub_name.h"

namespace weft::hub {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kDeepest = 6;  // folders below a store's root

// Entries of a folder; none where it cannot be read.
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    out.push_back(at->path());
  }
  return out;
}

uint64_t size_of(const fs::path& file) {
  std::error_code error;
  const uint64_t size = fs::file_size(file, error);
  return error ? 0 : size;
}

// A folder that can be loaded: config.json with safetensors. The size of these.
std::optional<uint64_t> folder_size(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / "config.json", error)) return std::nullopt;
  uint64_t size = 0;
  for (const fs::path& path : entries(folder)) {
    if (path.extension() == ".safetensors") size += size_of(path);
  }
  return size == 0 ? std::nullopt : std::optional(size);
}

// GGUF files that are a model, not its eyes or a later part of it.
bool is_model_file(const fs::path& path) {
  const std::string name = path.filename().string();
  const auto part = formats::gguf_part(path);
  return path.extension() == ".gguf" && !name.starts_with("mmproj") && size_of(path) > 0 &&
         (!part || part->number == 1);
}

// A model's name by that of its file, or first one.
std::string without_ending(const std::string& file) {
  const auto part = formats::gguf_part(file);
  return part ? part->base : file.substr(0, file.size() - 5);
}

uint64_t size_of_parts(const fs::path& path) {
  uint64_t sum = 0;
  for (const fs::path& file : formats::gguf_files(path)) sum += size_of(file);
  return sum;
}

// Models anywhere below `folder`, called by their path from the root, after `prefix`.
void scan_folder(const fs::path& folder, const std::string& prefix, StoreKind kind, int depth,
                 std::vector<FoundModel>& out) {
  if (const auto size = folder_size(folder); size && !prefix.empty()) {
    out.push_back({.name = prefix, .path = folder, .store = kind, .size_bytes = *size});
  }
  for (const fs::path& path : entries(folder)) {
    const std::string part = path.filename().string();
    if (part.starts_with('.')) continue;
    const std::string name = prefix.empty() ? part : prefix + "/" + part;
    std::error_code error;
    if (is_model_file(path)) {
      out.push_back({.name = without_ending(name),
                     .path = path,
                     .store = kind,
                     .size_bytes = size_of_parts(path)});
    } else if (depth < kDeepest && fs::is_directory(path, error) && !fs::is_symlink(path, error)) {
      scan_folder(path, name, kind, depth + 1, out);
    }
  }
}

// "models--ORG--REPO" of Hugging Face's cache: "ORG/REPO".
std::optional<std::string> repository_of(std::string folder) {
  constexpr std::string_view kPrefix = "models--";
  if (!folder.starts_with(kPrefix)) return std::nullopt;
  folder.erase(0, kPrefix.size());
  const size_t place = folder.find("--");
  if (place != std::string::npos) folder.replace(place, 2, "/");
  return folder;
}

// The snapshot that 'main' is, or any.
std::optional<fs::path> snapshot_of(const fs::path& repository) {
  std::error_code error;
  if (const auto main = read_text_file(repository / "refs" / "main")) {
    const auto revision = safe_path(main->substr(0, main->find_last_not_of('\n') + 1));
    const fs::path path = repository / "snapshots" / (revision ? *revision : fs::path("-"));
    if (fs::is_directory(path, error)) return path;
  }
  std::vector<fs::path> all = entries(repository / "snapshots");
  if (all.empty()) return std::nullopt;
  return *std::ranges::max_element(all);
}

void scan_hugging_face(const Store& store, std::vector<FoundModel>& out) {
  for (const fs::path& repository : entries(store.root)) {
    const auto name = repository_of(repository.filename().string());
    const auto snapshot = name ? snapshot_of(repository) : std::nullopt;
    if (snapshot) scan_folder(*snapshot, *name, store.kind, 0, out);
  }
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The blob with the weights, of a manifest of Ollama's.
std::optional<fs::path> blob_of(const fs::path& manifest, const fs::path& root) {
  const auto text = read_text_file(manifest);
  if (!text) return std::nullopt;
  const auto parsed = formats::parse_json(*text, "A manifest");
  if (!parsed || !parsed->is_object() || !parsed->contains("layers")) return std::nullopt;
  for (const json& layer : parsed->at("layers")) {
    if (text_of(layer, "mediaType") != "application/vnd.ollama.image.model") continue;
    std::string digest = text_of(layer, "digest");
    std::ranges::replace(digest, ':', '-');
    const auto blob = safe_path(digest);
    if (blob && size_of(root / "blobs" / *blob) > 0) return root / "blobs" / *blob;
  }
  return std::nullopt;
}

// manifests/HOST/OWNER/MODEL/TAG; the owner "library" goes without saying.
void scan_ollama(const Store& store, std::vector<FoundModel>& out) {
  for (const fs::path& host : entries(store.root / "manifests")) {
    for (const fs::path& owner : entries(host)) {
      for (const fs::path& model : entries(owner)) {
        for (const fs::path& tag : entries(model)) {
          const auto blob = blob_of(tag, store.root);
          if (!blob) continue;
          const std::string of =
              owner.filename() == "library" ? "" : owner.filename().string() + "/";
          out.push_back({.name = of + model.filename().string() + ":" + tag.filename().string(),
                         .path = *blob,
                         .store = store.kind,
                         .size_bytes = size_of(*blob)});
        }
      }
    }
  }
}

}  // namespace

std::vector<FoundModel> scan(const Store& store) {
  std::vector<FoundModel> out;
  if (store.kind == StoreKind::kHuggingFace) {
    scan_hugging_face(store, out);
  } else if (store.kind == StoreKind::kOllama) {
    scan_ollama(store, out);
  } else {
    scan_folder(store.root, "", store.kind, 0, out);
  }
  return out;
}

}  // namespace weft::hub
