//! A vocabulary of a GGUF file as the tokenizer.json of a Hugging Face folder.

use ahash::AHashMap;
use serde_json::{json, Map, Value};

use crate::pieces::{Pieces, TokenType};
use crate::pre_tokenizers;
use crate::sentencepiece::SPACE;
use crate::vocabulary::{character_bpe, Kind, Vocabulary};

/// Tokens that every text begins and ends with.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub first: Option<u32>,
    pub last: Option<u32>,
}

impl Vocabulary<'_> {
    /// An error for a kind that tokenizer.json has no form of, and for what `from_vocabulary` does
    /// not take.
    pub fn to_json(&self, bounds: Bounds) -> Result<String, String> {
        let (tokens, pieces) = self.read()?;
        let (model, normalizer, pre_tokenizer, decoder) = match self.kind {
            Kind::ByteLevelBpe => {
                let words = pre_tokenizers::find(&String::from_utf8_lossy(self.pre))
                    .ok_or("The pre-tokenizer is not known.")?;
                let model = bpe(&tokens, merges_of(self), words.whole_words, None);
                (
                    model,
                    Value::Null,
                    words.to_json(),
                    json!({"type": "ByteLevel",
                    "add_prefix_space": false, "trim_offsets": true, "use_regex": false}),
                )
            }
            Kind::SentencePieceBpe => {
                let unknown = self.unknown.and_then(|id| tokens.get(id as usize)).copied();
                let merges = merges_by_score(&tokens, self.scores, &pieces);
                (
                    bpe(&tokens, merges, false, Some(unknown)),
                    self.normalizer(),
                    Value::Null,
                    self.decoder(),
                )
            }
            Kind::CharacterBpe => parts_of(&character_bpe(self, &tokens)?, self.decoder())?,
            Kind::WordPiece => return Err(refusal("bert")),
            Kind::SentencePieceUnigram => return Err(refusal("t5")),
            Kind::Rwkv => return Err(refusal("rwkv")),
            Kind::Plamo2 => return Err(refusal("plamo2")),
        };
        let document = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added_tokens(&tokens, &pieces),
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "post_processor": post_processor(&tokens, bounds),
            "decoder": decoder,
            "model": model,
        });
        Ok(document.to_string())
    }

    fn normalizer(&self) -> Value {
        let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE});
        let prefix = json!({"type": "Prepend", "prepend": SPACE});
        let steps = if self.add_space_prefix { vec![prefix, spaces] } else { vec![spaces] };
        json!({"type": "Sequence", "normalizers": steps})
    }

    fn decoder(&self) -> Value {
        let mut steps = vec![
            json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
            json!({"type": "ByteFallback"}),
            json!({"type": "Fuse"}),
        ];
        if self.add_space_prefix {
            steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        json!({"type": "Sequence", "decoders": steps})
    }
}

impl pre_tokenizers::PreTokenizer {
    fn to_json(&self) -> Value {
        let split = |pattern: &&str| {
            json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                   "invert": false})
        };
        let mut steps: Vec<Value> = self.before_bytes.iter().map(split).collect();
        steps.push(json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                          "use_regex": false}));
        steps.extend(self.after_bytes.iter().map(split));
        json!({"type": "Sequence", "pretokenizers": steps})
    }
}

fn refusal(kind: &str) -> String {
    format!("A vocabulary of the kind '{kind}' is not written as a tokenizer.json.")
}

/// Model, normaliser, pre-tokenizer and decoder.
type Parts = (Value, Value, Value, Value);

fn parts_of(tokenizer: &tokenizers::Tokenizer, decoder: Value) -> Result<Parts, String> {
    let text = tokenizer.to_string(false).map_err(|error| error.to_string())?;
    let mut whole: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut part = |name: &str| whole[name].take();
    Ok((part("model"), part("normalizer"), part("pre_tokenizer"), decoder))
}

/// `unknown`: of a BPE that writes characters that are no token as bytes.
fn bpe(
    tokens: &[&str],
    merges: Vec<(String, String)>,
    whole_words: bool,
    unknown: Option<Option<&str>>,
) -> Value {
    let mut vocabulary = Map::new();
    for (id, text) in tokens.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        vocabulary.insert((*text).to_owned(), id.into());
    }
    json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": unknown.flatten(),
        "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
        "fuse_unk": unknown.is_some(),
        "byte_fallback": unknown.is_some(),
        "ignore_merges": whole_words,
        "vocab": vocabulary,
        "merges": merges,
    })
}

fn merges_of(vocabulary: &Vocabulary) -> Vec<(String, String)> {
    let texts = vocabulary.merges.iter().map(|merge| String::from_utf8_lossy(merge));
    let split = |text: std::borrow::Cow<str>| {
        text.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned()))
    };
    texts.filter_map(split).collect()
}

/// All pairs of tokens whose concatenation is one, those of the best scores first.
fn merges_by_score(tokens: &[&str], scores: &[f32], pieces: &Pieces) -> Vec<(String, String)> {
    let mergeable = |id: &u32| matches!(pieces.kind(*id), TokenType::Normal | TokenType::Unused);
    let ids: AHashMap<&str, u32> = (0u32..)
        .zip(tokens)
        .filter(|(id, text)| mergeable(id) && !text.is_empty())
        .map(|(id, text)| (*text, id))
        .collect();
    let mut found = Vec::new();
    for (text, id) in &ids {
        for (place, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(place);
            if let (Some(left), Some(right)) = (ids.get(left), ids.get(right)) {
                found.push((*id, *left, *right));
            }
        }
    }
    let score = |id: u32| scores.get(id as usize).copied().unwrap_or(0.0);
    found.sort_by(|a, b| score(b.0).total_cmp(&score(a.0)).then(a.cmp(b)));
    let text = |id: u32| tokens[id as usize].to_owned();
    found.into_iter().map(|(_, left, right)| (text(left), text(right))).collect()
}

fn added_tokens(tokens: &[&str], pieces: &Pieces) -> Vec<Value> {
    let added = (0u32..).zip(tokens).filter(|(id, text)| {
        let kind = pieces.kind(*id);
        (kind.is_control() || kind == TokenType::UserDefined) && !text.is_empty()
    });
    let to_json = |(id, text): (u32, &&str)| {
        json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": pieces.kind(id).is_control()})
    };
    added.map(to_json).collect()
}

fn post_processor(tokens: &[&str], bounds: Bounds) -> Value {
    let text = |id: Option<u32>| id.and_then(|id| tokens.get(id as usize)).copied();
    let special = |id: Option<u32>, sequence: u8| {
        text(id).map(|text| json!({"SpecialToken": {"id": text, "type_id": sequence}}))
    };
    let part = |name: &str, sequence: u8| {
        let text = json!({"Sequence": {"id": name, "type_id": sequence}});
        [special(bounds.first, sequence), Some(text), special(bounds.last, sequence)]
    };
    let named = [bounds.first, bounds.last].into_iter().filter_map(|id| Some((text(id)?, id)));
    let used: Map<String, Value> = named
        .map(|(text, id)| (text.to_owned(), json!({"id": text, "ids": [id], "tokens": [text]})))
        .collect();
    if used.is_empty() {
        return Value::Null;
    }
    let single: Vec<Value> = part("A", 0).into_iter().flatten().collect();
    let pair: Vec<Value> = part("A", 0).into_iter().chain(part("B", 1)).flatten().collect();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": used})
}
