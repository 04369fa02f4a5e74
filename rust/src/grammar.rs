//! Constrained decoding: which tokens may come next, by llguidance.

use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};

use crate::tokenizer::Tokenizer;

pub struct Grammar {
    matcher: Matcher,
}

impl Grammar {
    /// `kind` is "json_schema", "regex" or "lark"; `ends` are the ids that may end the text.
    pub fn compile(
        tokenizer: &Tokenizer,
        ends: &[u32],
        kind: &[u8],
        source: &[u8],
    ) -> Result<Self, String> {
        let describe = |error| format!("The grammar does not compile: {error}.");
        let text = |bytes| std::str::from_utf8(bytes).map_err(|error| describe(error.into()));
        let kind = text(kind)?;
        if !["json_schema", "regex", "lark"].contains(&kind) {
            return Err(format!("There is no kind of grammar {kind:?}."));
        }
        let grammar = TopLevelGrammar::from_tagged_str(kind, text(source)?).map_err(describe)?;
        let environment = Arc::new(ApproximateTokEnv::new(trie(tokenizer, ends)?));
        let mut factory = ParserFactory::new_simple(&(environment as _)).map_err(describe)?;
        factory.quiet();
        let matcher = Matcher::new(Ok(factory.create_parser(grammar).map_err(describe)?));
        match matcher.get_error() {
            Some(error) => Err(format!("The grammar does not compile: {error}.")),
            None => Ok(Self { matcher }),
        }
    }

    /// Sets the bits of the ids that may come next and clears the others.
    pub fn mask(&mut self, mask: &mut [u32]) -> Result<(), String> {
        let allowed = self.matcher.compute_mask_or_eos().map_err(describe_step)?;
        let allowed = allowed.as_slice();
        for (index, word) in mask.iter_mut().enumerate() {
            *word = allowed.get(index).copied().unwrap_or(0);
        }
        Ok(())
    }

    pub fn accept(&mut self, id: u32) -> Result<(), String> {
        self.matcher.consume_token(id).map_err(describe_step)
    }
}

fn describe_step(error: impl std::fmt::Display) -> String {
    format!("The grammar cannot go on: {error}.")
}

fn trie(tokenizer: &Tokenizer, ends: &[u32]) -> Result<TokTrie, String> {
    let pieces = &tokenizer.pieces;
    let Some(&end) = ends.first() else {
        return Err("A grammar needs a token that ends the text.".into());
    };
    if let Some(id) = ends.iter().find(|id| **id as usize >= pieces.len()) {
        return Err(format!(
            "Token {id} cannot end the text: the vocabulary has {} tokens.",
            pieces.len()
        ));
    }
    let word = |id| {
        let marker = pieces.kind(id).is_control().then_some(TokTrie::SPECIAL_TOKEN_MARKER);
        marker.into_iter().chain(pieces.bytes(id).iter().copied()).collect()
    };
    let words: Vec<Vec<u8>> = (0..pieces.len() as u32).map(word).collect();
    let info = TokRxInfo::new(words.len() as u32, end);
    Ok(TokTrie::from(&info, &words).with_eos_tokens(ends))
}
