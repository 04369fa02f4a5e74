//! What each token id stands for.

use ahash::AHashMap;

/// Token types of GGUF (`tokenizer.ggml.token_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenType {
    Normal = 1,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl TokenType {
    pub fn from_gguf(value: i32) -> Option<Self> {
        Some(match value {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }

    /// Found in text only where special tokens are parsed, and never shown to a reader.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Control | Self::Unknown)
    }
}

/// One token as it goes into `Pieces`: `text` as the vocabulary writes it, `bytes` as it reads.
pub struct Piece<'a> {
    pub text: &'a str,
    pub bytes: Vec<u8>,
    pub kind: TokenType,
}

/// The bytes and the type of every id, and the way back from a token's text.
pub struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    types: Vec<TokenType>,
    ids: AHashMap<Box<str>, u32>,
    byte_tokens: Box<[Option<u32>; 256]>,
}

impl Pieces {
    /// Empty texts are holes in the vocabulary: such ids stand for nothing and are not found.
    pub fn with_capacity(tokens: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(tokens * 8),
            ends: Vec::with_capacity(tokens),
            types: Vec::with_capacity(tokens),
            ids: AHashMap::with_capacity(tokens),
            byte_tokens: Box::new([None; 256]),
        }
    }

    /// Adds the next id.
    pub fn push(&mut self, piece: Piece) -> Result<(), String> {
        let id = u32::try_from(self.len()).map_err(|_| "The vocabulary has too many tokens.")?;
        if !piece.text.is_empty() {
            if let Some(earlier) = self.ids.insert(piece.text.into(), id) {
                return Err(format!(
                    "Tokens {earlier} and {id} of the vocabulary are both {:?}.",
                    piece.text
                ));
            }
        }
        self.bytes.extend_from_slice(&piece.bytes);
        self.ends.push(self.bytes.len());
        self.types.push(piece.kind);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let begin = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.bytes[begin..self.ends[id]]
    }

    pub fn kind(&self, id: u32) -> TokenType {
        self.types[id as usize]
    }

    pub fn find(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// The token that stands for a byte of no whole character.
    pub fn byte_token(&self, byte: u8) -> Option<u32> {
        self.byte_tokens[byte as usize]
    }

    /// Fills the table behind `byte_token`; `text_of` says how the vocabulary writes a byte.
    pub fn index_bytes(&mut self, text_of: impl Fn(u8) -> String) {
        for byte in 0..=255u8 {
            self.byte_tokens[byte as usize] = self.find(&text_of(byte));
        }
    }
}
