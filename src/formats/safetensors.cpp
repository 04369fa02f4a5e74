#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/file.h"
#include "formats/json.h"
#include "formats/quote.h"

namespace weft::formats {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as the format's own library has it
constexpr size_t kMaxDims = 8;
constexpr size_t kMaxShards = 1024;

struct Dtype {
  std::string_view name;
  uint32_t bytes;
  std::optional<TensorType> type;
};
constexpr Dtype kDtypes[] = {
    {"F64", 8, TensorType::kF64},
    {"F32", 4, TensorType::kF32},
    {"F16", 2, TensorType::kF16},
    {"BF16", 2, TensorType::kBF16},
    {"I64", 8, TensorType::kI64},
    {"I32", 4, TensorType::kI32},
    {"I16", 2, TensorType::kI16},
    {"I8", 1, TensorType::kI8},
    {"U64", 8, {}},
    {"U32", 4, {}},
    {"U16", 2, {}},
    {"U8", 1, {}},
    {"BOOL", 1, {}},
    {"F8_E4M3", 1, {}},
    {"F8_E5M2", 1, {}},
    {"F8_E8M0", 1, {}},
    {"C64", 8, {}},
};

const Dtype* find_dtype(std::string_view name) {
  const auto* found = std::ranges::find(kDtypes, name, &Dtype::name);
  return found == std::end(kDtypes) ? nullptr : found;
}

struct Header {
  std::string_view text;
  std::span<const std::byte> data;  // what offsets count from
};

Result<Header> split(std::span<const std::byte> bytes) {
  uint64_t size = 0;
  if (bytes.size() < sizeof(size)) {
    return fail("The file has {} bytes, and a header's size takes {}.", bytes.size(), sizeof(size));
  }
  std::memcpy(&size, bytes.data(), sizeof(size));
  const std::span<const std::byte> rest = bytes.subspan(sizeof(size));
  const uint64_t most = std::min<uint64_t>(rest.size(), kMaxHeaderBytes);
  if (size > most) return fail("The header has {} bytes, and at most {} fit.", size, most);
  return Header{.text = {reinterpret_cast<const char*>(rest.data()), size},
                .data = rest.subspan(size)};
}

Result<std::vector<uint64_t>> read_numbers(const json& entry, const char* field,
                                           const std::string& name) {
  const auto found = entry.find(field);
  if (found == entry.end() || !found->is_array() || found->size() > kMaxDims ||
      !std::ranges::all_of(*found, [](const json& n) { return n.is_number_unsigned(); })) {
    return fail("Tensor {} has no '{}' of at most {} numbers.", quote(name), field, kMaxDims);
  }
  return found->get<std::vector<uint64_t>>();
}

Result<uint64_t> size_of(const std::string& name, const Dtype& dtype,
                         std::span<const uint64_t> shape) {
  std::optional<uint64_t> size = dtype.bytes;
  for (const uint64_t dim : shape) size = size ? checked_mul(*size, dim) : size;
  if (!size) return fail("Tensor {} has a shape of more than 2^64 bytes.", quote(name));
  return *size;
}

Result<SafeTensor> read_tensor(const std::string& name, const json& entry, const Header& header,
                               uint64_t data_offset) {
  if (!entry.is_object() || entry.size() != 3) {
    return fail("Tensor {} is no object of 'dtype', 'shape' and 'data_offsets'.", quote(name));
  }
  const auto dtype_name = entry.find("dtype");
  if (dtype_name == entry.end() || !dtype_name->is_string()) {
    return fail("Tensor {} has no 'dtype'.", quote(name));
  }
  const auto& text = dtype_name->get_ref<const std::string&>();
  const Dtype* dtype = find_dtype(text);
  if (dtype == nullptr) return fail("Tensor {} has the unknown type {}.", quote(name), quote(text));
  WEFT_ASSIGN(std::vector<uint64_t> shape, read_numbers(entry, "shape", name));
  WEFT_ASSIGN(const std::vector<uint64_t> range, read_numbers(entry, "data_offsets", name));
  WEFT_ASSIGN(const uint64_t size, size_of(name, *dtype, shape));
  if (range.size() != 2 || range[0] > range[1] || range[1] > header.data.size()) {
    return fail("Tensor {} has the offsets [{}], and there are {} bytes of data.", quote(name),
                fmt::join(range, ", "), header.data.size());
  }
  if (range[1] - range[0] != size) {
    return fail("Tensor {} has {} bytes, and {} [{}] takes {}.", quote(name), range[1] - range[0],
                dtype->name, fmt::join(shape, ", "), size);
  }
  return SafeTensor{.name = name,
                    .dtype = dtype->name,
                    .shape = std::move(shape),
                    .data = header.data.subspan(range[0], size),
                    .offset = data_offset + range[0]};
}

// Each tensor begins where the one before it ends, and the last ends with the file.
Result<void> expect_no_gaps(std::span<const SafeTensor> tensors, uint64_t begin, uint64_t end) {
  for (const SafeTensor& tensor : tensors) {
    if (tensor.offset != begin) {
      return fail("Tensor {} begins at byte {}, and the one before it ends at {}.",
                  quote(tensor.name), tensor.offset, begin);
    }
    begin += tensor.data.size();
  }
  if (begin != end) return fail("The tensors end at byte {} of a file of {}.", begin, end);
  return {};
}

Result<std::vector<SafeTensor>> read_tensors(std::span<const std::byte> bytes) {
  WEFT_ASSIGN(const Header header, split(bytes));
  WEFT_ASSIGN(const json root, parse_json(header.text, "The header"));
  if (!root.is_object()) return fail("The header is no object.");
  const uint64_t data_offset = bytes.size() - header.data.size();
  std::vector<SafeTensor> tensors;
  for (const auto& [name, entry] : root.items()) {
    if (name == "__metadata__") continue;
    WEFT_ASSIGN(SafeTensor tensor, read_tensor(name, entry, header, data_offset));
    tensors.push_back(std::move(tensor));
  }
  std::ranges::sort(tensors, {}, [](const SafeTensor& t) {
    return std::pair(t.offset, t.data.size());  // empty ones before what begins there too
  });
  WEFT_TRY(expect_no_gaps(tensors, data_offset, bytes.size()));
  return tensors;
}

// File name of a shard, which must lie in the folder itself.
Result<std::string> shard_name(const std::string& tensor, const json& value) {
  if (!value.is_string()) return fail("The index names no file for tensor {}.", quote(tensor));
  const auto& name = value.get_ref<const std::string&>();
  if (name.ends_with(".safetensors") && name.find_first_of("/\\") == std::string::npos) return name;
  return fail("The index has tensor {} in {}, which is no name of a safetensors file.",
              quote(tensor), quote(name));
}

// Tensor names to file names.
Result<std::vector<std::pair<std::string, std::string>>> read_index(
    const std::filesystem::path& path) {
  WEFT_ASSIGN(const std::string text, read_text_file(path));
  WEFT_ASSIGN(const json root, parse_json(text, fmt::format("'{}'", path.string())));
  const auto map = root.find("weight_map");
  if (map == root.end() || !map->is_object())
    return fail("'{}' has no 'weight_map'.", path.string());
  std::vector<std::pair<std::string, std::string>> entries;
  for (const auto& [tensor, value] : map->items()) {
    WEFT_ASSIGN(std::string file, shard_name(tensor, value));
    entries.emplace_back(tensor, std::move(file));
  }
  return entries;
}

}  // namespace

