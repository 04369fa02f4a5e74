#include "text/sentencepiece_model.h"

#include <cstring>

namespace weft::text {
namespace {

constexpr size_t kMaxTokens = 1 << 24;

// A field of a message: a number, or bytes (texts, messages; floats are their four bytes).
struct Field {
  uint64_t number = 0;
  uint64_t value = 0;
  std::string_view bytes;
};

// The fields of a message in their order. The types of the wire: 0 a number of seven bits a byte, 1
// and 5 eight and four bytes, 2 a length and as many bytes.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  [[nodiscard]] bool is_done() const { return rest_.empty(); }

  Result<Field> next() {
    WEFT_ASSIGN(const uint64_t tag, varint());
    Field field{.number = tag >> 3};
    switch (tag & 7) {
      case 0: {
        WEFT_ASSIGN(field.value, varint());
        return field;
      }
      case 1:
        return with_bytes(field, 8);
      case 2: {
        WEFT_ASSIGN(const uint64_t size, varint());
        return with_bytes(field, size);
      }
      case 5:
        return with_bytes(field, 4);
      default:
        return fail("Field {} is of the unknown type {}.", field.number, tag & 7);
    }
  }

 private:
  Result<uint64_t> varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
    return fail("A number does not end.");
  }

  Result<Field> with_bytes(Field field, uint64_t size) {
    if (size > rest_.size()) {
      return fail("Field {} has {} bytes, and {} are left.", field.number, size, rest_.size());
    }
    field.bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return field;
  }

  std::string_view rest_;
};

template <class Use>
Result<void> for_each_field(std::string_view message, const Use& use) {
  for (Fields fields(message); !fields.is_done();) {
    WEFT_ASSIGN(const Field field, fields.next());
    WEFT_TRY(use(field));
  }
  return {};
}

Result<void> read_piece(std::string_view message, Vocabulary& vocabulary) {
  if (vocabulary.tokens.size() >= kMaxTokens) return fail("There are above {} tokens.", kMaxTokens);
  std::string_view text;
  float score = 0;
  int32_t type = Vocabulary::kNormal;
  WEFT_TRY(for_each_field(message, [&](const Field& field) -> Result<void> {
    if (field.number == 1) text = field.bytes;
    if (field.number == 2 && field.bytes.size() == sizeof(score)) {
      std::memcpy(&score, field.bytes.data(), sizeof(score));
    }
    if (field.number == 3) type = static_cast<int32_t>(field.value);
    return {};
  }));
  vocabulary.tokens.push_back(text);
  vocabulary.scores.push_back(score);
  vocabulary.types.push_back(type);
  return {};
}

// Ids that are not used are -1.
std::optional<Token> id_of(int64_t value, const Vocabulary& vocabulary) {
  if (value < 0 || static_cast<uint64_t>(value) >= vocabulary.tokens.size()) return std::nullopt;
  return static_cast<Token>(value);
}

Result<void> read_trainer(std::string_view message, Vocabulary& vocabulary) {
  uint64_t model_type = 1;
  int64_t unknown = 0;
  int64_t bos = 1;
  int64_t eos = 2;
  bool spaces_behind = false;
  WEFT_TRY(for_each_field(message, [&](const Field& field) -> Result<void> {
    const auto value = static_cast<int64_t>(field.value);
    if (field.number == 3) model_type = field.value;
    if (field.number == 24) spaces_behind = field.value != 0;
    if (field.number == 40) unknown = value;
    if (field.number == 41) bos = value;
    if (field.number == 42) eos = value;
    return {};
  }));
  if (model_type != 1 && model_type != 2) {
    return fail("Its model_type is {}, and 1 (unigram) and 2 (BPE) are supported.", model_type);
  }
  if (spaces_behind) return fail("Its treat_whitespace_as_suffix is set, which is not supported.");
  const bool is_bpe = model_type == 2;
  vocabulary.kind =
      is_bpe ? Vocabulary::Kind::sentencepiece_bpe : Vocabulary::Kind::sentencepiece_unigram;
  vocabulary.special = {.bos = id_of(bos, vocabulary),
                        .eos = id_of(eos, vocabulary),
                        .unknown = id_of(unknown, vocabulary)};
  vocabulary.special.add_bos = is_bpe && vocabulary.special.bos;
  vocabulary.special.add_eos = !is_bpe && vocabulary.special.eos;
  return {};
}

Result<void> read_normalizer(std::string_view message, Vocabulary& vocabulary) {
  return for_each_field(message, [&](const Field& field) -> Result<void> {
    if (field.number == 2) vocabulary.charsmap.assign(field.bytes.begin(), field.bytes.end());
    if (field.number == 3) vocabulary.add_space_prefix = field.value != 0;
    if (field.number == 4) vocabulary.remove_extra_spaces = field.value != 0;
    if (field.number == 5 && field.value == 0) {
      return fail("Its escape_whitespaces is not set, which is not supported.");
    }
    return {};
  });
}

Result<Vocabulary> read_model(std::string_view bytes) {
  Vocabulary vocabulary;
  vocabulary.add_space_prefix = true;
  vocabulary.remove_extra_spaces = true;
  std::string_view trainer;
  std::string_view normalizer;
  WEFT_TRY(for_each_field(bytes, [&](const Field& field) -> Result<void> {
    if (field.number == 1) return read_piece(field.bytes, vocabulary);
    if (field.number == 2) trainer = field.bytes;
    if (field.number == 3) normalizer = field.bytes;
    return {};
  }));
  WEFT_TRY(read_trainer(trainer, vocabulary));
  WEFT_TRY(read_normalizer(normalizer, vocabulary));
  return vocabulary;
}

}  // namespace

Result<Vocabulary> vocabulary_from_sentencepiece(std::string_view bytes) {
  auto vocabulary = read_model(bytes);
  if (vocabulary) return vocabulary;
  return std::unexpected(
      std::move(vocabulary).error().within("While reading a SentencePiece model."));
}

}  // namespace weft::text
