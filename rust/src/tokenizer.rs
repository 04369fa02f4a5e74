//! A tokenizer of any origin: what is common to them all.

use crate::normalizer::Normalizer;
use crate::pieces::Pieces;
use crate::special::{Control, SpecialTokens};

/// Where encoding puts a space before the text. The values are those of the C header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpacePrefix {
    Never = 0,
    AtStart = 1,
    AfterSpecialToo = 2,
}

/// Cuts text without special tokens into tokens.
pub trait Segment: Send + Sync {
    fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String>;
}

impl Segment for tokenizers::Tokenizer {
    fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        crate::json::encode_with(self, text, ids)
    }
}

pub enum Model {
    /// From a tokenizer.json: finds added tokens by itself.
    Json(Box<crate::json::JsonModel>),
    /// Gets the text as it is.
    Plain(Box<dyn Segment>),
    /// SentencePiece's: gets the text normalised.
    Spaced(Normalizer, Box<dyn Segment>),
}

pub struct Tokenizer {
    pub model: Model,
    pub pieces: Pieces,
    pub special: SpecialTokens,
    pub space_prefix: SpacePrefix,
}

impl Tokenizer {
    /// `text` may be any bytes: those that are not UTF-8 become byte tokens, or U+FFFD where the
    /// vocabulary lacks them. Offsets in `control` are of texts that are UTF-8.
    pub fn encode(&self, text: &[u8], control: Control) -> Result<Vec<u32>, String> {
        let mut ids = Vec::with_capacity(text.len() / 3 + 1);
        let mut at_start = true;
        for chunk in text.utf8_chunks() {
            self.encode_valid(chunk.valid(), control, at_start, &mut ids)?;
            at_start &= chunk.valid().is_empty();
            let bytes: Option<Vec<u32>> =
                chunk.invalid().iter().map(|&byte| self.pieces.byte_token(byte)).collect();
            match bytes {
                Some(bytes) => ids.extend(bytes),
                None => self.encode_valid("\u{FFFD}", control, at_start, &mut ids)?,
            }
            at_start &= chunk.invalid().is_empty();
        }
        Ok(ids)
    }

    fn encode_valid(
        &self,
        text: &str,
        control: Control,
        at_start: bool,
        ids: &mut Vec<u32>,
    ) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        match &self.model {
            Model::Json(model) => model.encode(text, control, &self.special, ids),
            Model::Plain(plain) => self.special.split(text, control, |part| match part {
                Ok(id) => Ok(ids.push(id)),
                Err(text) => plain.encode(text, ids),
            }),
            Model::Spaced(normalizer, plain) => {
                let mut wants_space = at_start && self.space_prefix != SpacePrefix::Never;
                self.special.split(text, control, |part| match part {
                    Ok(id) => {
                        ids.push(id);
                        wants_space = self.space_prefix == SpacePrefix::AfterSpecialToo;
                        Ok(())
                    }
                    Err(text) => {
                        let wants = std::mem::take(&mut wants_space);
                        plain.encode(&normalizer.normalize(text, wants), ids)
                    }
                })
            }
        }
    }
}
