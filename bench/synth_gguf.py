#!/usr/bin/env python3
"""Writes a GGUF of a known model's shape with random weights, for measurements: what the weights
are changes no speed. About a second for 5 GB; the file has no vocabulary.

    bench/synth_gguf.py llama-3.1-8b q4_k_m model.gguf
"""

import argparse
import dataclasses
import math
import random
import struct
import sys

ALIGNMENT = 32
REPEATED_BLOCKS = 16411  # random ones, over and over; a prime, so that rows differ
MAGIC, VERSION = 0x46554747, 3
U32, F32, STRING = 4, 6, 8  # types of metadata


@dataclasses.dataclass(frozen=True)
class Shape:
    width: int
    layers: int
    ff: int
    heads: int
    kv_heads: int
    vocab: int
    tied: bool  # the head is the token embedding
    rope_base: float
    context: int
    architecture: str = "llama"
    head_dim: int = 0  # width / heads
    qk_norm: str = ""  # of "head"s, or of the "whole" of q and k
    experts: int = 0  # each of the width ff
    experts_used: int = 0


SHAPES = {
    "smollm2-135m": Shape(576, 30, 1536, 9, 3, 49152, True, 1e5, 8192),
    "tinyllama-1.1b": Shape(2048, 22, 5632, 32, 4, 32000, False, 1e4, 2048),
    "llama-3.2-1b": Shape(2048, 16, 8192, 32, 8, 128256, True, 5e5, 131072),
    "llama-3.1-8b": Shape(4096, 32, 14336, 32, 8, 128256, False, 5e5, 131072),
    "olmoe-1b-7b": Shape(2048, 16, 1024, 16, 16, 50304, False, 1e4, 4096, "olmoe",
                         qk_norm="whole", experts=64, experts_used=8),
    "qwen3-30b-a3b": Shape(2048, 48, 768, 32, 4, 151936, False, 1e6, 40960, "qwen3moe",
                           head_dim=128, qk_norm="head", experts=128, experts_used=8),
    "mixtral-8x7b": Shape(4096, 32, 14336, 32, 8, 32000, False, 1e6, 32768,
                          experts=8, experts_used=2),
}


def half(value):
    return struct.pack("<e", value)


@dataclasses.dataclass(frozen=True)
class Type:
    number: int  # in GGUF
    elements: int  # of a block
    block: object  # makes a random one, of a size that keeps a model's numbers finite


TYPES = {
    "f32": Type(0, 1, lambda: struct.pack("<f", random.gauss(0, 0.02))),
    "f16": Type(1, 1, lambda: half(random.gauss(0, 0.02))),
    "q4_0": Type(2, 32, lambda: half(0.004) + random.randbytes(16)),
    "q4_1": Type(3, 32, lambda: half(0.004) + half(-0.03) + random.randbytes(16)),
    "q8_0": Type(8, 32, lambda: half(0.0003) + random.randbytes(32)),
    "q4_k": Type(12, 256, lambda: half(0.0002) + half(0.0015) + random.randbytes(140)),
    "q6_k": Type(14, 256, lambda: random.randbytes(208) + half(0.00002)),
}
ONES = Type(0, 1, lambda: struct.pack("<f", 1.0))  # of norms


@dataclasses.dataclass(frozen=True)
class Tensor:
    name: str
    dims: tuple  # columns first, as in the file
    type: Type

    def size_bytes(self):
        if self.dims[0] % self.type.elements != 0:
            raise ValueError(f"'{self.name}' has rows of {self.dims[0]} elements, which blocks of "
                             f"{self.type.elements} do not fill")
        return math.prod(self.dims) // self.type.elements * len(self.type.block())


def has_more_bits(layer, layers):
    """Of which layers llama.cpp's mixture Q4_K_M gives some tensors 6 bits."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def head_dim_of(shape):
    return shape.head_dim or shape.width // shape.heads


def norms_of_qk(shape):
    dim = head_dim_of(shape)
    if shape.qk_norm == "head":
        return [("attn_q_norm", (dim,), ONES), ("attn_k_norm", (dim,), ONES)]
    if shape.qk_norm == "whole":
        return [("attn_q_norm", (dim * shape.heads,), ONES),
                ("attn_k_norm", (dim * shape.kv_heads,), ONES)]
    return []


def mlp_of(shape, body, some):
    """Name, dimensions and type of an MLP's matrices, or of those of all experts."""
    up, down = (shape.width, shape.ff), (shape.ff, shape.width)
    if shape.experts == 0:
        return [("ffn_gate", up, body), ("ffn_up", up, body), ("ffn_down", down, some)]
    return [("ffn_gate_inp", (shape.width, shape.experts), TYPES["f32"]),
            ("ffn_gate_exps", (*up, shape.experts), body),
            ("ffn_up_exps", (*up, shape.experts), body),
            ("ffn_down_exps", (*down, shape.experts), some)]


