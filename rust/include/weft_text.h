// The C interface of the Rust crate `weft-text`: tokenizers, chat templates, grammars.
//
// Ownership: a handle belongs to the caller until its _free. A weft_text or weft_ids that a function
// fills belongs to the caller, who frees it with weft_text_free or weft_ids_free. A weft_bytes is
// borrowed: an argument for the length of the call, a result for the life of the handle it came from.
// Errors: a function that can fail returns NULL or false and fills *error with a whole sentence in
// UTF-8; otherwise *error is untouched. The _free functions take NULL and empty values.
// Threads: a const handle may be used by several threads at once.
// No text is terminated by a zero byte.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const char* data;
  size_t size;
} weft_bytes;

typedef struct {
  char* data;
  size_t size;
} weft_text;

typedef struct {
  uint32_t* data;
  size_t size;
} weft_ids;  // or offsets

void weft_text_free(weft_text text);
void weft_ids_free(weft_ids ids);

// ---- Tokenizers ----

typedef struct weft_tokenizer weft_tokenizer;

enum {
  WEFT_BYTE_LEVEL_BPE = 0,
  WEFT_SENTENCEPIECE_BPE = 1,
  WEFT_SENTENCEPIECE_UNIGRAM = 2,
  WEFT_WORD_PIECE = 3,
  WEFT_RWKV = 4,
  WEFT_PLAMO2 = 5,
  WEFT_CHARACTER_BPE = 6,
};
#define WEFT_NO_TOKEN UINT32_MAX

typedef struct {
  uint32_t kind;  // of the above
  weft_bytes pre;
  const weft_bytes* tokens;
  size_t n_tokens;
  const float* scores;   // [n_tokens] or NULL
  const int32_t* types;  // [n_tokens], of GGUF's token types, or NULL: all normal
  const weft_bytes* merges;
  size_t n_merges;
  uint32_t unknown;     // or WEFT_NO_TOKEN
  weft_bytes charsmap;  // SentencePiece's table of characters to replace, or empty
  bool add_space_prefix;
  bool remove_extra_spaces;
  bool lowercase;      // WordPiece
  bool strip_accents;  // WordPiece
} weft_vocabulary;

weft_tokenizer* weft_tokenizer_from_vocabulary(const weft_vocabulary* vocabulary, weft_text* error);
// The tokenizer.json of a vocabulary whose texts begin with `first` and end with `last`, each a token or
// WEFT_NO_TOKEN. An error for kinds that have none.
bool weft_vocabulary_to_json(const weft_vocabulary* vocabulary, uint32_t first, uint32_t last,
                             weft_text* json, weft_text* error);
weft_tokenizer* weft_tokenizer_from_json(weft_bytes json, weft_text* error);
void weft_tokenizer_free(weft_tokenizer* tokenizer);

// Adds no bos or eos. `text` may be any bytes. With `parse_special`, control tokens are found but where
// they begin at one of the offsets `plain`, which ascend; where there are any, `text` is UTF-8.
bool weft_tokenizer_encode(const weft_tokenizer* tokenizer, weft_bytes text, bool parse_special,
                           const uint32_t* plain, size_t n_plain, weft_ids* ids, weft_text* error);

size_t weft_tokenizer_size(const weft_tokenizer* tokenizer);
// For ids below size.
weft_bytes weft_tokenizer_token_bytes(const weft_tokenizer* tokenizer, uint32_t id);
// GGUF's token type: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
int32_t weft_tokenizer_token_type(const weft_tokenizer* tokenizer, uint32_t id);
// The id, or WEFT_NO_TOKEN.
uint32_t weft_tokenizer_find(const weft_tokenizer* tokenizer, weft_bytes token_text);

// Where encoding puts a space before the text.
enum { WEFT_SPACE_NEVER = 0, WEFT_SPACE_AT_START = 1, WEFT_SPACE_AFTER_SPECIAL_TOO = 2 };
uint32_t weft_tokenizer_space_prefix(const weft_tokenizer* tokenizer);

// ---- Chat templates ----

typedef struct weft_template weft_template;

// `source` is a Jinja template as Transformers understands them.
weft_template* weft_template_compile(weft_bytes source, weft_text* error);
// `variables` is a JSON object of all that the template may see. Fills *plain with the offsets of what
// reads like a control token of `tokenizer` in the output and was said in a variable other than
// bos_token and eos_token; without a tokenizer (NULL) there are none.
bool weft_template_render(const weft_template* compiled, weft_bytes variables,
                          const weft_tokenizer* tokenizer, weft_text* output, weft_ids* plain,
                          weft_text* error);
void weft_template_free(weft_template* compiled);

// ---- Grammars ----

typedef struct weft_grammar weft_grammar;

// What a text written with `tokenizer` must match. `kind` is "json_schema", "regex" or "lark".
// `ends` are the ids that may end the text. The tokenizer may be freed before the grammar.
weft_grammar* weft_grammar_compile(const weft_tokenizer* tokenizer, const uint32_t* ends,
                                   size_t n_ends, weft_bytes kind, weft_bytes source,
                                   weft_text* error);
// Sets bit id % 32 of mask[id / 32] for every id that may come next and clears the others.
// `n_words` is the size of the tokenizer / 32, rounded up.
bool weft_grammar_mask(weft_grammar* grammar, uint32_t* mask, size_t n_words, weft_text* error);
// Goes on past `id`, which the mask must have allowed.
bool weft_grammar_accept(weft_grammar* grammar, uint32_t id, weft_text* error);
void weft_grammar_free(weft_grammar* grammar);

#ifdef __cplusplus
}
#endif
