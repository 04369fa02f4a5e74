//! Tokens that are found in text before anything else looks at it.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, Input, Match, MatchKind};

use crate::pieces::{Pieces, TokenType};

/// User-defined tokens, which always match, and control tokens, which match on demand.
pub struct SpecialTokens {
    user_defined: Finder,
    control: Finder,
    all: Finder,
    /// The texts of control tokens, sorted, and how long the longest is.
    control_texts: Vec<Box<str>>,
    longest_control: usize,
}

/// Where the texts of control tokens are those tokens.
#[derive(Clone, Copy)]
pub enum Control<'a> {
    Nowhere,
    /// Everywhere but where they begin at one of these offsets, which ascend.
    ButAt(&'a [u32]),
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
        let control = finder(&|kind| kind.is_control())?;
        let mut control_texts: Vec<Box<str>> =
            control.ids.iter().map(|id| tokens[*id as usize].into()).collect();
        control_texts.sort_unstable();
        Ok(Self {
            user_defined: finder(&|kind| kind == TokenType::UserDefined)?,
            control,
            all: finder(&|kind| kind == TokenType::UserDefined || kind.is_control())?,
            longest_control: control_texts.iter().map(|text| text.len()).max().unwrap_or(0),
            control_texts,
        })
    }

    /// Calls `part` with the parts of `text` in order: a special token's id, or plain text that is
    /// not empty. Of tokens that overlap the leftmost is taken, and of those the longest.
    pub fn split(
        &self,
        text: &str,
        control: Control,
        mut part: impl FnMut(Result<u32, &str>) -> Result<(), String>,
    ) -> Result<(), String> {
        let (finder, mut excluded) = match control {
            Control::Nowhere => (&self.user_defined, [].as_slice()),
            Control::ButAt(offsets) => (&self.all, offsets),
        };
        let mut done = 0;
        let mut from = 0;
        while let Some(found) = finder.find(text, from) {
            excluded = &excluded[excluded.partition_point(|at| (*at as usize) < found.start())..];
            if excluded.first().is_some_and(|at| *at as usize == found.start()) {
                from = found.start() + 1;
                continue;
            }
            if done < found.start() {
                part(Err(&text[done..found.start()]))?;
            }
            part(Ok(finder.ids[found.pattern().as_usize()]))?;
            done = found.end();
            from = done;
        }
        if done < text.len() {
            part(Err(&text[done..]))?;
        }
        Ok(())
    }

    /// Where control tokens begin in `text`, also one that the text's end cuts off. Ascends.
    pub fn control_beginnings(&self, text: &str) -> Vec<usize> {
        let mut beginnings = Vec::new();
        let mut from = 0;
        while let Some(found) = self.control.find(text, from) {
            beginnings.push(found.start());
            from = found.start() + 1;
        }
        let tail = (text.len() + 1).saturating_sub(self.longest_control);
        let cut_off = (tail..text.len())
            .filter(|begin| text.is_char_boundary(*begin) && self.is_cut_off(&text[*begin..]));
        beginnings.extend(cut_off);
        beginnings.sort_unstable();
        beginnings.dedup();
        beginnings
    }

    fn is_cut_off(&self, text: &str) -> bool {
        let next = self.control_texts.partition_point(|control| **control < *text);
        self.control_texts.get(next).is_some_and(|control| control.starts_with(text))
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

    /// The first match from byte `from` on. Matches lie between whole characters.
    fn find(&self, text: &str, from: usize) -> Option<Match> {
        self.matcher.as_ref()?.find(Input::new(text).range(from..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pieces::Piece;

    fn special() -> SpecialTokens {
        let tokens = [
            ("<a>", TokenType::Control),
            ("a><b", TokenType::Control),
            ("<u>", TokenType::UserDefined),
            ("é|", TokenType::Control),
        ];
        let mut pieces = Pieces::with_capacity(tokens.len());
        for (text, kind) in tokens {
            pieces.push(Piece { text, bytes: text.into(), kind }).unwrap();
        }
        SpecialTokens::new(&tokens.map(|(text, _)| text), &pieces).unwrap()
    }

    fn split(text: &str, control: Control) -> Vec<String> {
        let mut parts = Vec::new();
        let add = |part: Result<u32, &str>| {
            parts.push(part.map_or_else(str::to_owned, |id| id.to_string()));
            Ok(())
        };
        special().split(text, control, add).unwrap();
        parts
    }

    #[test]
    fn control_tokens_match_where_they_may() {
        assert_eq!(split("<a><u>é|", Control::ButAt(&[])), ["0", "2", "3"]);
        assert_eq!(split("<a><u>é|", Control::Nowhere), ["<a>", "2", "é|"]);
        assert_eq!(split("<a>x<a>", Control::ButAt(&[0])), ["<a>x", "0"]);
        assert_eq!(split("<a>x<a>", Control::ButAt(&[1, 4])), ["0", "x<a>"]);
        assert_eq!(split("é|<a>", Control::ButAt(&[0])), ["é|", "0"]);
        // What the token that may not be had covered.
        assert_eq!(split("<a><b>", Control::ButAt(&[0])), ["<", "1", ">"]);
        assert_eq!(split("<a><b>", Control::ButAt(&[0, 1])), ["<a><b>"]);
    }

    #[test]
    fn beginnings_are_of_whole_and_of_cut_off_tokens() {
        let special = special();
        assert_eq!(special.control_beginnings("x<a>y"), [1]);
        assert_eq!(special.control_beginnings("<a><b>"), [0, 1]);
        assert_eq!(special.control_beginnings("é<a"), [2, 3]);
        assert_eq!(special.control_beginnings("<ax é"), [4]);
        assert_eq!(special.control_beginnings("<u>"), [] as [usize; 0]);
        assert_eq!(special.control_beginnings(""), [] as [usize; 0]);
    }
}
