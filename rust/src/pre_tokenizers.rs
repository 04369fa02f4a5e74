//! How byte-level BPE cuts text into words before merging, by the names that GGUF's
//! `tokenizer.ggml.pre` gives. A name that is not here is an error: another cut gives other tokens.
//!
//! The patterns are those of the models' tokenizer.json files, where every match and every stretch
//! between matches is a word of its own.

use fancy_regex::Regex;

use crate::byte_level;

pub struct PreTokenizer {
    /// Each step cuts the words of the one before it.
    pub before_bytes: &'static [&'static str],
    /// Steps that see the characters that stand for bytes (`byte_level`).
    pub after_bytes: &'static [&'static str],
    /// A word that is a token as it stands is not put together by merges.
    pub whole_words: bool,
}

// What many patterns have in common.
macro_rules! suffix {
    () => {
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    };
}
macro_rules! letters {
    () => {
        r"[^\r\n\p{L}\p{N}]?\p{L}+"
    };
}
macro_rules! punctuation {
    () => {
        r" ?[^\s\p{L}\p{N}]+[\r\n]*"
    };
}
macro_rules! spaces {
    () => {
        r"\s+(?!\S)|\s+"
    };
}
macro_rules! lines_and_spaces {
    () => {
        concat!(r"\s*[\r\n]+|", spaces!())
    };
}
// Words with a small letter in them, and words without one that may end in some.
macro_rules! small_word {
    () => {
        concat!(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*",
            r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        )
    };
}
macro_rules! capital_word {
    () => {
        concat!(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+",
            r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        )
    };
}

pub const GPT2: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
pub const DIGIT: &str = r"\p{N}";

const LLAMA3: &str =
    concat!(suffix!(), "|", letters!(), r"|\p{N}{1,3}|", punctuation!(), "|", lines_and_spaces!(),);
const QWEN2: &str =
    concat!(suffix!(), "|", letters!(), r"|\p{N}|", punctuation!(), "|", lines_and_spaces!(),);
const QWEN35: &str = concat!(
    suffix!(),
    r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|",
    lines_and_spaces!(),
);
const SEED_CODER: &str =
    concat!(suffix!(), "|", letters!(), r"|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|", lines_and_spaces!(),);
const TEKKEN: &str = concat!(
    small_word!(),
    "|",
    capital_word!(),
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|",
    lines_and_spaces!(),
);
const GPT_4O: &str = concat!(
    small_word!(),
    suffix!(),
    "?|",
    capital_word!(),
    suffix!(),
    r"?|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|",
    lines_and_spaces!(),
);

const DEEPSEEK_WIDE: &str = r"[\u{4E00}-\u{9FA5}\u{0800}-\u{4E00}\u{AC00}-\u{D7FF}]+";
/// Letters that have a case, as DeepSeek's tokenizer lists them.
const DEEPSEEK_CASED: &str = concat!(
    r"\s?[",
    r"\u{41}-\u{5A}\u{61}-\u{7A}\u{B5}\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{1BA}",
    r"\u{1BC}-\u{1BF}\u{1C4}-\u{293}\u{295}-\u{2AF}\u{370}-\u{373}\u{376}\u{377}",
    r"\u{37B}-\u{37D}\u{37F}\u{386}\u{388}-\u{38A}\u{38C}\u{38E}-\u{3A1}\u{3A3}-\u{3F5}",
    r"\u{3F7}-\u{481}\u{48A}-\u{52F}\u{531}-\u{556}\u{10A0}-\u{10C5}\u{13A0}-\u{13F5}",
    r"\u{13F8}-\u{13FD}\u{1C90}-\u{1CBA}\u{1CBD}-\u{1CBF}\u{1D00}-\u{1D2B}",
    r"\u{1D6B}-\u{1D77}\u{1D79}-\u{1D9A}\u{1E00}-\u{1F15}\u{1F18}-\u{1F1D}",
    r"\u{1F20}-\u{1F45}\u{1F48}-\u{1F4D}\u{1F50}-\u{1F57}\u{1F59}\u{1F5B}\u{1F5D}",
    r"\u{1F5F}-\u{1F7D}\u{1F80}-\u{1FB4}\u{1FB6}-\u{1FBC}\u{1FBE}\u{1FC2}-\u{1FC4}",
    r"\u{1FC6}-\u{1FCC}\u{1FD0}-\u{1FD3}\u{1FD6}-\u{1FDB}\u{1FE0}-\u{1FEC}",
    r"\u{1FF2}-\u{1FF4}\u{1FF6}-\u{1FFC}\u{2102}\u{2107}\u{210A}-\u{2113}\u{2115}",
    r"\u{2119}-\u{211D}\u{2124}\u{2126}\u{2128}\u{212A}-\u{212D}\u{212F}-\u{2134}\u{2139}",
    r"\u{213C}-\u{213F}\u{2145}-\u{2149}\u{214E}\u{2183}\u{2184}\u{2C00}-\u{2C7B}",
    r"\u{2C7E}-\u{2CE4}\u{2CEB}-\u{2CEE}\u{2CF2}\u{2CF3}\u{A640}-\u{A66D}\u{A680}-\u{A69B}",
    r"\u{A722}-\u{A76F}\u{A771}-\u{A787}\u{A78B}-\u{A78E}\u{AB70}-\u{ABBF}",
    r"\u{FB00}-\u{FB06}\u{FB13}-\u{FB17}\u{FF21}-\u{FF3A}\u{FF41}-\u{FF5A}",
    r"\u{10400}-\u{1044F}\u{104B0}-\u{104D3}\u{104D8}-\u{104FB}\u{10C80}-\u{10CB2}",
    r"\u{10CC0}-\u{10CF2}\u{118A0}-\u{118DF}\u{1E900}-\u{1E943}",
    r"]+",
);
const DEEPSEEK_PUNCTUATION: &str =
    r"\s?[!-/:-~\u{FF01}-\u{FF0F}\u{FF1A}-\u{FF5E}\u{2018}-\u{201F}\u{3000}-\u{3002}]+";
