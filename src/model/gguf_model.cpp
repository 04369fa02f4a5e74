#include "model/gguf_model.h"

#include <algorithm>

#include "formats/quote.h"

namespace weft::model {

using formats::quote;

std::string GgufModel::full(std::string_view key) const {
  return fmt::format("{}.{}", architecture_, key);
}

bool GgufModel::has(std::string_view key) const { return file_.find(full(key)) != nullptr; }

std::string GgufModel::describe(std::string_view key) const {
  return fmt::format("Key {}", quote(full(key)));
}

Result<uint32_t> GgufModel::u32(std::string_view key) const { return file_.get_u32(full(key)); }
Result<float> GgufModel::f32(std::string_view key) const { return file_.get_f32(full(key)); }
Result<bool> GgufModel::flag(std::string_view key) const { return file_.get_bool(full(key)); }

Result<std::string> GgufModel::text(std::string_view key) const {
  WEFT_ASSIGN(const std::string_view value, file_.get_string(full(key)));
  return std::string(value);
}

Result<std::vector<bool>> GgufModel::flags(std::string_view key) const {
  return file_.get_bools(full(key));
}

std::string GgufModel::tensor_name(std::string_view name) const { return std::string(name); }

Result<std::optional<formats::TensorView>> GgufModel::find_tensor(std::string_view name) const {
  const formats::TensorView* found = file_.find_tensor(name);
  if (found == nullptr) return std::nullopt;
  return *found;
}

std::vector<std::string_view> GgufModel::tensor_names() const {
  std::vector<std::string_view> names;
  for (const formats::TensorView& tensor : file_.tensors()) names.push_back(tensor.name);
  return names;
}

Result<void> GgufModel::expect_only_keys(std::span<const std::string_view> known) const {
  const std::string prefix = full("");
  for (const formats::GgufEntry& entry : file_.metadata()) {
    if (!entry.key.starts_with(prefix)) continue;
    if (std::ranges::find(known, entry.key.substr(prefix.size())) != known.end()) continue;
    return fail("Key {} is not known for architecture '{}', and may change what it computes.",
                quote(entry.key), architecture_);
  }
  return {};
}

}  // namespace weft::model
