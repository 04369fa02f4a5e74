#!/usr/bin/env python3
"""Writes tokenizer_goldens.json: token ids by Hugging Face's and Google's own packages.

Needs: pip install tokenizers==0.23.3 sentencepiece==0.2.3 gguf==0.19.0
Usage: make_tokenizer_goldens.py SmolLM2-135M-Instruct.Q4_1.gguf

- smollm2: the GGUF's vocabulary in `tokenizers`, put together from that library's own components.
- pre_tokenizers: how each pre-tokenizer cuts the texts, likewise; words as the text they cover.
- sentencepiece: two small models trained here, with byte fallback and without.
- llama_bpe: byte-level BPE with whole words (ignore_merges) and user-defined tokens.
"""

import io
import json
import pathlib
import sys

import gguf
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, Punctuation, Sequence, Split

HERE = pathlib.Path(__file__).parent
TEXTS = json.loads((HERE / "texts.json").read_text())
# Lone surrogates cannot be written in UTF-8: no program can be handed such a text.
TEXTS = [text.encode("utf-8", "replace").decode() for text in TEXTS]

CORPUS = pathlib.Path("/usr/share/common-licenses/GPL-3").read_text().splitlines() + TEXTS * 3


def split(pattern):
    return Split(Regex(pattern), behavior="isolated")


BYTES = ByteLevel(add_prefix_space=False, use_regex=False)
GPT2 = ByteLevel(add_prefix_space=False, use_regex=True)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K_WORD = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s"
)
END = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"

KIMI = (
    r"[\p{Han}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
JAIS_SPACES = "".join(rf"|\s{{{2**n}}}(?!\S)" for n in range(9, 1, -1)) + r"|\s{1,2}(?!\S)|\s{1}"

# As the models' own tokenizer.json files have them.
PRE_TOKENIZERS = {
    "gpt-2": GPT2,
    "smollm": Sequence([Digits(individual_digits=True), GPT2]),
    "llama-bpe": Sequence([split(LLAMA3), BYTES]),
    "qwen2": Sequence([split(LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")), BYTES]),
    "tekken": Sequence([split(O200K_WORD % ("", "") + r"|\p{N}" + END), BYTES]),
    "gpt-4o": Sequence([split(O200K_WORD % (SUFFIX, SUFFIX) + r"|\p{N}{1,3}" + END), BYTES]),
    "falcon": Sequence(
        [
            Punctuation(behavior="contiguous"),
            GPT2,
            Digits(individual_digits=False),
            split("[0-9][0-9][0-9]"),
        ]
    ),
    "deepseek-coder": Sequence(
        [
            split("[\r\n]"),
            split(r"\s?\p{L}+"),
            split(r"\s?\p{P}+"),
            split("[一-龥ࠀ-一가-퟿]+"),
            Digits(individual_digits=True),
            BYTES,
        ]
    ),
    "deepseek-v3": Sequence(
        [
            split(r"\p{N}{1,3}"),
            split("[一-龥぀-ゟ゠-ヿ]+"),
            split(
                r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
                r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
                r"|\s*[\r\n]+|\s+(?!\S)|\s+"
            ),
            BYTES,
        ]
    ),
    "minicpm5": Sequence(
        [split(r"\p{N}{1,3}"), split(LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}+")), BYTES]
    ),
    "jais-2": Sequence([split(LLAMA3.replace(r"|\s+(?!\S)|\s+", JAIS_SPACES)), BYTES]),
    "exaone-moe": Sequence(
        [
            split(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+"
                r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
            ),
            BYTES,
        ]
    ),
    "bailingmoe": Sequence(
        [
            split(
                r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}"
                r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
            ),
            BYTES,
        ]
    ),
    "tiny_aya": Sequence(
        [
            split(r"\d{1,3}(?=(?:\d{3})*\b)"),
            split(O200K_WORD % (SUFFIX, SUFFIX) + r"|\p{N}{1,3}" + END),
            BYTES,
        ]
    ),
    "kimi-k2": Sequence([split(KIMI), BYTES]),  # tiktoken's, from the model's Python file
    "bloom": Sequence([split(" ?[^(\\s|.,!?…。，、।۔،)]+"), BYTES]),
}


def words(pre_tokenizer):
    return [[word for word, _ in pre_tokenizer.pre_tokenize_str(text)] for text in TEXTS]


def both_ways(tokenizer):
    """Ids with control tokens parsed, and as plain text."""
    tokenizer.encode_special_tokens = False
    parsed = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    tokenizer.encode_special_tokens = True
    as_text = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    return {"parse": parsed, "as_text": as_text}


def smollm2(path):
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = PRE_TOKENIZERS["smollm"]
    control = [AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types) if k == 3]
    tokenizer.add_special_tokens(control)
    return both_ways(tokenizer)


def llama_bpe():
    """A vocabulary whose merges do not reach all of its tokens: only whole words find them."""
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = PRE_TOKENIZERS["llama-bpe"]
    trainer = BpeTrainer(
        vocab_size=600, show_progress=False, initial_alphabet=ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = model["vocab"]
    for word in ["Ġcapital", "Hello", "1234"]:
        vocabulary.setdefault(word, len(vocabulary))
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(BPE(vocabulary, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = PRE_TOKENIZERS["llama-bpe"]
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken("<|im_start|>", normalized=False), AddedToken("<|im_end|>", normalized=False)]
    )
    tokenizer.add_tokens([AddedToken("  ", normalized=False), AddedToken("!!", normalized=False)])
    # Some files say how to cut and fill up texts: what is encoded must be whole all the same.
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    as_json = tokenizer.to_str()
    tokenizer.no_truncation()
    tokenizer.no_padding()
    added = {"<|im_start|>": 3, "<|im_end|>": 3, "  ": 4, "!!": 4}
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)
    return {
        "pre": "llama-bpe",
        "tokens": tokens,
        "types": [added.get(token, 1) for token in tokens],
        "merges": [" ".join(merge) for merge in merges],
        "json": as_json,
        **both_ways(tokenizer),
    }


def train_sentencepiece(byte_fallback):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS),
        model_writer=model,
        model_type="bpe",
        vocab_size=900,
        byte_fallback=byte_fallback,
        character_coverage=0.99,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        user_defined_symbols=["[INST]", "[/INST]"],
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())

    def kind(i):
        return (
            2 if processor.is_unknown(i)
            else 3 if processor.is_control(i)
            else 6 if processor.is_byte(i)
            else 4 if processor.id_to_piece(i) in ("[INST]", "[/INST]")
            else 5 if processor.is_unused(i)
            else 1
        )

    ids = range(processor.vocab_size())
    # SentencePiece puts no space after a user-defined symbol, GGUF's tokenizers do: texts with
    # both are left out of this comparison.
    return {
        "tokens": [processor.id_to_piece(i) for i in ids],
        "scores": [processor.get_score(i) for i in ids],
        "types": [kind(i) for i in ids],
        "as_text": [None if "[INST]" in text else processor.encode(text) for text in TEXTS],
    }


def main():
    goldens = {
        "texts": TEXTS,
        "smollm2": smollm2(sys.argv[1]),
        "pre_tokenizers": {name: words(p) for name, p in PRE_TOKENIZERS.items()},
        "llama_bpe": llama_bpe(),
        "sentencepiece": {
            "byte_fallback": train_sentencepiece(True),
            "no_byte_fallback": train_sentencepiece(False),
        },
    }
    (HERE / "tokenizer_goldens.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
