//! Tokenizers built from the vocabulary of a GGUF file.

use tokenizers::models::bpe::{BpeBuilder, Merges, Vocab};

use crate::pieces::{Piece, Pieces, TokenType};
use crate::sentencepiece::{SentencePiece, SPACE};
use crate::special::SpecialTokens;
use crate::tokenizer::{Model, SpacePrefix, Tokenizer};
use crate::{byte_level, pre_tokenizers};

/// What a GGUF says, not yet believed.
pub struct Vocabulary<'a> {
    pub kind: Kind,
    pub pre: &'a [u8],
    pub tokens: Vec<&'a [u8]>,
    /// By id, or empty.
    pub scores: &'a [f32],
    /// By id, or empty: all normal.
    pub types: &'a [i32],
    pub merges: Vec<&'a [u8]>,
    pub unknown: Option<u32>,
    pub add_space_prefix: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ByteLevelBpe,
    SentencePieceBpe,
}

/// Tokens of files in use are below 2000 bytes; merging is bounded by the longest.
const MAX_TOKEN_BYTES: usize = 1 << 16;

impl Tokenizer {
    pub fn from_vocabulary(vocabulary: &Vocabulary) -> Result<Self, String> {
        let tokens = token_texts(vocabulary)?;
        let pieces = pieces(vocabulary, &tokens)?;
        let special = SpecialTokens::new(&tokens, &pieces)?;
        let (model, space_prefix) = match vocabulary.kind {
            Kind::ByteLevelBpe => {
                let plain = Box::new(byte_level_bpe(vocabulary, &tokens)?);
                (Model::ByteLevel(plain), SpacePrefix::Never)
            }
            Kind::SentencePieceBpe => {
                let plain = sentencepiece_bpe(vocabulary, &tokens, &pieces)?;
                let space_prefix = if vocabulary.add_space_prefix {
                    SpacePrefix::AfterSpecialToo
                } else {
                    SpacePrefix::Never
                };
                (Model::SentencePiece(plain), space_prefix)
            }
        };
        Ok(Self { model, pieces, special, space_prefix })
    }
}

fn token_texts<'a>(vocabulary: &Vocabulary<'a>) -> Result<Vec<&'a str>, String> {
    if vocabulary.tokens.is_empty() {
        return Err("The vocabulary has no tokens.".into());
    }
    let text = |(id, token): (usize, &&'a [u8])| {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(format!(
                "Token {id} of the vocabulary has {} bytes, and {MAX_TOKEN_BYTES} are allowed.",
                token.len()
            ));
        }
        std::str::from_utf8(token)
            .map_err(|error| format!("Token {id} of the vocabulary is not UTF-8: {error}."))
    };
    vocabulary.tokens.iter().enumerate().map(text).collect()
}

fn pieces(vocabulary: &Vocabulary, tokens: &[&str]) -> Result<Pieces, String> {
    let mut pieces = Pieces::with_capacity(tokens.len());
    for (id, text) in tokens.iter().enumerate() {
        let kind = match vocabulary.types.get(id) {
            None => TokenType::Normal,
            Some(&value) => TokenType::from_gguf(value).ok_or_else(|| {
                format!("Token {id} of the vocabulary, {text:?}, has the unknown type {value}.")
            })?,
        };
        pieces.push(Piece { text, bytes: bytes_of(vocabulary.kind, id, text, kind)?, kind })?;
    }
    match vocabulary.kind {
        Kind::ByteLevelBpe => pieces.index_bytes(|byte| byte_level::char_of(byte).into()),
        Kind::SentencePieceBpe => pieces.index_bytes(|byte| format!("<0x{byte:02X}>")),
    }
    Ok(pieces)
}

fn bytes_of(kind: Kind, id: usize, text: &str, token: TokenType) -> Result<Vec<u8>, String> {
    Ok(match (token, kind) {
        (TokenType::Control | TokenType::Unknown | TokenType::UserDefined, _) => text.into(),
        (_, Kind::ByteLevelBpe) => byte_level::decode(text),
        (TokenType::Byte, Kind::SentencePieceBpe) => vec![parse_byte(text).ok_or_else(|| {
            format!("Token {id} of the vocabulary is of type byte and reads {text:?}, not <0xXX>.")
        })?],
        (_, Kind::SentencePieceBpe) => text.replace(SPACE, " ").into(),
    })
}

/// "<0x0A>" to 10.
pub fn parse_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

fn byte_level_bpe(
    vocabulary: &Vocabulary,
    tokens: &[&str],
) -> Result<tokenizers::Tokenizer, String> {
    let pre = String::from_utf8_lossy(vocabulary.pre);
    let pre_tokenizer = pre_tokenizers::find(&pre)
        .ok_or_else(|| format!("The pre-tokenizer {pre:?} (tokenizer.ggml.pre) is not known."))?;
    let ids: Vocab = (0u32..)
        .zip(tokens)
        .filter(|(_, text)| !text.is_empty())
        .map(|(id, text)| ((*text).to_owned(), id))
        .collect();
    let merges = merges(vocabulary, &ids)?;
    let bpe = BpeBuilder::new()
        .vocab_and_merges(ids, merges)
        .ignore_merges(pre_tokenizer.whole_words)
        .build()
        .map_err(|error| format!("The vocabulary is no byte-level BPE: {error}."))?;
    let mut tokenizer = tokenizers::Tokenizer::new(bpe);
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer.build()?));
    Ok(tokenizer)
}

fn merges(vocabulary: &Vocabulary, ids: &Vocab) -> Result<Merges, String> {
    let mut merges = Merges::with_capacity(vocabulary.merges.len());
    let mut joined = String::new();
    for (rank, merge) in vocabulary.merges.iter().enumerate() {
        let text = String::from_utf8_lossy(merge);
        let Some((left, right)) = text.split_once(' ') else {
            return Err(format!("Merge {rank}, {text:?}, is not two tokens with a space between."));
        };
        joined.clear();
        joined.push_str(left);
        joined.push_str(right);
        if let Some(missing) = [left, right, &joined].iter().find(|t| !ids.contains_key(**t)) {
            return Err(format!("Merge {rank}, {text:?}, names {missing:?}, which is no token."));
        }
        merges.push((left.to_owned(), right.to_owned()));
    }
    Ok(merges)
}

fn sentencepiece_bpe(
    vocabulary: &Vocabulary,
    tokens: &[&str],
    pieces: &Pieces,
) -> Result<SentencePiece, String> {
    if vocabulary.scores.is_empty() {
        return Err("The vocabulary has no scores (tokenizer.ggml.scores).".into());
    }
    if let Some(id) = vocabulary.scores.iter().position(|score| score.is_nan()) {
        return Err(format!("The score of token {id} of the vocabulary is not a number."));
    }
    if let Some(unknown) = vocabulary.unknown.filter(|id| *id as usize >= tokens.len()) {
        return Err(format!(
            "The unknown token has id {unknown}, and the vocabulary has {} tokens.",
            tokens.len()
        ));
    }
    Ok(SentencePiece::new(tokens, vocabulary.scores, pieces, vocabulary.unknown))
}