const DEEPSEEK_V3: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"##,
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|",
    lines_and_spaces!(),
);

/// As QWEN2, behind a cut into numbers of three digits.
const MINICPM5: &str =
    concat!(suffix!(), "|", letters!(), r"|\p{N}+|", punctuation!(), "|", lines_and_spaces!(),);
/// As LLAMA3, with spaces in powers of two.
const JAIS2: &str = concat!(
    suffix!(),
    "|",
    letters!(),
    r"|\p{N}{1,3}|",
    punctuation!(),
    r"|\s*[\r\n]+",
    r"|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)",
    r"|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}",
);
const EXAONE_MOE: &str = concat!(
    suffix!(),
    r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|",
    spaces!(),
);
const BAILING: &str = concat!(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|",
    spaces!(),
);
/// Digits in threes from the right.
const TINY_AYA_DIGITS: &str = r"\d{1,3}(?=(?:\d{3})*\b)";
const KIMI_K2: &str = concat!(
    r"[\p{Han}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*",
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+",
    suffix!(),
    "?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+",
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*",
    suffix!(),
    "?",
    r"|\p{N}{1,3}|",
    punctuation!(),
    "|",
    lines_and_spaces!(),
);

const BLOOM: &str = " ?[^(\\s|.,!?…。，、।۔،)]+";

const fn steps(before_bytes: &'static [&'static str]) -> PreTokenizer {
    PreTokenizer { before_bytes, after_bytes: &[], whole_words: false }
}

const fn whole_words(before_bytes: &'static [&'static str]) -> PreTokenizer {
    PreTokenizer { before_bytes, after_bytes: &[], whole_words: true }
}

