// GgufFile::open: a whole file, or all parts of one that was split.
#include "formats/gguf.h"
#include "formats/gguf_parts.h"
#include "formats/quote.h"

namespace weft::formats {

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  WEFT_ASSIGN(GgufFile file, open_part(path));
  const auto add_others = [&]() -> Result<void> {
    WEFT_ASSIGN(const uint32_t count, file.get_u32_or("split.count", 1));
    return count <= 1 ? Result<void>() : file.add_further_parts(path, count);
  };
  if (auto added = add_others(); !added) {
    return std::unexpected(
        std::move(added).error().within(fmt::format("While reading '{}'.", file.name_)));
  }
  return file;
}

Result<GgufFile> GgufFile::open_part(const std::filesystem::path& path) {
  WEFT_ASSIGN(MappedFile mapping, MappedFile::open(path));
  WEFT_ASSIGN(GgufFile file, parse(mapping.bytes(), path.string()));
  file.mapping_ = std::move(mapping);
  return file;
}

Result<void> GgufFile::add_further_parts(const std::filesystem::path& path, uint32_t count) {
  const auto part = gguf_part(path);
  if (!part || part->count != count) {
    return fail(
        "The file is one of {} parts, and its name does not end with '-00001-of-{:05}.gguf'.",
        count, count);
  }
  if (part->number != 1) {
    return fail("The file is part {} of {}: the model is loaded by the first, '{}'.", part->number,
                count, part->path(1));
  }
  for (uint32_t number = 2; number <= count; ++number) {
    WEFT_ASSIGN(GgufFile other, open_part(part->path(number)));
    WEFT_TRY(add_part(std::move(other), number, count));
  }
  WEFT_ASSIGN(const uint64_t n, find("split.tensors.count") == nullptr
                                    ? Result<uint64_t>(tensors_.size())
                                    : get_u64("split.tensors.count"));
  if (n == tensors_.size()) return {};
  return fail("The {} parts have {} tensors, and key 'split.tensors.count' is {}.", count,
              tensors_.size(), n);
}

Result<void> GgufFile::add_part(GgufFile part, uint32_t number, uint32_t count) {
  WEFT_ASSIGN(const uint32_t own_number, part.get_u32("split.no"));  // from 0 on
  WEFT_ASSIGN(const uint32_t own_count, part.get_u32("split.count"));
  if (own_number != number - 1 || own_count != count) {
    return fail("By its keys, '{}' is part {} of {}.", part.name_, uint64_t{own_number} + 1,
                own_count);
  }
  for (TensorView& tensor : part.tensors_) {
    const std::string_view key = part.tensor_index_.find(tensor.name)->first;  // in the file
    if (!tensor_index_.emplace(key, tensors_.size()).second) {
      return fail("Tensor {} of '{}' is in a part before it too.", quote(key), part.name_);
    }
    tensors_.push_back(std::move(tensor));
  }
  part.tensors_.clear();
  part.tensor_index_.clear();
  further_parts_.push_back(std::move(part));
  return {};
}

uint64_t GgufFile::size_bytes() const {
  uint64_t sum = bytes_.size();
  for (const GgufFile& part : further_parts_) sum += part.bytes_.size();
  return sum;
}

}  // namespace weft::formats