def tensors_of(shape, kind):
    mixed = kind == "q4_k_m"
    body = TYPES["q4_k" if mixed else kind]
    high = TYPES["q6_k" if mixed else kind]
    q_width = head_dim_of(shape) * shape.heads
    kv_width = head_dim_of(shape) * shape.kv_heads
    yield Tensor("token_embd.weight", (shape.width, shape.vocab), high if shape.tied else body)
    yield Tensor("output_norm.weight", (shape.width,), ONES)
    if not shape.tied:
        yield Tensor("output.weight", (shape.width, shape.vocab), high)
    for layer in range(shape.layers):
        some = high if mixed and has_more_bits(layer, shape.layers) else body
        for name, dims, its_type in (
            ("attn_norm", (shape.width,), ONES),
            ("attn_q", (shape.width, q_width), body),
            ("attn_k", (shape.width, kv_width), body),
            ("attn_v", (shape.width, kv_width), some),
            *norms_of_qk(shape),
            ("attn_output", (q_width, shape.width), body),
            ("ffn_norm", (shape.width,), ONES),
            *mlp_of(shape, body, some),
        ):
            yield Tensor(f"blk.{layer}.{name}.weight", dims, its_type)


def string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def metadata_of(shape, name):
    """The encoded pairs."""
    numbers = {"block_count": shape.layers, "context_length": shape.context,
               "embedding_length": shape.width, "feed_forward_length": shape.ff,
               "attention.head_count": shape.heads, "attention.head_count_kv": shape.kv_heads,
               "attention.key_length": head_dim_of(shape),
               "attention.value_length": head_dim_of(shape),
               "rope.dimension_count": head_dim_of(shape), "vocab_size": shape.vocab}
    if shape.experts:
        numbers |= {"expert_count": shape.experts, "expert_used_count": shape.experts_used,
                    "expert_feed_forward_length": shape.ff}
    floats = {"rope.freq_base": shape.rope_base, "attention.layer_norm_rms_epsilon": 1e-5}
    strings = {"general.architecture": shape.architecture, "general.name": name,
               "tokenizer.ggml.model": "none"}

    def pairs(prefix, values, kind, encode):
        return [string(prefix + key) + struct.pack("<I", kind) + encode(value)
                for key, value in values.items()]

    return [*pairs(shape.architecture + ".", numbers, U32, lambda value: struct.pack("<I", value)),
            *pairs(shape.architecture + ".", floats, F32, lambda value: struct.pack("<f", value)),
            *pairs("", strings, STRING, string)]


def padding(size):
    return -size % ALIGNMENT


def write_model(shape, kind, name, path):
    """The size of the weights in bytes."""
    random.seed(1)
    tensors = list(tensors_of(shape, kind))
    pairs = metadata_of(shape, name)
    infos, offset = [], 0
    for tensor in tensors:
        dims = struct.pack(f"<I{len(tensor.dims)}Q", len(tensor.dims), *tensor.dims)
        infos.append(string(tensor.name) + dims
                     + struct.pack("<IQ", tensor.type.number, offset))
        offset += tensor.size_bytes() + padding(tensor.size_bytes())
    header = struct.pack("<IIQQ", MAGIC, VERSION, len(tensors), len(pairs))
    blocks = {}
    with open(path, "wb") as file:
        file.write(header + b"".join(pairs) + b"".join(infos))
        file.write(bytes(padding(file.tell())))
        for tensor in tensors:
            if tensor.type not in blocks:
                blocks[tensor.type] = b"".join(tensor.type.block() for _ in range(REPEATED_BLOCKS))
            piece, left = blocks[tensor.type], tensor.size_bytes()
            while left > 0:
                left -= file.write(piece[:left])
            file.write(bytes(padding(file.tell())))
    return offset


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("type", choices=[*TYPES, "q4_k_m"])
    parser.add_argument("out")
    arguments = parser.parse_args()
    name = f"{arguments.shape}-{arguments.type}"
    try:
        size = write_model(SHAPES[arguments.shape], arguments.type, name, arguments.out)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(f"{arguments.out}: {size} bytes of weights")


if __name__ == "__main__":
    main()