pub fn find(name: &str) -> Option<PreTokenizer> {
    Some(match name {
        "default" => steps(&[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
        "gpt-2" | "phi-2" | "mpt" | "olmo" | "jais" | "trillion" | "granite-docling"
        | "exaone4" | "gigachat" | "a.x-4.0" | "mellum" | "modern-bert" | "jina-v1-en"
        | "jina-v2-es" | "jina-v2-de" | "jina-v2-code" | "jina-es" | "jina-de" | "roberta-bpe" => {
            steps(&[GPT2])
        }
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b"
        | "mellum2" => steps(&[DIGIT, GPT2]),
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "midm-2.0" | "lfm2"
        | "pixtral" | "jina-v5-nano" => whole_words(&[LLAMA3]),
        "dbrx" | "smaug-bpe" | "glm4" | "chatglm-bpe" => steps(&[LLAMA3]),
        "qwen2" | "deepseek-r1-qwen" | "stablelm2" | "megrez" | "hunyuan" | "solar-open"
        | "grok-2" | "kormo" | "f2llmv2" => steps(&[QWEN2]),
        "minicpm5" => steps(&[r"\p{N}{1,3}", MINICPM5]),
        "jais-2" => steps(&[JAIS2]),
        "exaone-moe" => steps(&[EXAONE_MOE]),
        "bailingmoe" | "bailingmoe2" | "llada-moe" => steps(&[BAILING]),
        "tiny_aya" | "cohere2moe" => steps(&[TINY_AYA_DIGITS, GPT_4O]),
        "kimi-k2" => steps(&[KIMI_K2]),
        "qwen35" => steps(&[QWEN35]),
        "seed-coder" => steps(&[SEED_CODER]),
        "tekken" => whole_words(&[TEKKEN]),
        "gpt-4o" | "llama4" | "kanana2" | "minimax-m2" | "talkie" => steps(&[GPT_4O]),
        "deepseek-llm" => {
            steps(&[r"[\r\n]", DEEPSEEK_CASED, DEEPSEEK_PUNCTUATION, r"\s+$", DEEPSEEK_WIDE, DIGIT])
        }
        "deepseek-coder" => steps(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_WIDE, DIGIT]),
        "deepseek-v3" | "hunyuan-dense" | "joyai-llm" | "hy_v4" => steps(&[
            r"\p{N}{1,3}",
            r"[\u{4E00}-\u{9FA5}\u{3040}-\u{309F}\u{30A0}-\u{30FF}]+",
            DEEPSEEK_V3,
        ]),
        "falcon" => PreTokenizer {
            before_bytes: &[r"[\p{P}\$\+<=>\^`\|~]+", GPT2],
            after_bytes: &[r"\p{N}+", "[0-9][0-9][0-9]"],
            whole_words: false,
        },
        "bloom" | "poro-chat" | "gpt3-finnish" => steps(&[BLOOM]),
        "viking" => steps(&[BLOOM, DIGIT]),
        _ => return None,
    })
}

impl PreTokenizer {
    pub fn build(&self) -> Result<Words, String> {
        Words::new(self.before_bytes, self.after_bytes)
    }
}

/// Cuts texts into words.
pub struct Words {
    before_bytes: Vec<Regex>,
    after_bytes: Vec<Regex>,
}

impl Words {
    /// See `PreTokenizer`.
    pub fn new(before_bytes: &[&str], after_bytes: &[&str]) -> Result<Self, String> {
        let compile = |patterns: &[&str]| {
            let compiled = patterns.iter().map(|pattern| Regex::new(pattern));
            compiled
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| format!("A pre-tokenizer's pattern does not compile: {error}."))
        };
        Ok(Self { before_bytes: compile(before_bytes)?, after_bytes: compile(after_bytes)? })
    }

    /// Calls `use_word` with each word of `text`, which `spell` may cut further.
    pub fn cut<'a>(
        &self,
        text: &'a str,
        use_word: &mut dyn FnMut(&'a str) -> Result<(), String>,
    ) -> Result<(), String> {
        cut_by(&self.before_bytes, text, use_word)
    }

    /// Calls `use_word` with the word in GPT-2's alphabet, in one part or several.
    pub fn spell(
        &self,
        word: &str,
        use_word: &mut dyn FnMut(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        let spelled: String = word.bytes().map(byte_level::char_of).collect();
        cut_by(&self.after_bytes, &spelled, &mut |word| use_word(word))
    }
}

fn cut_by<'a>(
    steps: &[Regex],
    text: &'a str,
    use_word: &mut dyn FnMut(&'a str) -> Result<(), String>,
) -> Result<(), String> {
    let Some((step, further)) = steps.split_first() else { return use_word(text) };
    let mut done = 0;
    for found in step.find_iter(text) {
        let found =
            found.map_err(|error| format!("The text cannot be cut into words: {error}."))?;
        if found.start() == found.end() {
            continue;
        }
        if done < found.start() {
            cut_by(further, &text[done..found.start()], use_word)?;
        }
        cut_by(further, found.as_str(), use_word)?;
        done = found.end();
    }
    if done < text.len() {
        cut_by(further, &text[done..], use_word)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, text: &str) -> Vec<String> {
        let cutter = find(name).unwrap().build().unwrap();
        let mut words = Vec::new();
        let mut spell = |word: &str| {
            cutter.spell(word, &mut |part| {
                words.push(part.to_owned());
                Ok(())
            })
        };
        cutter.cut(text, &mut |word| spell(word)).unwrap();
        words
    }

    #[test]
    fn words_are_those_of_the_models_own_tokenizers() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../src/text/goldens/tokenizer_goldens.json");
        let goldens: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let texts = goldens["texts"].as_array().unwrap();
        let expected = goldens["pre_tokenizers"].as_object().unwrap();
        assert!(expected.len() >= 10);
        for (name, expected) in expected {
            for (text, expected) in texts.iter().zip(expected.as_array().unwrap()) {
                let expected: Vec<_> = expected
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|word| word.as_str().unwrap())
                    .collect();
                assert_eq!(words(name, text.as_str().unwrap()), expected, "{name}: {text}");
            }
        }
    }

    #[test]
    fn every_pattern_compiles() {
        let names = [
            "default",
            "gpt-2",
            "smollm",
            "llama3",
            "dbrx",
            "qwen2",
            "qwen35",
            "seed-coder",
            "tekken",
            "gpt-4o",
            "deepseek-llm",
            "deepseek-coder",
            "deepseek-v3",
            "falcon",
            "minicpm5",
            "jais-2",
            "exaone-moe",
            "bailingmoe",
            "tiny_aya",
            "kimi-k2",
            "bloom",
            "viking",
        ];
        for name in names {
            assert_eq!(words(name, "a1 ,b").concat().replace('Ġ', " "), "a1 ,b", "{name}");
        }
        assert!(find("no-such-pre-tokenizer").is_none());
    }
}
