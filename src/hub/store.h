// The models that this machine has: in Weft's own folder, in those that --model-dir and
// WEFT_MODEL_DIR name, and in those of other programs.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weft::hub {

enum class StoreKind : uint8_t { kWeft, kFolder, kHuggingFace, kLmStudio, kOllama };
[[nodiscard]] std::string_view name(StoreKind kind);  // "weft", "folder", "Hugging Face", ...

struct Store {
  StoreKind kind;
  std::filesystem::path root;
};

struct FoundModel {
  std::string name;            // "ORG/REPO/FILE" without .gguf, "ORG/REPO", Ollama's "NAME:TAG"
  std::filesystem::path path;  // a GGUF file or its first part, or a folder with config.json
  StoreKind store;
  uint64_t size_bytes;  // of its weights
};

// Where models are pulled to: models/ in Weft's cache folder.
[[nodiscard]] Result<std::filesystem::path> own_models();

// Weft's own first, then `folders`, then other programs', as environment variables or their habits
// place them; those that are there.
[[nodiscard]] std::vector<Store> all_stores(std::span<const std::filesystem::path> folders);

// In the order of the stores, then by name. What cannot be read is left out.
[[nodiscard]] std::vector<FoundModel> list_models(std::span<const Store> stores);

// What may stand for a model's name.
enum class NameForm : uint8_t {
  kParts,       // the whole name, else the last part or parts of it ("REPO", "FILE", "REPO/FILE")
  kBeginnings,  // these, else the beginning of one of them
};

// The one model with this name in any case. hf:ORG/REPO[:FILE] names what was pulled by that name.
// An error where there is none, or where there are several, which it lists.
[[nodiscard]] Result<FoundModel> find_model(std::span<const FoundModel> models,
                                            std::string_view name, NameForm form);

// Deletes a model of Weft's own, and the folders around it that become empty. An error for another
// program's.
[[nodiscard]] Result<void> remove_model(const FoundModel& model);

}  // namespace weft::hub