std::optional<TensorType> tensor_type_of(const SafeTensor& tensor) {
  return find_dtype(tensor.dtype)->type;
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes, std::string name) {
  auto tensors = read_tensors(bytes);
  if (!tensors) {
    return std::unexpected(
        std::move(tensors).error().within(fmt::format("While reading '{}'.", name)));
  }
  SafetensorsFile file;
  file.name_ = std::move(name);
  file.tensors_ = std::move(*tensors);
  for (size_t i = 0; i < file.tensors_.size(); ++i) file.index_.emplace(file.tensors_[i].name, i);
  return file;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  WEFT_ASSIGN(MappedFile mapping, MappedFile::open(path));
  WEFT_ASSIGN(SafetensorsFile file, parse(mapping.bytes(), path.string()));
  file.mapping_ = std::move(mapping);
  return file;
}

const SafeTensor* SafetensorsFile::find(std::string_view tensor_name) const {
  const auto found = index_.find(tensor_name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

Result<SafetensorsFolder> SafetensorsFolder::open(const std::filesystem::path& folder) {
  SafetensorsFolder out;
  out.path_ = folder;
  const std::filesystem::path index = folder / "model.safetensors.index.json";
  std::error_code ignored;
  if (!std::filesystem::exists(index, ignored)) {
    WEFT_ASSIGN(SafetensorsFile file, SafetensorsFile::open(folder / "model.safetensors"));
    out.files_.push_back(std::move(file));
    return out;
  }
  WEFT_ASSIGN(const auto entries, read_index(index));
  std::unordered_map<std::string, size_t> shards;  // name to place in files_
  for (const auto& [tensor, shard] : entries) {
    const auto [place, is_new] = shards.try_emplace(shard, out.files_.size());
    if (is_new) {
      if (shards.size() > kMaxShards)
        return fail("The index names more than {} files.", kMaxShards);
      WEFT_ASSIGN(SafetensorsFile file, SafetensorsFile::open(folder / shard));
      out.files_.push_back(std::move(file));
    }
    if (out.files_[place->second].find(tensor) == nullptr) {
      return fail("The index has tensor {} in '{}', where it is not.", quote(tensor), shard);
    }
  }
  size_t stored = 0;
  for (const SafetensorsFile& file : out.files_) stored += file.tensors().size();
  if (stored != entries.size()) {
    return fail("The shards have {} tensors, and their index names {}.", stored, entries.size());
  }
  return out;
}

SafetensorsFolder SafetensorsFolder::of(SafetensorsFile file) {
  SafetensorsFolder out;
  out.path_ = file.name();
  out.files_.push_back(std::move(file));
  return out;
}

const SafeTensor* SafetensorsFolder::find(std::string_view tensor_name) const {
  for (const SafetensorsFile& file : files_) {
    if (const SafeTensor* found = file.find(tensor_name)) return found;
  }
  return nullptr;
}

}  // namespace weft::formats
