#!/usr/bin/env python3
"""Writes tokenizer_kinds_goldens.json: token ids of the kinds of vocabulary that few models have,
in the terms of GGUF, for the texts of tokenizer_goldens.json.

Needs: pip install tokenizers==0.23.3 sentencepiece==0.2.3 gguf==0.19.0
Usage: make_tokenizer_kinds.py

- unigram, unigram_bytes, bpe: models trained here, by Google's package, with the whole
  tokenizer.model in hexadecimal.
- bert: a WordPiece trained here, by Hugging Face's.
- character_bpe: a BPE over characters put together from Hugging Face's components.
- rwkv, plamo2: by the plain definitions of their papers' code, below: longest match from each place,
  and the least cost of all ways to cut the text.
"""

import io
import json
import pathlib
import tempfile

import sentencepiece
from make_tokenizer_goldens import CORPUS, HERE, TEXTS
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordPiece
from tokenizers.trainers import BpeTrainer, WordPieceTrainer

SPACE = "\u2581"


def piece_type(processor, i):
    checks = (processor.is_unknown, processor.is_control, None, processor.is_unused,
              processor.is_byte)
    return next((n for n, check in zip((2, 3, 4, 5, 6), checks) if check and check(i)), 1)


# Characters (in hexadecimal) and what they become: one to one, one to several, several to one, a
# space, nothing, and a rule that begins like another.
RULES = """FF21\t41
FB01\t66 69
65 301\tE9
65 301 302\t45
9\t20
A\t20
3000\t20
200B\t
"""


def with_rules():
    path = pathlib.Path(tempfile.mkdtemp()) / "rules.tsv"
    path.write_text(RULES)
    return {"normalization_rule_tsv": str(path)}


def train_sentencepiece(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, character_coverage=0.99,
        minloglevel=2, **options)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ids = range(processor.vocab_size())
    return {
        "model": model.getvalue().hex(),
        "tokens": [processor.id_to_piece(i) for i in ids],
        "scores": [processor.get_score(i) for i in ids],
        "types": [piece_type(processor, i) for i in ids],
        "ids": [processor.encode(text) for text in TEXTS],
    }


def bert():
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(CORPUS, WordPieceTrainer(
        vocab_size=400, show_progress=False,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[unused0]"]))
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)

    def spelled(token):  # as GGUF's converter writes it
        if token.startswith("[") and token.endswith("]"):
            return token
        return token[2:] if token.startswith("##") else SPACE + token

    # Names of special tokens in a text are text here.
    plain = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    plain.normalizer, plain.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    return {
        "tokens": [spelled(token) for token in tokens],
        "types": [3 if i in (0, 2, 3) else 2 if i == 1 else 1 for i in range(len(tokens))],
        "ids": [plain.encode(text, add_special_tokens=False).ids for text in TEXTS],
    }


def character_bpe():
    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n+"), behavior="isolated")
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(CORPUS, BpeTrainer(
        vocab_size=800, show_progress=False, special_tokens=special + byte_tokens,
        limit_alphabet=60))
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = model["vocab"]
    for run in ("\n", "\n\n", "\n\n\n"):
        vocabulary.setdefault(run, len(vocabulary))
    merges = [tuple(merge) for merge in model["merges"]]
    plain = Tokenizer(BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True,
                          ignore_merges=True))
    plain.normalizer, plain.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    tokens = sorted(vocabulary, key=vocabulary.get)
    return {
        "tokens": tokens,
        "types": [3 if i < 3 else 2 if i == 3 else 6 if i < 260 else 1 for i in range(len(tokens))],
        "merges": [" ".join(merge) for merge in merges],
        "ids": [plain.encode(text, add_special_tokens=False).ids for text in TEXTS],
    }


def words_of_corpus():
    """Pieces of the corpus, which need not be good ones."""
    pieces = {c for line in CORPUS for c in line if c.isascii()}
    for line in CORPUS:
        for n in (2, 3, 8):
            pieces |= {line[i:i + n] for i in range(0, len(line) - n, 61)}
    return sorted(pieces)


def rwkv():
    """Ids from 1 on, as in the model's file; 0 ends a text."""
    tokens = [bytes([b]) for b in range(256)]
    tokens += sorted({w.encode() for w in words_of_corpus()} - set(tokens))
    table = {token: i + 1 for i, token in enumerate(tokens)}
    longest = max(map(len, tokens))

    def encode(text):
        data, ids = text.encode(), []
        while data:
            n = next(n for n in range(longest, 0, -1) if data[:n] in table)
            ids.append(table[data[:n]])
            data = data[n:]
        return ids

    return {"tokens": ["<s>"] + [repr(token)[2:-1] for token in tokens],
            "types": [3] + [1] * len(tokens), "ids": [encode(text) for text in TEXTS]}


def plamo2():
    special = ["<|plamo:unk|>", "<|plamo:bos|>", "<|plamo:eos|>", "<|plamo:pad|>"]
    byte_tokens = [f"<0x{b:02X}>" for b in range(256)]
    words = words_of_corpus()
    tokens = special + byte_tokens + words
    scores = [0.0] * 260 + [-(3 + (i * 37 % 101) / 8 - len(w) / 16) for i, w in enumerate(words)]
    costs = {w: -round(s * 1e4) for w, s in zip(words, scores[260:])}
    ids_of = {w: i + 260 for i, w in enumerate(words)}

    def encode(text):
        """Of cheapest ways, the one that takes the longest piece at each place from the left."""
        best = [0] * (len(text) + 1)
        step = [None] * len(text)
        for i in reversed(range(len(text))):
            ways = [(costs[text[i:j]] + best[j], i - j, text[i:j])
                    for j in range(i + 1, min(len(text), i + 8) + 1) if text[i:j] in costs]
            unknown = (10_000_000 + best[i + 1], 0, None)  # loses against a token of equal cost
            best[i], _, step[i] = min(ways + [unknown], key=lambda way: way[:2])
        ids, i = [], 0
        while i < len(text):
            if step[i] is None:
                ids += [4 + byte for byte in text[i].encode()]
                i += 1
            else:
                ids.append(ids_of[step[i]])
                i += len(step[i])
        return ids

    return {"tokens": tokens, "scores": scores,
            "types": [2] + [3] * 3 + [6] * 256 + [1] * len(words),
            "ids": [encode(text) for text in TEXTS]}


def main():
    goldens = {
        "unigram": train_sentencepiece(model_type="unigram", vocab_size=400, **with_rules()),
        "unigram_bytes": train_sentencepiece(
            model_type="unigram", vocab_size=600, byte_fallback=True,
            normalization_rule_name="identity", remove_extra_whitespaces=False),
        "bpe": train_sentencepiece(model_type="bpe", vocab_size=400, **with_rules()),
        "bert": bert(),
        "character_bpe": character_bpe(),
        "rwkv": rwkv(),
        "plamo2": plamo2(),
    }
    path = HERE / "tokenizer_kinds_goldens.json"
    path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
