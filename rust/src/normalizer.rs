//! What SentencePiece does to a text before it cuts it: replaces characters by a table, drops
//! spaces, writes those that stay as U+2581.
//! Source: google/sentencepiece, doc/normalization.md and the layout of `precompiled_charsmap`
//! described in its normalizer.h.

use std::borrow::Cow;

use crate::sentencepiece::SPACE;

#[derive(Default)]
pub struct Normalizer {
    pub charsmap: Option<CharsMap>,
    /// None at the ends of a text, and one where there are several.
    pub remove_extra_spaces: bool,
}

impl Normalizer {
    /// `text` with its spaces written as SPACE, one more before it if `wants_space`. Nothing for a
    /// text of which nothing stays.
    pub fn normalize(&self, text: &str, wants_space: bool) -> String {
        let mut out = String::with_capacity(text.len() * 3 / 2 + 3);
        out.extend(wants_space.then_some(SPACE));
        let prefix = out.len();
        let mut drops_space = self.remove_extra_spaces;
        for part in self.parts(text) {
            for character in part.chars() {
                let is_space = character == ' ';
                if !(is_space && drops_space) {
                    out.push(if is_space { SPACE } else { character });
                }
                drops_space = is_space && self.remove_extra_spaces;
            }
        }
        if self.remove_extra_spaces {
            out.truncate(prefix + out[prefix..].trim_end_matches(SPACE).len());
            if out.len() == prefix {
                out.clear();
            }
        }
        out
    }

    fn parts<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let (part, length) = match &self.charsmap {
                _ if rest.is_empty() => return None,
                None => (Cow::Borrowed(rest), rest.len()),
                Some(map) => map.replacement(rest),
            };
            rest = &rest[length..];
            Some(part)
        })
    }
}

/// The table: a trie of what is replaced (Darts, units of 32 bits) and the replacements, texts that
/// end with a zero byte.
pub struct CharsMap {
    units: Vec<u32>,
    texts: Box<[u8]>,
}

impl CharsMap {
    /// An error where the parts do not fit; places in it are checked as they are used.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let wrong = || {
            format!(
                "The table of characters to replace has {} bytes, which do not fit.",
                bytes.len()
            )
        };
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
        let size = u32::from_le_bytes(*size) as usize;
        if size % 4 != 0 || size > rest.len() {
            return Err(wrong());
        }
        let (trie, texts) = rest.split_at(size);
        let unit = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        Ok(Self { units: trie.chunks_exact(4).map(unit).collect(), texts: texts.into() })
    }

    /// What the beginning of `text`, which is not empty, becomes, and how long that beginning is:
    /// the longest that is in the table, or else a character, which stays.
    fn replacement<'a>(&'a self, text: &'a str) -> (Cow<'a, str>, usize) {
        let character = text.chars().next().map_or(0, char::len_utf8);
        match self.longest(text) {
            Some((length, replacement)) => (replacement, length),
            None => (Cow::Borrowed(&text[..character]), character),
        }
    }

    fn longest<'a>(&'a self, text: &str) -> Option<(usize, Cow<'a, str>)> {
        let mut best = None;
        let mut node = offset(*self.units.first()?) as usize;
        for (depth, byte) in text.bytes().enumerate() {
            node ^= byte as usize;
            let Some(&unit) = self.units.get(node) else { break };
            if byte == 0 || unit & 0x8000_00FF != u32::from(byte) {
                break;
            }
            node ^= offset(unit) as usize;
            let has_leaf = unit & 0x100 != 0;
            if has_leaf && text.is_char_boundary(depth + 1) {
                let leaf = self.units.get(node).map(|unit| (unit & 0x7FFF_FFFF) as usize);
                best = leaf.and_then(|at| self.text_at(at)).map(|t| (depth + 1, t)).or(best);
            }
        }
        best
    }

    fn text_at(&self, at: usize) -> Option<Cow<'_, str>> {
        let texts = self.texts.get(at..)?;
        let end = texts.iter().position(|byte| *byte == 0).unwrap_or(texts.len());
        Some(String::from_utf8_lossy(&texts[..end]))
    }
}

/// Where the children of a unit are, relative to it.
fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & 0x200) >> 6)
}
