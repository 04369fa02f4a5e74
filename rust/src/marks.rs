//! What messages say is text: a control token that is spelled out in a message is not that token.
//!
//! Before a template sees its variables, a mark is put behind the first character of each control
//! token in their strings. Templates trim, cut and join those strings as they like; where a mark
//! comes out, no control token begins.

use serde_json::Value;

use crate::special::SpecialTokens;

/// Unicode sets this character apart for use within programs. One that a message contains becomes
/// U+FFFD.
pub const MARK: char = '\u{FDD0}';

/// Marks all strings within `value`, names of members too.
pub fn put(value: &mut Value, tokens: &SpecialTokens) {
    match value {
        Value::String(text) => {
            if let Some(marked) = marked(text, tokens) {
                *text = marked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, tokens)),
        Value::Object(members) => {
            if members.keys().any(|name| marked(name, tokens).is_some()) {
                let marked = |name: String| marked(&name, tokens).unwrap_or(name);
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(name, member)| (marked(name), member))
                    .collect();
            }
            members.values_mut().for_each(|member| put(member, tokens));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Nothing where there is nothing to mark.
fn marked(text: &str, tokens: &SpecialTokens) -> Option<String> {
    let beginnings = tokens.control_beginnings(text);
    if beginnings.is_empty() && !text.contains(MARK) {
        return None;
    }
    let mut marked = String::with_capacity(text.len() + beginnings.len() * MARK.len_utf8());
    for (offset, character) in text.char_indices() {
        marked.push(if character == MARK { char::REPLACEMENT_CHARACTER } else { character });
        if beginnings.binary_search(&offset).is_ok() {
            marked.push(MARK);
        }
    }
    Some(marked)
}

/// The text without its marks, and the offsets of the characters that had one. They ascend.
pub fn take(text: String) -> (String, Vec<u32>) {
    let mut plain = String::with_capacity(text.len());
    let mut offsets = Vec::new();
    for part in text.split_inclusive(MARK) {
        let unmarked = part.strip_suffix(MARK).unwrap_or(part);
        plain.push_str(unmarked);
        if let Some(character) = plain.chars().next_back().filter(|_| unmarked.len() < part.len()) {
            offsets.push((plain.len() - character.len_utf8()) as u32);
        }
    }
    (plain, offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_off_as_offsets() {
        let take = |text: &str| take(text.replace('^', &MARK.to_string()));
        assert_eq!(take(""), (String::new(), vec![]));
        assert_eq!(take("a<^|b|>"), ("a<|b|>".into(), vec![1]));
        assert_eq!(take("é^é^"), ("éé".into(), vec![0, 2]));
        assert_eq!(take("^^a^^"), ("a".into(), vec![0, 0])); // of what a template cut off
    }
}
