//! Which tokens a text begins with.

/// Tokens' bytes, sorted.
pub struct Prefixes {
    entries: Vec<(Box<[u8]>, u32)>,
}

impl Prefixes {
    /// Of tokens with equal bytes the first counts. Empty ones are left out.
    pub fn new<'a>(tokens: impl Iterator<Item = (&'a [u8], u32)>) -> Self {
        let mut entries: Vec<(Box<[u8]>, u32)> = tokens
            .filter(|(bytes, _)| !bytes.is_empty())
            .map(|(bytes, id)| (bytes.into(), id))
            .collect();
        entries.sort();
        entries.dedup_by(|later, first| later.0 == first.0);
        Self { entries }
    }

    /// Calls `found` with the length and the id of each token that `text` begins with, short ones
    /// first.
    pub fn for_each(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let mut range = self.entries.as_slice();
        for (depth, byte) in text.iter().enumerate() {
            // Of the entries that agree so far, one that ends here comes first.
            let begin = range.partition_point(|(bytes, _)| bytes.get(depth) < Some(byte));
            range = &range[begin..];
            range = &range[..range.partition_point(|(bytes, _)| bytes.get(depth) == Some(byte))];
            match range.first() {
                None => return,
                Some((bytes, id)) if bytes.len() == depth + 1 => found(depth + 1, *id),
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tokens_that_a_text_begins_with_are_found() {
        let tokens = ["b", "a", "abc", "ab", "", "ab", "abd"];
        let prefixes = Prefixes::new((0u32..).zip(tokens).map(|(id, t)| (t.as_bytes(), id)));
        let of = |text: &str| {
            let mut found = Vec::new();
            prefixes.for_each(text.as_bytes(), |length, id| found.push((length, id)));
            found
        };
        assert_eq!(of("abce"), [(1, 1), (2, 3), (3, 2)]);
        assert_eq!(of("ab"), [(1, 1), (2, 3)]);
        assert_eq!(of("cab"), []);
        assert_eq!(of(""), []);
    }
}
