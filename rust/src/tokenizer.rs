//! A tokenizer of any origin: what is common to them all.

use crate::pieces::Pieces;
use crate::sentencepiece::SentencePiece;
use crate::special::{Control, SpecialTokens};

/// Where encoding puts a space before the text. The values are those of the C header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpacePrefix {
    Never = 0,
    AtStart = 1,
    AfterSpecialToo = 2,
}

/// What cuts plain text into tokens.
pub enum Model {
    /// From a tokenizer.json: finds added tokens by itself.
    Json(Box<crate::json::JsonModel>),
    /// Byte-level BPE of a GGUF: a library tokenizer that knows no special tokens.
    ByteLevel(Box<tokenizers::Tokenizer>),
    SentencePiece(SentencePiece),
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
            Model::ByteLevel(plain) => self.special.split(text, control, |part| match part {
                Ok(id) => Ok(ids.push(id)),
                Err(text) => crate::json::encode_with(plain, text, ids),
            }),
            Model::SentencePiece(plain) => {
                let mut wants_space = at_start && self.space_prefix != SpacePrefix::Never;
                self.special.split(text, control, |part| {
                    match part {
                        Ok(id) => {
                            ids.push(id);
                            wants_space = self.space_prefix == SpacePrefix::AfterSpecialToo;
                        }
                        Err(text) => {
                            plain.encode(text, wants_space, ids);
                            wants_space = false;
                        }
                    }
                    Ok(())
                })
            }
        }
    }
}
