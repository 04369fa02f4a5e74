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
#include "base/token.h"

struct weft_tokenizer;

namespace weft::text {

// Tokens with a meaning, by GGUF's `tokenizer.ggml.*_token_id`.
struct SpecialIds {
  std::optional<Token> bos, eos, eot, eom, unknown;
  bool add_bos = false;  // texts begin with bos
  bool add_eos = false;  // texts end with eos
};

// What a tokenizer is built from, in the terms of GGUF's `tokenizer.ggml.*` keys. The views point
// into the model file (or wherever the caller has them) and are read only while building.
struct Vocabulary {
  enum class Kind {
    byte_level_bpe,         // "gpt2": merges, and a pre-tokenizer that cuts text into words
    sentencepiece_bpe,      // "llama": scores, spaces as U+2581, bytes as <0xXX>
    sentencepiece_unigram,  // "t5": likewise; the best sum of scores
    word_piece,             // "bert": U+2581 begins a word; text cannot be got back exactly
    rwkv,                   // "rwkv": the longest token; bytes as Python escapes them
    plamo2,                 // "plamo2": scores; spaces as they are, bytes as <0xXX>
    character_bpe,          // "gemma4": merges, spaces as U+2581, bytes as <0xXX>
  };
  // `tokenizer.ggml.token_type`.
  enum Type : int32_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

  Kind kind = Kind::byte_level_bpe;
  std::string pre;                       // `tokenizer.ggml.pre`; only byte_level_bpe reads it
  std::vector<std::string_view> tokens;  // by id
  std::vector<float> scores;             // by id; of the kinds with scores
  std::vector<int32_t> types;            // by id, or empty: all normal
  std::vector<std::string_view> merges;  // "left right", best first; of the kinds with merges
  SpecialIds special;
  bool add_space_prefix = false;  // a text and what follows a special token begin with a space
  // Of SentencePiece's kinds: no spaces at the ends of a text, and one where there are several; and
  // the table of characters that are replaced before.
  bool remove_extra_spaces = false;
  std::vector<char> charsmap;
  // Of word_piece.
  bool lowercase = true;
  bool strip_accents = true;
};

// What becomes of the text of control tokens ("<|im_start|>", "</s>"): their ids, or the ids of
// plain text. User-defined tokens are found in either case.
enum class Special { parse, as_text };

// Whether bos and eos are added: not at all, or where the vocabulary's add_bos and add_eos ask for
// it. What is there already (a chat template often writes bos itself) is not added again.
enum class Bounds { none, of_model };

// A text that control tokens are parsed in, but for some: what a chat template makes.
struct Prompt {
  std::string text;  // UTF-8 where `plain` has offsets
  std::vector<uint32_t>
      plain;  // offsets, ascending, at which what reads like a control token is none
};

class Tokenizer {
 public:
  // Errors name the entry that is wrong: an unknown pre-tokenizer, a duplicate token, a merge of
  // tokens that are not there, an id out of range.
  [[nodiscard]] static Result<Tokenizer> from_vocabulary(const Vocabulary& vocabulary);

  // From the bytes of a Hugging Face tokenizer.json. That file does not say which of its tokens are
  // `special`; the tokenizer_config.json beside it does.
  [[nodiscard]] static Result<Tokenizer> from_json(std::string_view json,
                                                   const SpecialIds& special);

  // The tokenizer.json that is a vocabulary; an error for the kinds t5, bert, rwkv and
  // plamo2.
  [[nodiscard]] static Result<std::string> json_of(const Vocabulary& vocabulary);

  // Bytes that are not UTF-8 become byte tokens where the vocabulary has them, else U+FFFD.
  [[nodiscard]] Result<std::vector<Token>> encode(std::string_view text, Special special,
                                                  Bounds bounds) const;
  [[nodiscard]] Result<std::vector<Token>> encode(const Prompt& prompt, Bounds bounds) const;

  // The whole text of `ids`, special tokens as their text, bytes that are not UTF-8 as U+FFFD.
  // For text that arrives token by token there is StreamDecoder.
  [[nodiscard]] Result<std::string> decode(std::span<const Token> ids) const;

  [[nodiscard]] size_t size() const { return size_; }
  // The bytes that a token stands for, which need not be whole characters; for a control token
  // its name. `id` is below size().
  [[nodiscard]] std::string_view token_bytes(Token id) const;
  // Control and unknown tokens: never part of what the user reads.
  [[nodiscard]] bool is_control(Token id) const;
  // eos, eot, eom, and special tokens by whose names models are known to end a turn.
  [[nodiscard]] bool is_end_of_generation(Token id) const;
  // The token with exactly this text, as the vocabulary writes it.
  [[nodiscard]] std::optional<Token> find(std::string_view token_text) const;

  [[nodiscard]] std::optional<Token> bos() const { return special_.bos; }
  [[nodiscard]] std::optional<Token> eos() const { return special_.eos; }
  [[nodiscard]] bool adds_bos() const { return special_.add_bos; }
  [[nodiscard]] std::span<const Token> ends_of_generation() const { return ends_of_generation_; }
  // Encoding begins a text with a space that was not there, which decoding takes off
  // (SentencePiece).
  [[nodiscard]] bool adds_space_prefix() const { return space_prefix_ != SpacePrefix::never; }

  // For src/text.
  [[nodiscard]] const weft_tokenizer* handle() const { return handle_.get(); }

 private:
  struct Free {
    void operator()(weft_tokenizer* handle) const;
  };

  enum class SpacePrefix { never, at_start, after_special_too };

  explicit Tokenizer(weft_tokenizer* handle);
  [[nodiscard]] Result<void> set_special(const SpecialIds& special);
  [[nodiscard]] Result<std::vector<Token>> encode(std::string_view text, Special special,
                                                  std::span<const uint32_t> plain,
                                                  Bounds bounds) const;
  [[nodiscard]] bool is_special(Token id) const;

  std::unique_ptr<weft_tokenizer, Free> handle_;
  size_t size_ = 0;
  SpecialIds special_;
  SpacePrefix space_prefix_ = SpacePrefix::never;
  std::vector<Token> ends_of_generation_;  // sorted
};

}  // namespace weft::text
