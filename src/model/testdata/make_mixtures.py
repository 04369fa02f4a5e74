#!/usr/bin/env python3
"""Writes mixtures.json: the types that llama.cpp (of September 2026) gives the tensors of a few models in
each of its mixtures. QUANTIZE is a program that calls llama_model_quantize(IN, OUT) with ftype N.
Run: python3 make_mixtures.py QUANTIZE > mixtures.json"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import gguf
import numpy as np

MODELS = [
    dict(architecture="llama", layers=32, heads=8, kv_heads=2, embd=256, ff=512, tied=False, experts=0),
    dict(architecture="llama", layers=17, heads=4, kv_heads=4, embd=288, ff=512, tied=True, experts=0),
    dict(architecture="falcon", layers=20, heads=4, kv_heads=1, embd=256, ff=512, tied=False, experts=0),
    dict(architecture="llama", layers=9, heads=8, kv_heads=2, embd=256, ff=256, tied=False, experts=8),
]
FILE_TYPES = {"Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11, "Q3_K_M": 12,
              "Q3_K_L": 13, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25,
              "IQ4_XS": 30, "MXFP4": 38, "F16": 1, "BF16": 32}
LETTERS = {"F32": "f", "F16": "h", "BF16": "b", "Q4_0": "a", "Q4_1": "c", "Q5_0": "d", "Q5_1": "e", "Q8_0": "8",
           "Q2_K": "2", "Q3_K": "3", "Q4_K": "4", "Q5_K": "5", "Q6_K": "6", "IQ4_NL": "n", "IQ4_XS": "x",
           "MXFP4": "m"}


def shapes(m):
    """Tensor names to NumPy shapes."""
    embd, ff, kv = m["embd"], m["ff"], m["embd"] // m["heads"] * m["kv_heads"]
    out = {"token_embd.weight": (32, embd), "output_norm.weight": (embd,)}
    if not m["tied"]:
        out["output.weight"] = (32, embd)
    layer = {"attn_norm": (embd,), "attn_output": (embd, embd), "ffn_norm": (embd,)}
    if m["architecture"] == "falcon":
        layer |= {"attn_qkv": (embd + 2 * kv, embd), "ffn_up": (ff, embd), "ffn_down": (embd, ff)}
    else:
        layer |= {"attn_q": (embd, embd), "attn_k": (kv, embd), "attn_v": (kv, embd)}
        expert = (m["experts"],) if m["experts"] else ()
        suffix = "_exps" if expert else ""
        layer |= {f"ffn_{part}{suffix}": (*expert, ff, embd) for part in ("gate", "up")}
        layer |= {f"ffn_down{suffix}": (*expert, embd, ff)}
        if expert:
            layer["ffn_gate_inp"] = (m["experts"], embd)
    for i in range(m["layers"]):
        out |= {f"blk.{i}.{name}.weight": shape for name, shape in layer.items()}
    return out


def write(m, path):
    writer = gguf.GGUFWriter(path, m["architecture"])
    writer.add_block_count(m["layers"])
    writer.add_context_length(64)
    writer.add_embedding_length(m["embd"])
    writer.add_feed_forward_length(m["ff"])
    writer.add_head_count(m["heads"])
    writer.add_head_count_kv(m["kv_heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_layer_norm_eps(1e-5)
    writer.add_rope_dimension_count(m["embd"] // m["heads"])
    writer.add_vocab_size(32)
    if m["experts"]:
        writer.add_expert_count(m["experts"])
        writer.add_expert_used_count(2)
    for name, shape in shapes(m).items():
        writer.add_tensor(name, np.ones(shape, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def types_of(path):
    """For each tensor name without its layer, a letter a layer."""
    found = {}
    for tensor in gguf.GGUFReader(path).tensors:
        match = re.fullmatch(r"blk\.(\d+)\.(.*)", tensor.name)
        layer, name = (int(match[1]), match[2]) if match else (0, tensor.name)
        found.setdefault(name, {})[layer] = LETTERS[tensor.tensor_type.name]
    return {name: "".join(by[i] for i in sorted(by)) for name, by in sorted(found.items())}


with tempfile.TemporaryDirectory() as folder:
    before, after = pathlib.Path(folder, "in.gguf"), pathlib.Path(folder, "out.gguf")
    models = []
    for m in MODELS:
        write(m, before)
        dims = {}
        for name, shape in shapes(m).items():
            dims[re.sub(r"^blk\.\d+\.", "", name)] = shape[::-1]
        types = {}
        for file_type, number in FILE_TYPES.items():
            subprocess.run([sys.argv[1], before, after, str(number)], check=True, capture_output=True)
            types[file_type] = types_of(after)
        models.append(m | {"dims": dims, "types": types})
lines = json.dumps({"letters": {v: k.lower().replace("_k", "_K") for k, v in LETTERS.items()}, "models": models})
print(re.sub(r'("(?:types|dims|[A-Z0-9]+(?:_[A-Z0-9]+)*)": \{)', r"\n\1", lines))
