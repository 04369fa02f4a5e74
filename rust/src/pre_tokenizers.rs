//! How byte-level BPE cuts text into words before merging, by the names that GGUF's
//! `tokenizer.ggml.pre` gives. A name that is not here is an error: another cut gives other tokens.
//!
//! The patterns are those of the models' tokenizer.json files, where every match and every stretch
//! between matches is a word of its own.

use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior};

pub struct PreTokenizer {
    /// Each step cuts the words of the one before it.
    before_bytes: &'static [&'static str],
    /// Steps that see the characters that stand for bytes (`byte_level`).
    after_bytes: &'static [&'static str],
    /// A word that is a token as it stands is not put together by merges.
    pub whole_words: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";

const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const QWEN35: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}",
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const SEED_CODER: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}",
    r"| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const GPT_4O: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

const DEEPSEEK_WIDE: &str = r"[\u{4E00}-\u{9FA5}\u{0800}-\u{4E00}\u{AC00}-\u{D7FF}]+";
/// Letters that have a case, as of the Unicode version that DeepSeek took its list from.
const DEEPSEEK_CASED: &str = concat!(
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ",
    r"Ḁ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎ",
    r"ↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ",
    r"𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
);
const DEEPSEEK_PUNCTUATION: &str =
    r"\s?[!-/:-~\u{FF01}-\u{FF0F}\u{FF1A}-\u{FF5E}\u{2018}-\u{201F}\u{3000}-\u{3002}]+";
const DEEPSEEK_V3: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"##,
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*",
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
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
        | "exaone4" | "gigachat" | "a.x-4.0" | "mellum" | "modern-bert" => steps(&[GPT2]),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" => {
            steps(&[DIGIT, GPT2])
        }
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "midm-2.0" | "lfm2" => {
            whole_words(&[LLAMA3])
        }
        "dbrx" | "smaug-bpe" | "glm4" | "chatglm-bpe" => steps(&[LLAMA3]),
        "qwen2" | "deepseek-r1-qwen" | "stablelm2" | "megrez" | "hunyuan" | "solar-open"
        | "grok-2" => steps(&[QWEN2]),
        "qwen35" => steps(&[QWEN35]),
        "seed-coder" => steps(&[SEED_CODER]),
        "tekken" => whole_words(&[TEKKEN]),
        "gpt-4o" | "llama4" | "kanana2" | "minimax-m2" => steps(&[GPT_4O]),
        "deepseek-llm" => {
            steps(&[r"[\r\n]", DEEPSEEK_CASED, DEEPSEEK_PUNCTUATION, r"\s+$", DEEPSEEK_WIDE, DIGIT])
        }
        "deepseek-coder" => steps(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_WIDE, DIGIT]),
        "deepseek-v3" | "hunyuan-dense" | "joyai-llm" => steps(&[
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
    pub fn build(&self) -> Result<PreTokenizerWrapper, String> {
        let split = |pattern: &&str| {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
                .map(PreTokenizerWrapper::Split)
                .map_err(|error| format!("A pre-tokenizer's pattern does not compile: {error}."))
        };
        let mut sequence: Vec<_> =
            self.before_bytes.iter().map(split).collect::<Result<_, String>>()?;
        sequence.push(PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)));
        for pattern in self.after_bytes {
            sequence.push(split(pattern)?);
        }
        Ok(PreTokenizerWrapper::Sequence(Sequence::new(sequence)))
    }
}
