//! BPE as SentencePiece does it: of all neighbours whose concatenation is a token, the pair whose
//! token has the highest score is joined first, the leftmost among equals.

use std::collections::BinaryHeap;

use ahash::AHashMap;

use crate::pieces::{Pieces, TokenType};

/// How SentencePiece writes a space.
pub const SPACE: char = '\u{2581}';

pub struct SentencePiece {
    /// Tokens that merging may make: normal and unused ones, with their scores.
    tokens: AHashMap<Box<str>, (u32, f32)>,
    byte_tokens: Box<[Option<u32>; 256]>,
    unknown: Option<u32>,
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
    pub fn new(tokens: &[&str], scores: &[f32], pieces: &Pieces, unknown: Option<u32>) -> Self {
        let mergeable = |id| matches!(pieces.kind(id), TokenType::Normal | TokenType::Unused);
        Self {
            tokens: (0u32..)
                .zip(tokens)
                .filter(|(id, text)| mergeable(*id) && !text.is_empty())
                .map(|(id, text)| ((*text).into(), (id, scores[id as usize])))
                .collect(),
            byte_tokens: Box::new(std::array::from_fn(|byte| pieces.byte_token(byte as u8))),
            unknown,
            splits_words: (0u32..)
                .zip(tokens)
                .all(|(id, text)| !mergeable(id) || next_word(text) == text.len()),
        }
    }

    /// Adds the tokens of `text` to `ids`, with a space before it if `wants_space`.
    pub fn encode(&self, text: &str, wants_space: bool, ids: &mut Vec<u32>) {
        let mut escaped = String::with_capacity(text.len() * 3 / 2 + 3);
        escaped.extend(wants_space.then_some(SPACE));
        escaped.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));
        let mut after_unknown = false;
        let mut rest = escaped.as_str();
        while !rest.is_empty() {
            let end = if self.splits_words { next_word(rest) } else { rest.len() };
            let (word, following) = rest.split_at(end);
            for symbol in self.merge(word).iter().filter(|symbol| symbol.size > 0) {
                let known = self.push_known(&word[symbol.begin..symbol.begin + symbol.size], ids);
                if !known && !after_unknown {
                    ids.extend(self.unknown);
                }
                after_unknown = !known;
            }
            rest = following;
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

    /// A symbol that is no token is one character, written with byte tokens. False if the
    /// vocabulary lacks them: then one unknown token stands for all such neighbours.
    fn push_known(&self, symbol: &str, ids: &mut Vec<u32>) -> bool {
        if let Some((id, _)) = self.tokens.get(symbol) {
            ids.push(*id);
            return true;
        }
        let bytes: Option<Vec<u32>> =
            symbol.bytes().map(|byte| self.byte_tokens[byte as usize]).collect();
        ids.extend(bytes.iter().flatten());
        bytes.is_some()
    }
}
