//! Tokens that are found in text before anything else looks at it.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use crate::pieces::{Pieces, TokenType};

/// User-defined tokens, which always match, and control tokens, which match on demand.
pub struct SpecialTokens {
    user_defined: Finder,
    all: Finder,
}

struct Finder {
    matcher: Option<AhoCorasick>,
    ids: Vec<u32>,
}

impl SpecialTokens {
    /// `tokens` are the texts by id.
    pub fn new(tokens: &[&str], pieces: &Pieces) -> Result<Self, String> {
        let finder = |wanted: &dyn Fn(TokenType) -> bool| {
            let found = (0u32..)
                .zip(tokens)
                .filter(|(id, text)| !text.is_empty() && wanted(pieces.kind(*id)));
            let (ids, texts): (Vec<u32>, Vec<&str>) = found.unzip();
            Finder::new(ids, &texts)
        };
        Ok(Self {
            user_defined: finder(&|kind| kind == TokenType::UserDefined)?,
            all: finder(&|kind| kind == TokenType::UserDefined || kind.is_control())?,
        })
    }

    /// Calls `part` with the parts of `text` in order: a special token's id, or plain text that is
    /// not empty. Of tokens that overlap the leftmost is taken, and of those the longest.
    pub fn split(
        &self,
        text: &str,
        parse_control: bool,
        mut part: impl FnMut(Result<u32, &str>) -> Result<(), String>,
    ) -> Result<(), String> {
        let finder = if parse_control { &self.all } else { &self.user_defined };
        let mut done = 0;
        for found in finder.matcher.iter().flat_map(|matcher| matcher.find_iter(text)) {
            if done < found.start() {
                part(Err(&text[done..found.start()]))?;
            }
            part(Ok(finder.ids[found.pattern().as_usize()]))?;
            done = found.end();
        }
        if done < text.len() {
            part(Err(&text[done..]))?;
        }
        Ok(())
    }
}

impl Finder {
    fn new(ids: Vec<u32>, texts: &[&str]) -> Result<Self, String> {
        let matcher = if texts.is_empty() {
            None
        } else {
            let built =
                AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest).build(texts);
            Some(built.map_err(|error| format!("The special tokens cannot be indexed: {error}."))?)
        };
        Ok(Self { matcher, ids })
    }
}
