//! Tokenizers built from the vocabulary of a GGUF file.

use ahash::AHashMap;
use tokenizers::models::bpe::{BpeBuilder, Merges, Vocab};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::normalizers::replace::Replace;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior};

use crate::byte_level_bpe::ByteLevelBpe;
use crate::normalizer::{CharsMap, Normalizer};
use crate::pieces::{Piece, Pieces, TokenType};
use crate::rwkv::Rwkv;
use crate::sentencepiece::{Fallback, SentencePiece, SPACE};
use crate::special::SpecialTokens;
use crate::tokenizer::{Model, Segment, SpacePrefix, Tokenizer};
use crate::unigram::{Plamo2, Unigram};
use crate::{byte_level, pre_tokenizers, rwkv};

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
    pub remove_extra_spaces: bool,
    /// Of SentencePiece, or empty.
    pub charsmap: &'a [u8],
    pub lowercase: bool,
    pub strip_accents: bool,
}

/// The values are those of the C header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ByteLevelBpe,
    SentencePieceBpe,
    SentencePieceUnigram,
    WordPiece,
    Rwkv,
    Plamo2,
    CharacterBpe,
}

impl Kind {
    pub fn from_c(value: u32) -> Option<Self> {
        Some(match value {
            0 => Self::ByteLevelBpe,
            1 => Self::SentencePieceBpe,
            2 => Self::SentencePieceUnigram,
            3 => Self::WordPiece,
            4 => Self::Rwkv,
            5 => Self::Plamo2,
            6 => Self::CharacterBpe,
            _ => return None,
        })
    }
}

/// Tokens of files in use are below 2000 bytes; merging is bounded by the longest.
const MAX_TOKEN_BYTES: usize = 1 << 16;

impl Tokenizer {
    pub fn from_vocabulary(vocabulary: &Vocabulary) -> Result<Self, String> {
        let (tokens, pieces) = vocabulary.read()?;
        let special = SpecialTokens::new(&tokens, &pieces)?;
        let model = model(vocabulary, &tokens, &pieces)?;
        let space_prefix = match vocabulary.kind {
            // What begins a word begins with a space, which the text need not have had.
            Kind::WordPiece => SpacePrefix::AtStart,
            _ if matches!(model, Model::Spaced(..)) && vocabulary.add_space_prefix => {
                SpacePrefix::AfterSpecialToo
            }
            _ => SpacePrefix::Never,
        };
        Ok(Self { model, pieces, special, space_prefix })
    }
}

impl<'a> Vocabulary<'a> {
    /// The texts by id, and what they stand for.
    pub fn read(&self) -> Result<(Vec<&'a str>, Pieces), String> {
        let tokens = token_texts(self)?;
        let pieces = pieces(self, &tokens)?;
        Ok((tokens, pieces))
    }
}

fn model(vocabulary: &Vocabulary, tokens: &[&str], pieces: &Pieces) -> Result<Model, String> {
    let plain: Box<dyn Segment> = match vocabulary.kind {
        Kind::ByteLevelBpe => Box::new(byte_level_bpe(vocabulary, tokens)?),
        Kind::CharacterBpe => Box::new(character_bpe(vocabulary, tokens)?),
        Kind::WordPiece => Box::new(word_piece(vocabulary, tokens, pieces)?),
        Kind::Rwkv => {
            let normal = (0..pieces.len() as u32).filter(|id| !pieces.kind(*id).is_control());
            Box::new(Rwkv::new(normal.map(|id| (pieces.bytes(id), id))))
        }
        Kind::SentencePieceBpe | Kind::SentencePieceUnigram | Kind::Plamo2 => {
            scored(vocabulary, tokens, pieces)?
        }
    };
    if !matches!(vocabulary.kind, Kind::SentencePieceBpe | Kind::SentencePieceUnigram) {
        return Ok(Model::Plain(plain));
    }
    let charsmap = match vocabulary.charsmap {
        [] => None,
        bytes => Some(CharsMap::parse(bytes)?),
    };
    let remove_extra_spaces = vocabulary.remove_extra_spaces;
    Ok(Model::Spaced(Normalizer { charsmap, remove_extra_spaces }, plain))
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
        Kind::Rwkv => pieces.index_bytes(rwkv::escape),
        _ => pieces.index_bytes(|byte| format!("<0x{byte:02X}>")),
    }
    Ok(pieces)
}

fn bytes_of(kind: Kind, id: usize, text: &str, token: TokenType) -> Result<Vec<u8>, String> {
    Ok(match (token, kind) {
        (TokenType::Control | TokenType::Unknown | TokenType::UserDefined, _) => text.into(),
        (_, Kind::ByteLevelBpe) => byte_level::decode(text),
        (_, Kind::Rwkv) => rwkv::unescape(text).ok_or_else(|| {
            format!("Token {id} of the vocabulary, {text:?}, has an escape that is not Python's.")
        })?,
        (TokenType::Byte, _) => vec![parse_byte(text).ok_or_else(|| {
            format!("Token {id} of the vocabulary is of type byte and reads {text:?}, not <0xXX>.")
        })?],
        (_, Kind::Plamo2) => text.into(),
        (_, _) => text.replace(SPACE, " ").into(),
    })
}

/// "<0x0A>" to 10.
pub fn parse_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

