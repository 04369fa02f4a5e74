//! The tokens of the best total score: SentencePiece's unigram model, and PLaMo 2's variant of it.

use crate::pieces::{Pieces, TokenType};
use crate::prefixes::Prefixes;
use crate::sentencepiece::Fallback;
use crate::tokenizer::Segment;

pub struct Unigram {
    prefixes: Prefixes,
    scores: Box<[f32]>,
    unknown_score: f32,
    fallback: Fallback,
}

/// How far below the least score of a token a character is that is in none.
const UNKNOWN_PENALTY: f32 = 10.0;

/// The best way to a place of the text: which token ends there, and where it begins.
#[derive(Clone, Copy)]
struct Step {
    score: f32,
    begin: usize,
    token: Option<u32>,
}

impl Unigram {
    /// `tokens` are the texts by id, with their scores.
    pub fn new(tokens: &[&str], scores: &[f32], pieces: &Pieces, fallback: Fallback) -> Self {
        let normal = |id: &u32| pieces.kind(*id) == TokenType::Normal;
        let ids = (0..tokens.len() as u32).filter(normal);
        let least = ids.clone().map(|id| scores[id as usize]).fold(f32::INFINITY, f32::min);
        Self {
            prefixes: Prefixes::new(ids.map(|id| (tokens[id as usize].as_bytes(), id))),
            scores: scores.into(),
            unknown_score: least - UNKNOWN_PENALTY,
            fallback,
        }
    }
}

impl Segment for Unigram {
    /// Of ways with equal scores the one whose last token is longest is taken.
    fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        let nowhere = Step { score: 0.0, begin: usize::MAX, token: None };
        let mut steps = vec![nowhere; text.len() + 1];
        for (begin, character) in text.char_indices() {
            let before = steps[begin].score;
            let size = character.len_utf8();
            let mut covers_character = false;
            let mut take = |length: usize, score: f32, token: Option<u32>| {
                let step = &mut steps[begin + length];
                if step.begin == usize::MAX || before + score > step.score {
                    *step = Step { score: before + score, begin, token };
                }
            };
            self.prefixes.for_each(&text.as_bytes()[begin..], |length, id| {
                take(length, self.scores[id as usize], Some(id));
                covers_character |= length == size;
            });
            if !covers_character {
                take(size, self.unknown_score, None);
            }
        }
        let mut path = Vec::new();
        let mut end = text.len();
        while end > 0 {
            path.push((end, steps[end]));
            end = steps[end].begin;
        }
        let mut run = self.fallback.begin();
        for (end, step) in path.into_iter().rev() {
            run.push(step.token, &text[step.begin..end], ids);
        }
        Ok(())
    }
}

/// PLaMo 2: scores are rounded to 1e-4, the text is gone through from its end, and characters that
/// are no token become bytes.
pub struct Plamo2 {
    prefixes: Prefixes,
    costs: Box<[i64]>,
    fallback: Fallback,
}

const UNKNOWN_COST: i64 = 10_000_000;
const UNUSABLE_COST: i64 = 20_000_000;

impl Plamo2 {
    pub fn new(tokens: &[&str], scores: &[f32], pieces: &Pieces, fallback: Fallback) -> Self {
        let cost = |score: &f32| -(f64::from(*score) * 1e4).round_ties_even() as i64;
        let costs: Box<[i64]> = scores.iter().map(cost).collect();
        let usable = |id: &u32| {
            let kind = pieces.kind(*id);
            matches!(kind, TokenType::Normal | TokenType::Unused)
                && scores[*id as usize].is_finite()
                && costs[*id as usize] < UNUSABLE_COST
        };
        let ids = (0..tokens.len() as u32).filter(usable);
        let prefixes = Prefixes::new(ids.map(|id| (tokens[id as usize].as_bytes(), id)));
        Self { prefixes, costs, fallback }
    }
}

impl Segment for Plamo2 {
    /// Of ways with equal costs the one whose first token is longest is taken.
    fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        // At each character: the cost of the text from there on, and the first token of it.
        let mut costs = vec![0; text.len() + 1];
        let mut first = vec![(0, None); text.len()];
        for (begin, character) in text.char_indices().rev() {
            let size = character.len_utf8();
            costs[begin] = costs[begin + size] + UNKNOWN_COST;
            first[begin] = (size, None);
            self.prefixes.for_each(&text.as_bytes()[begin..], |length, id| {
                let cost = costs[begin + length] + self.costs[id as usize];
                if cost <= costs[begin] {
                    costs[begin] = cost;
                    first[begin] = (length, Some(id));
                }
            });
        }
        let mut run = self.fallback.begin();
        let mut begin = 0;
        while begin < text.len() {
            let (length, token) = first[begin];
            run.push(token, &text[begin..begin + length], ids);
            begin += length;
        }
        Ok(())
    }
}
