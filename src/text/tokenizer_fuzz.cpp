// libFuzzer: any bytes as a vocabulary, a text, and the way a text is streamed.
//
// The input is cut at zero bytes: a line of settings (kind, types), then tokens, of which those
// with a space are merges, and last the text.
#include <cstdint>

#include "base/check.h"
#include "text/stop_strings.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace {

using namespace weft::text;

std::vector<std::string_view> parts_of(std::string_view input) {
  std::vector<std::string_view> parts;
  for (size_t end = input.find('\0'); end != std::string_view::npos; end = input.find('\0')) {
    parts.push_back(input.substr(0, end));
    input.remove_prefix(end + 1);
  }
  parts.push_back(input);
  return parts;
}

Vocabulary vocabulary_of(std::string_view settings, std::span<const std::string_view> texts) {
  using Kind = Vocabulary::Kind;
  constexpr Kind kKinds[] = {Kind::byte_level_bpe,
                             Kind::sentencepiece_bpe,
                             Kind::sentencepiece_unigram,
                             Kind::word_piece,
                             Kind::rwkv,
                             Kind::plamo2,
                             Kind::character_bpe};
  Vocabulary vocabulary{.pre = "gpt-2"};
  const size_t letter = settings.empty() ? 0 : static_cast<uint8_t>(settings.front());
  vocabulary.kind = kKinds[letter % std::size(kKinds)];
  vocabulary.special.unknown = 0;
  vocabulary.remove_extra_spaces = settings.size() % 3 == 1;
  vocabulary.add_space_prefix = settings.size() % 2 == 1;
  for (const std::string_view text : texts) {
    (text.contains(' ') ? vocabulary.merges : vocabulary.tokens).push_back(text);
  }
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const char setting = settings.empty() ? '\1' : settings[id % settings.size()];
    vocabulary.types.push_back(setting % 8);
    vocabulary.scores.push_back(static_cast<float>(setting));
  }
  return vocabulary;
}

// What is streamed piece by piece is what comes at once.
void check_streaming(const Tokenizer& tokenizer, std::span<const weft::Token> ids) {
  StreamDecoder decoder;
  StopStrings never({std::string(1, '\0') + "never"});
  std::string bytes;
  std::string streamed;
  for (const weft::Token id : ids) {
    bytes.append(tokenizer.token_bytes(id));
    streamed += never.push(decoder.push(tokenizer.token_bytes(id)));
  }
  streamed += never.push(decoder.finish()) + never.finish();
  StreamDecoder at_once;
  std::string whole = at_once.push(bytes);
  whole += at_once.finish();
  CHECK(streamed == whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parts = parts_of({reinterpret_cast<const char*>(data), size});
  if (parts.size() < 3) return 0;
  const std::span texts = std::span(parts).subspan(1, parts.size() - 2);
  const Vocabulary vocabulary = vocabulary_of(parts.front(), texts);
  const auto tokenizer = Tokenizer::from_vocabulary(vocabulary);
  if (!tokenizer) return 0;
  for (const Special special : {Special::parse, Special::as_text}) {
    const auto ids = tokenizer->encode(parts.back(), special, Bounds::of_model);
    if (!ids) {  // bytes that RWKV's vocabulary has no token for
      CHECK(vocabulary.kind == Vocabulary::Kind::rwkv);
      return 0;
    }
    for (const weft::Token id : *ids) CHECK(id < tokenizer->size());
    CHECK(tokenizer->decode(*ids).has_value());
    check_streaming(*tokenizer, *ids);
  }
  return 0;
}
