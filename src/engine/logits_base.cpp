#include "engine/logits_base.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "base/checked.h"

namespace weft::engine {
namespace {

constexpr std::string_view kMagic = "_logits_";
constexpr size_t kHeaderBytes = kMagic.size() + 3 * sizeof(uint32_t);
constexpr float kRange = 16;  // of log-probabilities that a row tells apart
constexpr float kHighestLevel = 65535;
constexpr size_t kRowHeader = 4;  // u16 places of the two f32

size_t row_places(uint32_t vocab) { return round_up<size_t>(vocab, 2) + kRowHeader; }

uint64_t file_bytes(const LogitsBaseShape& shape) {
  return kHeaderBytes + uint64_t{shape.chunks} * shape.context * sizeof(Token) +
         uint64_t{shape.chunks} * shape.scored() * row_places(shape.vocab) * sizeof(uint16_t);
}

struct RowScale {
  float scale;
  float lowest;
};

}  // namespace

LogitsBaseWriter::LogitsBaseWriter(FileWriter file, const LogitsBaseShape& shape)
    : file_(std::move(file)),
      rows_left_(uint64_t{shape.chunks} * shape.scored()),
      row_(row_places(shape.vocab)) {}

Result<LogitsBaseWriter> LogitsBaseWriter::create(const std::filesystem::path& path,
                                                  const LogitsBaseShape& shape,
                                                  std::span<const Token> tokens) {
  CHECK(tokens.size() == size_t{shape.chunks} * shape.context);
  WEFT_ASSIGN(FileWriter file, FileWriter::create(path));
  const std::array<uint32_t, 3> numbers{shape.context, shape.vocab, shape.chunks};
  WEFT_TRY(file.write(std::as_bytes(std::span(kMagic))));
  WEFT_TRY(file.write(std::as_bytes(std::span(numbers))));
  WEFT_TRY(file.write(std::as_bytes(tokens)));
  return LogitsBaseWriter(std::move(file), shape);
}

Result<void> LogitsBaseWriter::add(std::span<const float> logits) {
  CHECK(rows_left_ > 0 && row_places(narrow<uint32_t>(logits.size())) == row_.size());
  --rows_left_;
  const auto [least, most] = std::ranges::minmax(logits);
  const float floor = std::max(least, most - kRange);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - most);
  const RowScale row{.scale = (most - floor) / kHighestLevel,
                     .lowest = static_cast<float>(double{floor} - most - std::log(sum))};
  std::memcpy(row_.data(), &row, sizeof row);
  std::ranges::transform(logits, row_.begin() + kRowHeader, [&](float logit) {
    if (row.scale == 0 || logit <= floor) return uint16_t{0};
    return static_cast<uint16_t>(std::min(std::round((logit - floor) / row.scale), kHighestLevel));
  });
  return file_.write(std::as_bytes(std::span(row_)));
}

Result<void> LogitsBaseWriter::commit() {
  CHECK(rows_left_ == 0);
  return file_.commit();
}

LogitsBase::LogitsBase(formats::MappedFile file, const LogitsBaseShape& shape)
    : file_(std::move(file)), shape_(shape), tokens_(size_t{shape.chunks} * shape.context) {
  std::memcpy(tokens_.data(), file_.bytes().data() + kHeaderBytes, tokens_.size() * sizeof(Token));
}

Result<LogitsBase> LogitsBase::open(const std::filesystem::path& path) {
  WEFT_ASSIGN(formats::MappedFile file, formats::MappedFile::open(path));
  const std::span<const std::byte> bytes = file.bytes();
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return fail("'{}' holds no log-probabilities: it does not begin with '{}'.", path.string(),
                kMagic);
  }
  LogitsBaseShape shape{};
  static_assert(sizeof shape == 3 * sizeof(uint32_t));
  std::memcpy(&shape, bytes.data() + kMagic.size(), sizeof shape);
  constexpr uint32_t kMaxContext = 1 << 24;  // with it the file's size cannot overflow 64 bits
  if (shape.context < 4 || shape.context > kMaxContext || shape.vocab == 0 ||
      shape.vocab > kMaxContext || shape.chunks == 0 || shape.chunks > 1 << 14) {
    return fail("'{}' claims {} chunks of {} tokens of a vocabulary of {}, which cannot be.",
                path.string(), shape.chunks, shape.context, shape.vocab);
  }
  if (file_bytes(shape) != bytes.size()) {
    return fail("'{}' has {} bytes, and {} chunks of {} tokens of a vocabulary of {} take {}.",
                path.string(), bytes.size(), shape.chunks, shape.context, shape.vocab,
                file_bytes(shape));
  }
  LogitsBase base(std::move(file), shape);
  const auto unknown =
      std::ranges::find_if(base.tokens_, [&](Token t) { return t >= shape.vocab; });
  if (unknown != base.tokens_.end()) {
    return fail("'{}' has token {} in place {}, and its vocabulary has {}.", path.string(),
                *unknown, unknown - base.tokens_.begin(), shape.vocab);
  }
  return base;
}

void LogitsBase::log_probabilities(uint64_t row, std::span<float> out) const {
  CHECK(out.size() == shape_.vocab && row < uint64_t{shape_.chunks} * shape_.scored());
  const size_t row_bytes = row_places(shape_.vocab) * sizeof(uint16_t);
  const std::byte* at =
      file_.bytes().data() + kHeaderBytes + tokens_.size() * sizeof(Token) + row * row_bytes;
  RowScale scale{};
  std::memcpy(&scale, at, sizeof scale);
  const std::byte* levels = at + kRowHeader * sizeof(uint16_t);
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t level = 0;
    std::memcpy(&level, levels + i * sizeof level, sizeof level);
    out[i] = scale.lowest + scale.scale * static_cast<float>(level);
  }
}

}  // namespace weft::engine