fn byte_level_bpe(vocabulary: &Vocabulary, tokens: &[&str]) -> Result<ByteLevelBpe, String> {
    let pre = String::from_utf8_lossy(vocabulary.pre);
    let pre_tokenizer = pre_tokenizers::find(&pre)
        .ok_or_else(|| format!("The pre-tokenizer {pre:?} (tokenizer.ggml.pre) is not known."))?;
    let ids = ids_of(tokens);
    let merges = merges(vocabulary, &ids)?;
    let merges = BpeBuilder::new()
        .vocab_and_merges(ids, merges)
        .ignore_merges(pre_tokenizer.whole_words)
        .build()
        .map_err(|error| format!("The vocabulary is no byte-level BPE: {error}."))?;
    Ok(ByteLevelBpe { words: pre_tokenizer.build()?, merges })
}

fn ids_of(tokens: &[&str]) -> Vocab {
    let named = (0u32..).zip(tokens).filter(|(_, text)| !text.is_empty());
    named.map(|(id, text)| ((*text).to_owned(), id)).collect()
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

/// As `byte_level_bpe`, but characters stand for themselves, spaces are SPACE, and a character
/// that is no token becomes byte tokens. Only the ends of lines cut a text, and a word that is a
/// token as it stands is not put together by merges.
pub fn character_bpe(
    vocabulary: &Vocabulary,
    tokens: &[&str],
) -> Result<tokenizers::Tokenizer, String> {
    let describe =
        |error: &dyn std::fmt::Display| format!("The vocabulary is no BPE of characters: {error}.");
    let ids = ids_of(tokens);
    let merges = merges(vocabulary, &ids)?;
    let mut builder = BpeBuilder::new()
        .vocab_and_merges(ids, merges)
        .byte_fallback(true)
        .fuse_unk(true)
        .ignore_merges(true);
    if let Some(unknown) = unknown_of(vocabulary, tokens)? {
        builder = builder.unk_token(tokens[unknown as usize].to_owned());
    }
    let mut tokenizer = tokenizers::Tokenizer::new(builder.build().map_err(|e| describe(&e))?);
    let spaces = Replace::new(" ", SPACE.to_string()).map_err(|e| describe(&e))?;
    tokenizer.with_normalizer(Some(spaces)).map_err(|e| describe(&e))?;
    let lines = SplitPattern::Regex(r"\n+".to_owned());
    let lines = Split::new(lines, SplitDelimiterBehavior::Isolated, false);
    let lines = lines.map_err(|e| describe(&e))?;
    tokenizer.with_pre_tokenizer(Some(PreTokenizerWrapper::Split(lines)));
    Ok(tokenizer)
}

/// GGUF writes the tokens that begin a word with a SPACE before them, and others as they are;
/// the library marks the others, with "##".
fn word_piece(
    vocabulary: &Vocabulary,
    tokens: &[&str],
    pieces: &Pieces,
) -> Result<tokenizers::Tokenizer, String> {
    let spelled = |(id, text): (u32, &&str)| {
        let is_bare =
            pieces.kind(id) != TokenType::Normal || (text.starts_with('[') && text.ends_with(']'));
        let text = match text.strip_prefix(SPACE) {
            Some(beginning) if !beginning.is_empty() => beginning.to_owned(),
            _ if is_bare => (*text).to_owned(),
            _ => format!("##{text}"),
        };
        (text, id)
    };
    let unknown = unknown_of(vocabulary, tokens)?.ok_or("The vocabulary has no unknown token.")?;
    let named = (0u32..).zip(tokens).filter(|(_, text)| !text.is_empty());
    let words = WordPiece::builder()
        .vocab(named.map(spelled).collect::<AHashMap<_, _>>())
        .unk_token(spelled((unknown, &tokens[unknown as usize])).0)
        .build()
        .map_err(|error| format!("The vocabulary is no WordPiece: {error}."))?;
    let mut tokenizer = tokenizers::Tokenizer::new(words);
    let accents = Some(vocabulary.strip_accents);
    tokenizer
        .with_normalizer(Some(BertNormalizer::new(true, true, accents, vocabulary.lowercase)))
        .map_err(|error| format!("The vocabulary is no WordPiece: {error}."))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    Ok(tokenizer)
}

/// The kinds whose tokens have scores.
fn scored(
    vocabulary: &Vocabulary,
    tokens: &[&str],
    pieces: &Pieces,
) -> Result<Box<dyn Segment>, String> {
    let scores = vocabulary.scores;
    if scores.is_empty() {
        return Err("The vocabulary has no scores (tokenizer.ggml.scores).".into());
    }
    if let Some(id) = scores.iter().position(|score| score.is_nan()) {
        return Err(format!("The score of token {id} of the vocabulary is not a number."));
    }
    let fallback = Fallback::new(pieces, unknown_of(vocabulary, tokens)?);
    Ok(match vocabulary.kind {
        Kind::SentencePieceUnigram => Box::new(Unigram::new(tokens, scores, pieces, fallback)),
        Kind::Plamo2 => Box::new(Plamo2::new(tokens, scores, pieces, fallback)),
        _ => Box::new(SentencePiece::new(tokens, scores, pieces, fallback)),
    })
}

/// The unknown token; none where it has no text.
fn unknown_of(vocabulary: &Vocabulary, tokens: &[&str]) -> Result<Option<u32>, String> {
    match vocabulary.unknown {
        Some(unknown) if unknown as usize >= tokens.len() => Err(format!(
            "The unknown token has id {unknown}, and the vocabulary has {} tokens.",
            tokens.len()
        )),
        unknown => Ok(unknown.filter(|id| !tokens[*id as usize].is_empty())),
    }
}
