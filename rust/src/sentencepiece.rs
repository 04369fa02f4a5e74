//! BPE as SentencePiece does it: of all neighbours whose concatenation is a token, the pair whose
//! token has the highest score is joined first, the leftmost among equals.

use std::collections::BinaryHeap;

use ahash::AHashMap;

use crate::pieces::{Pieces, TokenType};
use crate::tokenizer::Segment;

/// How SentencePiece writes a space.
pub const SPACE: char = '\u{2581}';

pub struct SentencePiece {
    /// Tokens that merging may make: normal and unused ones, with their scores.
    tokens: AHashMap<Box<str>, (u32, f32)>,
    fallback: Fallback,
    /// No token has a space behind another character: then words can be merged one by one.
    splits_words: bool,
}

/// A stretch of the text. `size` is 0 once it has been joined to the one before it.
struct Symbol {
    begin: usize,
    size: usize,
    previous: usize,
    next: usize,
}

const NONE: usize = usize::MAX;

/// Two neighbours that could be joined, as they were when they were found.
struct Candidate {
    score: f32,
    left: usize,
    right: usize,
    size: usize,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}
impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Candidate {}

/// Where the next word begins in `text`: at the first space behind another character.
fn next_word(text: &str) -> usize {
    let spaces = text.len() - text.trim_start_matches(SPACE).len();
    text[spaces..].find(SPACE).map_or(text.len(), |begin| spaces + begin)
}

impl SentencePiece {
    /// `tokens` are the texts by id.
    pub fn new(tokens: &[&str], scores: &[f32], pieces: &Pieces, fallback: Fallback) -> Self {
        let mergeable = |id| matches!(pieces.kind(id), TokenType::Normal | TokenType::Unused);
        Self {
            tokens: (0u32..)
                .zip(tokens)
                .filter(|(id, text)| mergeable(*id) && !text.is_empty())
                .map(|(id, text)| ((*text).into(), (id, scores[id as usize])))
                .collect(),
            fallback,
            splits_words: (0u32..)
                .zip(tokens)
                .all(|(id, text)| !mergeable(id) || next_word(text) == text.len()),
        }
    }

    fn merge(&self, text: &str) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(index, (begin, character))| Symbol {
                begin,
                size: character.len_utf8(),
                previous: index.wrapping_sub(1),
                next: index + 1,
            })
            .collect();
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
        let mut queue = BinaryHeap::new();
        for right in 1..symbols.len() {
            queue.extend(self.candidate(text, &symbols, right - 1, right));
        }
        while let Some(Candidate { left, right, size, .. }) = queue.pop() {
            let outdated = symbols[left].size == 0
                || symbols[right].size == 0
                || symbols[left].size + symbols[right].size != size;
            if outdated {
                continue;
            }
            symbols[left].size = size;
            symbols[right].size = 0;
            let next = symbols[right].next;
            symbols[left].next = next;
            if next != NONE {
                symbols[next].previous = left;
                queue.extend(self.candidate(text, &symbols, left, next));
            }
            let previous = symbols[left].previous;
            if previous != NONE {
                queue.extend(self.candidate(text, &symbols, previous, left));
            }
        }
        symbols
    }

    fn candidate(
        &self,
        text: &str,
        symbols: &[Symbol],
        left: usize,
        right: usize,
    ) -> Option<Candidate> {
        let begin = symbols[left].begin;
        let size = symbols[left].size + symbols[right].size;
        let (_, score) = self.tokens.get(&text[begin..begin + size])?;
        Some(Candidate { score: *score, left, right, size })
    }
}

impl Segment for SentencePiece {
    fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        let mut run = self.fallback.begin();
        let mut rest = text;
        while !rest.is_empty() {
            let end = if self.splits_words { next_word(rest) } else { rest.len() };
            let (word, following) = rest.split_at(end);
            for symbol in self.merge(word).iter().filter(|symbol| symbol.size > 0) {
                let symbol = &word[symbol.begin..symbol.begin + symbol.size];
                run.push(self.tokens.get(symbol).map(|(id, _)| *id), symbol, ids);
            }
            rest = following;
        }
        Ok(())
    }
}

/// What becomes of characters that are no token: byte tokens, or, where the vocabulary lacks them,
/// one unknown token for all such neighbours.
pub struct Fallback {
    byte_tokens: Box<[Option<u32>; 256]>,
    unknown: Option<u32>,
}

/// Tokens of a text, one after the other.
pub struct Run<'a> {
    fallback: &'a Fallback,
    after_unknown: bool,
}

impl Fallback {
    pub fn new(pieces: &Pieces, unknown: Option<u32>) -> Self {
        let byte_token = |byte| pieces.byte_token(byte as u8);
        Self { byte_tokens: Box::new(std::array::from_fn(byte_token)), unknown }
    }

    pub fn begin(&self) -> Run<'_> {
        Run { fallback: self, after_unknown: false }
    }
}

impl Run<'_> {
    /// Adds to `ids` the token, or what stands for `symbol`, which is none.
    pub fn push(&mut self, token: Option<u32>, symbol: &str, ids: &mut Vec<u32>) {
        if let Some(id) = token {
            ids.push(id);
            self.after_unknown = false;
            return;
        }
        let byte_token = |byte: u8| self.fallback.byte_tokens[byte as usize];
        let bytes: Option<Vec<u32>> = symbol.bytes().map(byte_token).collect();
        if bytes.is_none() && !self.after_unknown {
            ids.extend(self.fallback.unknown);
        }
        self.after_unknown = bytes.is_none();
        ids.extend(bytes.into_iter().flatten());
    }
}
