// GgufFile::parse: from bytes to checked views.
#include <algorithm>
#include <array>
#include <bit>

#include "base/checked.h"
#include "formats/gguf.h"
#include "formats/quote.h"

namespace weft::formats {
namespace {

static_assert(std::endian::native == std::endian::little, "views are read as they lie in the file");

constexpr uint64_t kMaxKeys = 1 << 16;
constexpr uint64_t kMaxTensors = 1 << 20;
constexpr uint64_t kMaxKeyBytes = 65535;
constexpr uint64_t kMaxTensorNameBytes = 64;
constexpr uint64_t kMaxStringBytes = 64 << 20;
constexpr uint32_t kMaxDims = 4;
constexpr uint32_t kDefaultAlignment = 32;
// The least a metadata entry (empty string key, u8) and a tensor entry (one dimension) take.
constexpr uint64_t kMinEntryBytes = 8 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 4 + 8 + 4 + 8;

// Reads forward and never past the end.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] uint64_t position() const { return position_; }
  [[nodiscard]] uint64_t remaining() const { return bytes_.size() - position_; }

  Result<std::span<const std::byte>> take(uint64_t count, std::string_view what) {
    if (count > remaining()) {
      return fail("The {} takes {} bytes from offset {} on, and the file has {} bytes.", what,
                  count, position_, bytes_.size());
    }
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  template <class T>
  Result<T> number(std::string_view what) {
    WEFT_ASSIGN(const auto taken, take(sizeof(T), what));
    return load_unaligned<T>(taken.data());
  }

  Result<std::span<const std::byte>> string(uint64_t max_bytes, std::string_view what) {
    WEFT_ASSIGN(const uint64_t length, number<uint64_t>(what));
    if (length > max_bytes) {
      return fail("The {} at offset {} is {} bytes long, and at most {} are allowed.", what,
                  position_ - sizeof(length), length, max_bytes);
    }
    return take(length, what);
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
};

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<void> check_count(std::string_view what, uint64_t count, uint64_t limit, uint64_t min_bytes,
                         const Cursor& in) {
  if (count > limit) {
    return fail("The header announces {} {}, and at most {} are allowed.", count, what, limit);
  }
  if (count > in.remaining() / min_bytes) {
    return fail("The header announces {} {}, and the {} bytes that follow hold at most {}.", count,
                what, in.remaining(), in.remaining() / min_bytes);
  }
  return {};
}

Result<void> check_bools(std::span<const std::byte> bytes) {
  const auto bad = std::ranges::find_if(bytes, [](std::byte b) { return b > std::byte{1}; });
  if (bad == bytes.end()) return {};
  return fail("A bool is {}, and 0 or 1 was expected.", std::to_integer<int>(*bad));
}

Result<GgufType> read_type(Cursor& in) {
  WEFT_ASSIGN(const uint32_t type, in.number<uint32_t>("type of the value"));
  if (type > static_cast<uint32_t>(GgufType::kF64)) {
    return fail("The type number of the value is {}, and GGUF defines 0 to 12.", type);
  }
  return static_cast<GgufType>(type);
}

Result<GgufValue> read_array(Cursor& in) {
  WEFT_ASSIGN(const GgufType type, read_type(in));
  if (type == GgufType::kArray) return fail("The value is an array of arrays: not supported.");
  WEFT_ASSIGN(const uint64_t count, in.number<uint64_t>("length of the array"));
  GgufValue value{.type = GgufType::kArray, .element_type = type, .count = count};
  if (type != GgufType::kString) {
    const auto size = checked_mul<uint64_t>(count, gguf_type_bytes(type));
    if (!size) return fail("The array announces {} elements: more than any file holds.", count);
    WEFT_ASSIGN(value.bytes, in.take(*size, "array"));
    if (type == GgufType::kBool) WEFT_TRY(check_bools(value.bytes));
    return value;
  }
  Cursor begin = in;
  const uint64_t first = in.position();
  for (uint64_t i = 0; i < count; ++i) WEFT_TRY(in.string(kMaxStringBytes, "string in the array"));
  WEFT_ASSIGN(value.bytes, begin.take(in.position() - first, "array"));
  return value;
}

Result<GgufValue> read_value(Cursor& in) {
  WEFT_ASSIGN(const GgufType type, read_type(in));
  if (type == GgufType::kArray) return read_array(in);
  GgufValue value{.type = type, .element_type = type, .count = 1};
  if (type == GgufType::kString) {
    WEFT_ASSIGN(value.bytes, in.string(kMaxStringBytes, "string"));
    return value;
  }
  WEFT_ASSIGN(value.bytes, in.take(gguf_type_bytes(type), "number"));
  if (type == GgufType::kBool) WEFT_TRY(check_bools(value.bytes));
  return value;
}

// Name, dims, type, and the offset still counted from the start of the tensor data.
Result<TensorView> read_tensor(Cursor& in, std::string_view tensor_name) {
  TensorView tensor{.name = std::string(tensor_name), .dims = {1, 1, 1, 1}};
  WEFT_ASSIGN(tensor.n_dims, in.number<uint32_t>("number of dimensions"));
  if (tensor.n_dims < 1 || tensor.n_dims > kMaxDims) {
    return fail("The number of dimensions is {}, and 1 to {} are allowed.", tensor.n_dims,
                kMaxDims);
  }
  for (uint32_t i = 0; i < tensor.n_dims; ++i) {
    WEFT_ASSIGN(tensor.dims[i], in.number<uint64_t>("shape"));
    if (tensor.dims[i] == 0) return fail("Dimension {} is 0.", i);
  }
  WEFT_ASSIGN(const uint32_t type, in.number<uint32_t>("type"));
  const auto known = tensor_type_info(type);
  if (!known) return fail("The type number is {}, which GGUF does not define.", type);
  tensor.type = known->type;
  WEFT_ASSIGN(tensor.offset, in.number<uint64_t>("offset"));
  return tensor;
}

// Bytes of the tensor's data: rows of whole blocks.
Result<uint64_t> data_bytes(const TensorView& tensor) {
  const TensorTypeInfo& type = info(tensor.type);
  if (tensor.dims[0] % type.block_elements != 0) {
    return fail("A row has {} elements, and blocks of {} hold {}.", tensor.dims[0], type.name,
                type.block_elements);
  }
  std::optional<uint64_t> elements = tensor.dims[0];
  for (size_t i = 1; i < kMaxDims && elements; ++i) {
    elements = checked_mul(*elements, tensor.dims[i]);
  }
  const auto size = elements
                        ? checked_mul<uint64_t>(*elements / type.block_elements, type.block_bytes)
                        : std::nullopt;
  if (!size) return fail("The shape [{}] is larger than any file.", fmt::join(tensor.dims, ", "));
  return *size;
}

// Turns the offset into the file's and sets the data.
Result<void> place(TensorView& tensor, std::span<const std::byte> file, uint64_t data_start,
                   uint32_t alignment) {
  WEFT_ASSIGN(const uint64_t size, data_bytes(tensor));
  if (tensor.offset % alignment != 0) {
    return fail("The offset {} is not a multiple of the alignment {}.", tensor.offset, alignment);
  }
  const auto first = checked_add(data_start, tensor.offset);
  const auto end = first ? checked_add(*first, size) : std::nullopt;
  if (!end || *end > file.size()) {
    return fail(
        "The data takes {} bytes, {} after the start of tensor data at {}, and the file "
        "has {} bytes.",
        size, tensor.offset, data_start, file.size());
  }
  tensor.offset = *first;
  tensor.data = file.subspan(*first, size);
  return {};
}

Result<void> check_overlap(std::span<const TensorView> tensors) {
  std::vector<const TensorView*> by_offset;
  by_offset.reserve(tensors.size());
  for (const TensorView& tensor : tensors) by_offset.push_back(&tensor);
  std::ranges::sort(by_offset, {}, &TensorView::offset);
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const TensorView& before = *by_offset[i - 1];
    const uint64_t end = before.offset + before.data.size();
    if (end > by_offset[i]->offset) {
      return fail("Tensor {} ends at offset {}, and tensor {} begins at {}: they overlap.",
                  quote(before.name), end, quote(by_offset[i]->name), by_offset[i]->offset);
    }
  }
  return {};
}

}  // namespace

// The steps of parsing that fill a GgufFile.
class GgufParser {
 public:
  explicit GgufParser(GgufFile& file) : file_(file), in_(file.bytes_) {}

