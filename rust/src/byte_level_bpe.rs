//! Byte-level BPE: words of a text, in GPT-2's alphabet, merged by the library.

use std::ops::Range;

use ahash::AHashMap;
use tokenizers::models::bpe::BPE;
use tokenizers::Model as _;

use crate::pre_tokenizers::Words;
use crate::tokenizer::Segment;

pub struct ByteLevelBpe {
    pub words: Words,
    pub merges: BPE,
}

impl Segment for ByteLevelBpe {
    fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        // Most words of a text come again: where in `ids` their tokens are.
        let mut known: AHashMap<&str, Range<usize>> = AHashMap::new();
        self.words.cut(text, &mut |word| {
            if let Some(range) = known.get(word) {
                ids.extend_from_within(range.clone());
                return Ok(());
            }
            let begin = ids.len();
            self.words.spell(word, &mut |part| {
                let tokens = self.merges.tokenize(part);
                let tokens =
                    tokens.map_err(|error| format!("The text cannot be tokenized: {error}."))?;
                ids.extend(tokens.into_iter().map(|token| token.id));
                Ok(())
            })?;
            known.insert(word, begin..ids.len());
            Ok(())
        })
    }
}
