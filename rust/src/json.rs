//! Tokenizers from a Hugging Face tokenizer.json.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value;
use tokenizers::ModelWrapper;

use crate::byte_level_bpe::ByteLevelBpe;
use crate::pieces::{Piece, Pieces, TokenType};
use crate::pre_tokenizers::Words;
use crate::sentencepiece::SPACE;
use crate::special::{Control, SpecialTokens};
use crate::tokenizer::{Model, SpacePrefix, Tokenizer};
use crate::{byte_level, pre_tokenizers, vocabulary};

pub struct JsonModel {
    parse_special: tokenizers::Tokenizer,
    /// The same with special tokens as plain text; made when it is first needed.
    as_text: OnceLock<tokenizers::Tokenizer>,
}

impl JsonModel {
    pub fn encode(
        &self,
        text: &str,
        control: Control,
        special: &SpecialTokens,
        ids: &mut Vec<u32>,
    ) -> Result<(), String> {
        match control {
            Control::Nowhere => encode_with(self.as_text(), text, ids),
            Control::ButAt([]) => encode_with(&self.parse_special, text, ids),
            // The library takes all or none, so that it gets the parts between. Each is a beginning
            // to it, which shows where a space goes before the first word only (Metaspace, "first").
            Control::ButAt(_) => special.split(text, control, |part| match part {
                Ok(id) => Ok(ids.push(id)),
                Err(text) => encode_with(self.as_text(), text, ids),
            }),
        }
    }

    fn as_text(&self) -> &tokenizers::Tokenizer {
        self.as_text.get_or_init(|| {
            let mut tokenizer = self.parse_special.clone();
            tokenizer.set_encode_special_tokens(true);
            tokenizer
        })
    }
}

pub fn encode_with(
    tokenizer: &tokenizers::Tokenizer,
    text: &str,
    ids: &mut Vec<u32>,
) -> Result<(), String> {
    let encoding = tokenizer
        .encode_fast(text, false)
        .map_err(|error| format!("The text cannot be tokenized: {error}."))?;
    ids.extend_from_slice(encoding.get_ids());
    Ok(())
}

/// How a tokenizer.json writes bytes in its tokens.
#[derive(Clone, Copy)]
enum Spelling {
    ByteLevel,
    SentencePiece,
}

/// Ids above this are taken for a broken file: a table by id is built.
const MAX_ID: u32 = 1 << 24;

impl Tokenizer {
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let describe =
            |error: &dyn std::fmt::Display| format!("The tokenizer.json cannot be read: {error}.");
        let document: Value = serde_json::from_slice(json).map_err(|error| describe(&error))?;
        let spelling = spelling(&document)?;
        let space_prefix = space_prefix(&document);
        let words = words(&document)?;
        drop(document);
        let mut tokenizer =
            tokenizers::Tokenizer::from_bytes(json).map_err(|error| describe(&error))?;
        // A file may cut or fill up what it encodes; texts here are taken whole and as they are.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| describe(&error))?;
        let vocabulary = tokenizer.get_vocab(true);
        let texts = texts(&vocabulary)?;
        let pieces = pieces(&tokenizer, &texts, spelling)?;
        let special = SpecialTokens::new(&texts, &pieces)?;
        let model = match (words, tokenizer.get_model()) {
            (Some(words), ModelWrapper::BPE(merges)) => {
                Model::Plain(Box::new(ByteLevelBpe { words, merges: merges.clone() }))
            }
            _ => Model::Json(Box::new(JsonModel {
                parse_special: tokenizer,
                as_text: OnceLock::new(),
            })),
        };
        Ok(Self { model, pieces, special, space_prefix })
    }
}

