// Text to token ids and back, for one model's vocabulary.
//
//   WEFT_ASSIGN(const Tokenizer tokenizer, Tokenizer::from_vocabulary(vocabulary));
//   WEFT_ASSIGN(auto ids, tokenizer.encode(prompt, Special::parse, Bounds::of_model));
//
// A Tokenizer is immutable: its functions may be called from several threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct weft_tokenizer;

namespace weft::text {

using TokenId = uint32_t;

// What a tokenizer is built from, in the terms of GGUF's `tokenizer.ggml.*` keys. The views point
// into the model file (or wherever the caller has them) and are read only while building.
struct Vocabulary {
  enum class Kind {
    byte_level_bpe,     // "gpt2": merges, and a pre-tokenizer that cuts text into words
    sentencepiece_bpe,  // "llama": scores, spaces as U+2581, bytes as <0xXX>
  };
  // `tokenizer.ggml.token_type`.
  enum Type : int32_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

  Kind kind = Kind::byte_level_bpe;
  std::string pre;                       // `tokenizer.ggml.pre`; only byte_level_bpe reads it
  std::vector<std::string_view> tokens;  // by id
  std::vector<float> scores;             // by id; only sentencepiece_bpe reads it
  std::vector<int32_t> types;            // by id, or empty: all normal
  std::vector<std::string_view> merges;  // "left right", best first; only byte_level_bpe reads it
  std::optional<TokenId> bos, eos, eot, eom, unknown;
  bool add_bos = false;           // texts begin with bos
  bool add_eos = false;           // texts end with eos
  bool add_space_prefix = false;  // a text and what follows a special token begin with a space
};

// What becomes of the text of control tokens ("<|im_start|>", "</s>"): their ids, or the ids of
// plain text. User-defined tokens are found in either case.
enum class Special { parse, as_text };

// Whether bos and eos are added: not at all, or where the vocabulary's add_bos and add_eos ask for
// it. What is there already (a chat template often writes bos itself) is not added again.
enum class Bounds { none, of_model };

class Tokenizer {
 public:
  // Errors name the entry that is wrong: an unknown pre-tokenizer, a duplicate token, a merge of
  // tokens that are not there, an id out of range.
  [[nodiscard]] static Result<Tokenizer> from_vocabulary(const Vocabulary& vocabulary);

  // From the bytes of a Hugging Face tokenizer.json, for the settings that file does not hold.
  struct JsonSettings {
    std::optional<TokenId> bos, eos;
    bool add_bos = false;
    bool add_eos = false;
  };
  [[nodiscard]] static Result<Tokenizer> from_json(std::string_view json,
                                                   const JsonSettings& settings);

  // Bytes that are not UTF-8 become byte tokens where the vocabulary has them, else U+FFFD.
  [[nodiscard]] Result<std::vector<TokenId>> encode(std::string_view text, Special special,
                                                    Bounds bounds) const;

  // The whole text of `ids`, special tokens as their text, bytes that are not UTF-8 as U+FFFD.
  // For text that arrives token by token there is StreamDecoder.
  [[nodiscard]] Result<std::string> decode(std::span<const TokenId> ids) const;

  [[nodiscard]] size_t size() const { return size_; }
  // The bytes that a token stands for, which need not be whole characters; for a control token
  // its name. `id` is below size().
  [[nodiscard]] std::string_view token_bytes(TokenId id) const;
  // Control and unknown tokens: never part of what the user reads.
  [[nodiscard]] bool is_control(TokenId id) const;
  // eos, eot, eom, and control tokens by whose names models are known to end a turn.
  [[nodiscard]] bool is_end_of_generation(TokenId id) const;
  // The token with exactly this text, as the vocabulary writes it.
  [[nodiscard]] std::optional<TokenId> find(std::string_view token_text) const;

  [[nodiscard]] std::optional<TokenId> bos() const { return bos_; }
  [[nodiscard]] std::optional<TokenId> eos() const { return eos_; }
  [[nodiscard]] bool adds_bos() const { return add_bos_; }
  // Texts of this vocabulary begin with a space that was not in the original (SentencePiece).
  [[nodiscard]] bool adds_space_prefix() const { return add_space_prefix_; }

 private:
  struct Free {
    void operator()(weft_tokenizer* handle) const;
  };

  Tokenizer() = default;

  std::unique_ptr<weft_tokenizer, Free> handle_;
  size_t size_ = 0;
  std::optional<TokenId> bos_, eos_;
  bool add_bos_ = false;
  bool add_eos_ = false;
  bool add_space_prefix_ = false;
  std::vector<TokenId> ends_of_generation_;  // sorted
};

}  // namespace weft::text
