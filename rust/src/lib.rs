//! Tokenizers, chat templates and grammars behind the C interface of `include/weft_text.h`.
//!
//! The modules below are ordinary safe Rust and return `Result<_, String>` with whole sentences;
//! everything that touches a raw pointer is in `ffi` and `memory`.

mod byte_level;
mod byte_level_bpe;
mod ffi;
mod grammar;
mod json;
mod marks;
mod memory;
mod normalizer;
mod pieces;
mod pre_tokenizers;
mod prefixes;
mod python_json;
mod python_str;
mod rwkv;
mod sentencepiece;
mod special;
mod template;
mod tokenizer;
mod tokenizer_json;
mod unigram;
mod vocabulary;