/// How texts are cut into words, where that is all that a byte-level tokenizer does to them: then
/// `ByteLevelBpe` does the same, several times as fast as the library.
fn words(document: &Value) -> Result<Option<Words>, String> {
    let added = document["added_tokens"].as_array().into_iter().flatten();
    let is_plain = |token: &Value| {
        ["lstrip", "rstrip", "single_word"].iter().all(|option| token[*option] == false)
    };
    let pre_tokenizer = &document["pre_tokenizer"];
    let steps = match pre_tokenizer["pretokenizers"].as_array() {
        Some(steps) => steps.as_slice(),
        None => std::slice::from_ref(pre_tokenizer),
    };
    let Some((bytes, splits)) = steps.split_last() else { return Ok(None) };
    let is_byte_level = bytes["type"] == "ByteLevel" && bytes["add_prefix_space"] == false;
    if !is_byte_level || !document["normalizer"].is_null() || !{ added }.all(is_plain) {
        return Ok(None);
    }
    let mut patterns = Vec::new();
    for step in splits {
        let is_split =
            step["type"] == "Split" && step["behavior"] == "Isolated" && step["invert"] == false;
        match step["pattern"]["Regex"].as_str() {
            Some(pattern) if is_split => patterns.push(pattern),
            None if step["type"] == "Digits" && step["individual_digits"] == true => {
                patterns.push(pre_tokenizers::DIGIT);
            }
            _ => return Ok(None),
        }
    }
    if bytes["use_regex"] != false {
        patterns.push(pre_tokenizers::GPT2);
    }
    Words::new(&patterns, &[]).map(Some)
}

/// The objects under `value` that are of a tokenizer.json's `kind`, at any depth of Sequences.
fn has_type(value: &Value, kind: &str) -> bool {
    find_type(value, kind).is_some()
}

fn find_type<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    if value["type"] == kind {
        return Some(value);
    }
    let members = ["normalizers", "pretokenizers", "decoders"];
    let nested = members.iter().filter_map(|member| value[*member].as_array()).flatten();
    nested.into_iter().find_map(|inner| find_type(inner, kind))
}

fn spelling(document: &Value) -> Result<Spelling, String> {
    let decoder = &document["decoder"];
    if has_type(decoder, "ByteLevel") {
        Ok(Spelling::ByteLevel)
    } else if has_type(decoder, "ByteFallback") || has_type(decoder, "Metaspace") {
        Ok(Spelling::SentencePiece)
    } else {
        Err(format!(
            "The tokenizer.json's decoder, {}, is not one of ByteLevel, ByteFallback, Metaspace.",
            decoder["type"]
        ))
    }
}

fn space_prefix(document: &Value) -> SpacePrefix {
    if let Some(prepend) = find_type(&document["normalizer"], "Prepend") {
        if prepend["prepend"] == SPACE.to_string() {
            return SpacePrefix::AfterSpecialToo;
        }
    }
    match find_type(&document["pre_tokenizer"], "Metaspace") {
        Some(metaspace) => match metaspace["prepend_scheme"].as_str() {
            Some("never") => SpacePrefix::Never,
            Some("first") => SpacePrefix::AtStart,
            _ => SpacePrefix::AfterSpecialToo,
        },
        None => SpacePrefix::Never,
    }
}

/// The texts by id.
fn texts(vocabulary: &HashMap<String, u32>) -> Result<Vec<&str>, String> {
    let largest = vocabulary.values().max().copied();
    let largest = largest.ok_or("The tokenizer.json has no tokens.")?;
    if largest > MAX_ID {
        return Err(format!("The tokenizer.json has token id {largest}, and {MAX_ID} is allowed."));
    }
    let mut texts = vec![""; largest as usize + 1];
    for (text, id) in vocabulary {
        texts[*id as usize] = text;
    }
    Ok(texts)
}

fn pieces(
    tokenizer: &tokenizers::Tokenizer,
    texts: &[&str],
    spelling: Spelling,
) -> Result<Pieces, String> {
    let added = tokenizer.get_added_tokens_decoder();
    let mut pieces = Pieces::with_capacity(texts.len());
    for (id, text) in (0u32..).zip(texts.iter().copied()) {
        let (kind, bytes) = match (added.get(&id), spelling) {
            (Some(token), _) if token.special => (TokenType::Control, text.into()),
            (Some(_), _) => (TokenType::UserDefined, text.into()),
            (None, Spelling::ByteLevel) => (TokenType::Normal, byte_level::decode(text)),
            (None, Spelling::SentencePiece) => match vocabulary::parse_byte(text) {
                Some(byte) => (TokenType::Byte, vec![byte]),
                None => (TokenType::Normal, text.replace(SPACE, " ").into()),
            },
        };
        pieces.push(Piece { text, bytes, kind })?;
    }
    match spelling {
        Spelling::ByteLevel => pieces.index_bytes(|byte| byte_level::char_of(byte).into()),
        Spelling::SentencePiece => pieces.index_bytes(|byte| format!("<0x{byte:02X}>")),
    }
    Ok(pieces)
}
