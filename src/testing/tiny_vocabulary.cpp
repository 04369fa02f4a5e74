#include "testing/tiny_vocabulary.h"

#include <fmt/format.h>

#include "base/check.h"
#include "testing/tiny_model.h"

namespace weft::testing {
namespace {

// The character that GPT-2's vocabulary writes for a byte: itself where it is printable Latin-1,
// else the next of U+0100, U+0101, ...
std::string byte_character(uint32_t byte, uint32_t& next_free) {
  const bool printable =
      (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xff && byte != 0xad);
  const uint32_t code = printable ? byte : next_free++;
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 63))};
}

constexpr const char* kChatTemplate =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}";

}  // namespace

void set_tiny_vocabulary(GgufWriter& writer, uint32_t vocab) {
  constexpr int32_t kNormal = 1;
  constexpr int32_t kControl = 3;
  constexpr int32_t kUnused = 5;
  std::vector<std::string> tokens;
  uint32_t next_free = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) tokens.push_back(byte_character(byte, next_free));
  const std::string space = tokens[' '];
  const std::vector<std::string> merges = {"t h",        "th e", space + " the",
                                           space + " a", "i n",  "a n"};
  for (std::string merged : merges) {
    merged.erase(merged.find(' '), 1);
    tokens.push_back(merged);
  }
  std::vector<int32_t> types(tokens.size(), kNormal);
  CHECK(tokens.size() == kTinyEndOfText);
  for (const char* control : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    tokens.emplace_back(control);
    types.push_back(kControl);
  }
  CHECK(tokens.size() <= vocab);
  while (tokens.size() < vocab) {
    tokens.push_back(fmt::format("[PAD{}]", tokens.size()));
    types.push_back(kUnused);
  }
  writer.set("tokenizer.ggml.model", "gpt2");
  writer.set("tokenizer.ggml.pre", "gpt-2");
  writer.set("tokenizer.ggml.tokens", tokens);
  writer.set("tokenizer.ggml.token_type", types);
  writer.set("tokenizer.ggml.merges", merges);
  writer.set("tokenizer.ggml.bos_token_id", kTinyEndOfText);
  writer.set("tokenizer.ggml.eos_token_id", kTinyImEnd);
  writer.set("tokenizer.ggml.add_bos_token", false);
  writer.set("tokenizer.chat_template", kChatTemplate);
}

}  // namespace weft::testing
