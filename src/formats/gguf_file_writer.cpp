#include "formats/gguf_file_writer.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "formats/quote.h"

namespace weft::formats {
namespace {

using Bytes = std::vector<std::byte>;

constexpr uint64_t kAlignment = 32;  // GGUF's, where 'general.alignment' does not say otherwise
constexpr uint32_t kVersion = 3;

void put_bytes(Bytes& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

template <class T>
void put(Bytes& to, T number) {
  put_bytes(to, std::as_bytes(std::span(&number, 1)));
}

void put_text(Bytes& to, std::string_view text) {
  put<uint64_t>(to, text.size());
  put_bytes(to, std::as_bytes(std::span(text)));
}

void put_type(Bytes& to, GgufType type) { put(to, static_cast<uint32_t>(type)); }

template <class T>
Bytes scalar(GgufType type, T value) {
  Bytes out;
  put_type(out, type);
  put(out, value);
  return out;
}

Bytes array(GgufType element, uint64_t count, std::span<const std::byte> elements) {
  Bytes out;
  put_type(out, GgufType::kArray);
  put_type(out, element);
  put(out, count);
  put_bytes(out, elements);
  return out;
}

Result<Bytes> header(const GgufMetadata& metadata, std::span<const GgufTensorInfo> tensors,
                     std::span<const uint64_t> sizes) {
  Bytes out;
  put_bytes(out, std::as_bytes(std::span(std::string_view("GGUF"))));
  put(out, kVersion);
  put<uint64_t>(out, tensors.size());
  put<uint64_t>(out, metadata.size());
  put_bytes(out, metadata.bytes());
  uint64_t offset = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    put_text(out, tensors[i].name);
    put(out, narrow<uint32_t>(tensors[i].dims.size()));
    for (const uint64_t dim : tensors[i].dims) put(out, dim);
    put(out, static_cast<uint32_t>(tensors[i].type));
    put(out, offset);
    const auto next = checked_add(offset, sizes[i]);
    if (!next || *next > UINT64_MAX - kAlignment) {
      return fail("The tensors up to {} have more than 2^64 bytes.", quote(tensors[i].name));
    }
    offset = round_up(*next, kAlignment);
  }
  return out;
}

}  // namespace

Bytes& GgufMetadata::value_of(std::string_view key) {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found != entries_.end()) return found->value;
  return entries_.emplace_back(Entry{.key = std::string(key), .value = {}}).value;
}

void GgufMetadata::set(std::string_view key, uint32_t value) {
  value_of(key) = scalar(GgufType::kU32, value);
}

void GgufMetadata::set(std::string_view key, float value) {
  value_of(key) = scalar(GgufType::kF32, value);
}

void GgufMetadata::set_flag(std::string_view key, bool value) {
  value_of(key) = scalar<uint8_t>(GgufType::kBool, value ? 1 : 0);
}

void GgufMetadata::set(std::string_view key, std::string_view value) {
  Bytes out;
  put_type(out, GgufType::kString);
  put_text(out, value);
  value_of(key) = std::move(out);
}

void GgufMetadata::set(std::string_view key, std::span<const std::string> values) {
  Bytes elements;
  for (const std::string& value : values) put_text(elements, value);
  value_of(key) = array(GgufType::kString, values.size(), elements);
}

void GgufMetadata::set(std::string_view key, std::span<const int32_t> values) {
  value_of(key) = array(GgufType::kI32, values.size(), std::as_bytes(values));
}

void GgufMetadata::set(std::string_view key, std::span<const float> values) {
  value_of(key) = array(GgufType::kF32, values.size(), std::as_bytes(values));
}

void GgufMetadata::set(const GgufEntry& entry) {
  const GgufValue& value = entry.value;
  if (value.type == GgufType::kString) {
    set(entry.key, value.text());
  } else if (value.type == GgufType::kArray) {
    value_of(entry.key) = array(value.element_type, value.count, value.bytes);
  } else {
    Bytes out;
    put_type(out, value.type);
    put_bytes(out, value.bytes);
    value_of(entry.key) = std::move(out);
  }
}

void GgufMetadata::erase(std::string_view key) {
  std::erase_if(entries_, [key](const Entry& entry) { return entry.key == key; });
}

bool GgufMetadata::has(std::string_view key) const {
  return std::ranges::find(entries_, key, &Entry::key) != entries_.end();
}

Bytes GgufMetadata::bytes() const {
  Bytes out;
  for (const Entry& entry : entries_) {
    put_text(out, entry.key);
    put_bytes(out, entry.value);
  }
  return out;
}

Result<uint64_t> GgufTensorInfo::size_bytes() const {
  const TensorTypeInfo& block = info(type);
  if (dims.front() % block.block_elements != 0) {
    return fail("Tensor {} has rows of {} elements, and {} has blocks of {}.", quote(name),
                dims.front(), block.name, block.block_elements);
  }
  std::optional<uint64_t> size =
      checked_mul<uint64_t>(dims.front() / block.block_elements, block.block_bytes);
  for (const uint64_t dim : std::span(dims).subspan(1))
    size = size ? checked_mul(*size, dim) : size;
  if (!size) return fail("Tensor {} has more than 2^64 bytes.", quote(name));
  return *size;
}

Result<GgufFileWriter> GgufFileWriter::create(const std::filesystem::path& path,
                                              const GgufMetadata& metadata,
                                              std::span<const GgufTensorInfo> tensors) {
  std::vector<uint64_t> sizes;
  for (const GgufTensorInfo& tensor : tensors) {
    WEFT_ASSIGN(const uint64_t size, tensor.size_bytes());
    sizes.push_back(size);
  }
  WEFT_ASSIGN(const Bytes first, header(metadata, tensors, sizes));
  WEFT_ASSIGN(FileWriter file, FileWriter::create(path));
  GgufFileWriter writer(std::move(file), std::move(sizes));
  WEFT_TRY(writer.append(first));
  WEFT_TRY(writer.pad());
  WEFT_TRY(writer.skip_finished());
  return writer;
}

Result<void> GgufFileWriter::append(std::span<const std::byte> bytes) {
  written_ += bytes.size();
  return file_.write(bytes);
}

Result<void> GgufFileWriter::pad() {
  static constexpr std::array<std::byte, kAlignment> kZeros{};
  return append(std::span(kZeros).first(round_up(written_, kAlignment) - written_));
}

// Goes on to the next tensor that lacks bytes.
Result<void> GgufFileWriter::skip_finished() {
  for (; tensor_ < sizes_.size() && done_ == sizes_[tensor_]; ++tensor_, done_ = 0) {
    WEFT_TRY(pad());
  }
  return {};
}

Result<void> GgufFileWriter::write(std::span<const std::byte> piece) {
  CHECK(piece.empty() || tensor_ < sizes_.size());
  if (piece.empty()) return {};
  CHECK(piece.size() <= sizes_[tensor_] - done_);
  WEFT_TRY(append(piece));
  done_ += piece.size();
  return skip_finished();
}

Result<void> GgufFileWriter::commit() {
  CHECK(tensor_ == sizes_.size());
  return file_.commit();
}

}  // namespace weft::formats