  Result<void> parse() {
    WEFT_TRY(read_header());
    WEFT_TRY(read_metadata());
    WEFT_TRY(read_tensors());
    return place_tensors();
  }

 private:
  Result<void> read_header();
  Result<void> read_metadata();
  Result<void> read_tensors();
  Result<void> place_tensors();

  GgufFile& file_;
  Cursor in_;
  uint64_t n_keys_ = 0;
  uint64_t n_tensors_ = 0;
};

Result<void> GgufParser::read_header() {
  WEFT_ASSIGN(const auto magic, in_.take(4, "magic number"));
  if (text(magic) != "GGUF") {
    return fail("The file begins with {}, and a GGUF file begins with 'GGUF'.", quote(text(magic)));
  }
  WEFT_ASSIGN(file_.version_, in_.number<uint32_t>("version"));
  if ((file_.version_ & 0xffffU) == 0) {
    return fail("The file is big endian (version {:#010x}), and only little endian is supported.",
                file_.version_);
  }
  if (file_.version_ < 2 || file_.version_ > 3) {
    return fail("The file has GGUF version {}, and versions 2 and 3 are supported.",
                file_.version_);
  }
  WEFT_ASSIGN(n_tensors_, in_.number<uint64_t>("number of tensors"));
  WEFT_ASSIGN(n_keys_, in_.number<uint64_t>("number of keys"));
  WEFT_TRY(check_count("keys", n_keys_, kMaxKeys, kMinEntryBytes, in_));
  return check_count("tensors", n_tensors_, kMaxTensors, kMinTensorBytes, in_);
}

Result<void> GgufParser::read_metadata() {
  file_.metadata_.reserve(n_keys_);
  for (uint64_t i = 0; i < n_keys_; ++i) {
    WEFT_ASSIGN(const auto key_bytes, in_.string(kMaxKeyBytes, "name of a key"));
    const std::string_view key = text(key_bytes);
    auto value = read_value(in_);
    if (!value) {
      return std::unexpected(
          std::move(value).error().within(fmt::format("While reading key {}.", quote(key))));
    }
    if (!file_.key_index_.emplace(key, file_.metadata_.size()).second) {
      return fail("Key {} is there twice.", quote(key));
    }
    file_.metadata_.push_back({key, *value});
  }
  return {};
}

Result<void> GgufParser::read_tensors() {
  file_.tensors_.reserve(n_tensors_);
  for (uint64_t i = 0; i < n_tensors_; ++i) {
    WEFT_ASSIGN(const auto name_bytes, in_.string(kMaxTensorNameBytes, "name of a tensor"));
    const std::string_view tensor_name = text(name_bytes);
    auto tensor = read_tensor(in_, tensor_name);
    if (!tensor) {
      return std::unexpected(std::move(tensor).error().within(
          fmt::format("While reading tensor {}.", quote(tensor_name))));
    }
    if (!file_.tensor_index_.emplace(tensor_name, file_.tensors_.size()).second) {
      return fail("Tensor {} is there twice.", quote(tensor_name));
    }
    file_.tensors_.push_back(std::move(*tensor));
  }
  return {};
}

Result<void> GgufParser::place_tensors() {
  WEFT_ASSIGN(const uint32_t alignment, file_.get_u32_or("general.alignment", kDefaultAlignment));
  if (alignment == 0 || alignment % 8 != 0) {
    return fail("Key 'general.alignment' is {}, and a multiple of 8 was wanted.", alignment);
  }
  const uint64_t data_start = round_up<uint64_t>(in_.position(), alignment);
  for (TensorView& tensor : file_.tensors_) {
    auto placed = place(tensor, file_.bytes_, data_start, alignment);
    if (!placed) {
      return std::unexpected(std::move(placed).error().within(
          fmt::format("While locating tensor {}.", quote(tensor.name))));
    }
  }
  return check_overlap(file_.tensors_);
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes, std::string name) {
  GgufFile file;
  file.bytes_ = bytes;
  file.name_ = std::move(name);
  auto parsed = GgufParser(file).parse();
  if (!parsed) {
    return std::unexpected(
        std::move(parsed).error().within(fmt::format("While reading '{}'.", file.name_)));
  }
  return file;
}

}  // namespace weft::formats
