#!/usr/bin/env python3
"""Makes a tiny random model of each family with Transformers (5.23, torch 2.6 on a CPU) and what it
answers: NAME/ has config.json and model.safetensors as save_pretrained() writes them (bf16), model.gguf
with the tensors under the names that the Python package gguf (0.19.0) maps them to, and
logits.safetensors with the tokens and, computed in f32, the logits of a few prompts.
Run: python3 make_models.py [NAME...], in this folder."""
import pathlib
import sys

import gguf
import numpy as np
import torch
import transformers
from safetensors.numpy import save_file
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
VOCAB, HIDDEN, FF, LAYERS, HEADS, KV_HEADS, CONTEXT = 96, 32, 40, 2, 4, 2, 64
PROMPT_LENGTHS = (1, 7, 19)

BASE = dict(vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=FF, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, max_position_embeddings=CONTEXT, bos_token_id=0,
            eos_token_id=1, pad_token_id=None)
GROUPED = dict(BASE, num_key_value_heads=KV_HEADS)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=16)

# Architecture of Transformers, arguments of its configuration.
MODELS = {
    "llama": ("Llama", GROUPED),
    "llama3": ("Llama", dict(GROUPED, tie_word_embeddings=True, rope_parameters=LLAMA3)),
    "llama-yarn": ("Llama", dict(GROUPED, rope_parameters=dict(
        rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=16))),
    "mistral": ("Mistral", dict(GROUPED, sliding_window=5, head_dim=12)),
    "qwen2": ("Qwen2", GROUPED),
    "qwen3": ("Qwen3", dict(GROUPED, head_dim=12)),
}


def fill(model):
    """Random weights that let every part of the network be seen in the logits."""
    state = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=state)
            if p.dim() >= 2:
                noise *= 1.5 / p.shape[-1] ** 0.5
            elif name.endswith("bias"):
                noise *= 0.3
            else:
                noise = p + 0.2 * noise  # a norm
            p.copy_(noise.to(torch.bfloat16))


# --- GGUF -----------------------------------------------------------------------------------------

# Architecture in GGUF, and keys that follow from the configuration and not from its common fields.
GGUF = {
    "llama": ("LLAMA", lambda c: {}),
    "mistral": ("LLAMA", lambda c: {"attention.sliding_window": c.sliding_window}),
    "qwen2": ("QWEN2", lambda c: {}),
    "qwen3": ("QWEN3", lambda c: {}),
}


def common_keys(c):
    """The keys that all families have, where the configuration has them."""
    keys = {"block_count": c.num_hidden_layers, "context_length": c.max_position_embeddings,
            "embedding_length": c.hidden_size, "attention.head_count": c.num_attention_heads,
            "feed_forward_length": getattr(c, "intermediate_size", None),
            "attention.head_count_kv": getattr(c, "num_key_value_heads", None),
            "attention.key_length": getattr(c, "head_dim", None),
            "attention.value_length": getattr(c, "head_dim", None),
            "attention.layer_norm_rms_epsilon": getattr(c, "rms_norm_eps", None),
            "attention.layer_norm_epsilon": getattr(c, "layer_norm_eps", None),
            "vocab_size": c.vocab_size}
    return {name: value for name, value in keys.items() if value is not None}


def rope_keys(c):
    rope = getattr(c, "rope_parameters", None) or {}
    keys = {}
    if "rope_theta" in rope:
        keys["rope.freq_base"] = rope["rope_theta"]
    if rope.get("rope_type") == "yarn":
        keys["rope.scaling.type"] = "yarn"
        keys["rope.scaling.factor"] = rope["factor"]
        keys["rope.scaling.original_context_length"] = rope["original_max_position_embeddings"]
    return keys


def llama3_factors(c):
    """What divides each pair's frequency, as GGUF's converter works it out for Llama 3.1."""
    rope = c.rope_parameters
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    factors = []
    for i in range(c.head_dim // 2):
        wavelength = 2 * np.pi * rope["rope_theta"] ** (2 * i / c.head_dim)
        ratio = rope["original_max_position_embeddings"] / wavelength
        smooth = (ratio - low) / (high - low)
        if ratio > high:
            factors.append(1)
        elif ratio < low:
            factors.append(rope["factor"])
        else:
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def permuted(rows, n_heads):
    """Rows of q or k of Llama: pairs half a head apart become neighbours."""
    return rows.reshape(n_heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def gguf_tensor(name, array, c, arch):
    """(name, array) as GGUF's converter stores what save_pretrained() calls `name`."""
    if arch == "LLAMA" and ".q_proj." in name:
        array = permuted(array, c.num_attention_heads)
    if arch == "LLAMA" and ".k_proj." in name:
        array = permuted(array, c.num_key_value_heads)
    return array


def add_number(writer, key, value):
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, list):
        writer.add_array(key, value)
    else:
        writer.add_string(key, value)


def save_gguf(name, model, folder):
    c = model.config
    arch, more_keys = GGUF.get(name) or GGUF[name.rstrip("3").split("-")[0]]
    kind = gguf.MODEL_ARCH[arch]
    label = gguf.MODEL_ARCH_NAMES[kind]
    writer = gguf.GGUFWriter(folder / "model.gguf", label)
    for key, value in {**common_keys(c), **rope_keys(c), **more_keys(c)}.items():
        add_number(writer, f"{label}.{key}", value)
    names = gguf.get_tensor_name_map(kind, c.num_hidden_layers)
    for theirs, tensor in load_file(folder / "model.safetensors").items():
        ours = names.get_name(theirs, try_suffixes=(".weight", ".bias"))
        assert ours is not None, theirs
        array = gguf_tensor(theirs, tensor.float().numpy(), c, arch)
        if array.ndim == 1:
            writer.add_tensor(ours, array)
        else:
            bits = torch.from_numpy(np.ascontiguousarray(array)).bfloat16().view(torch.uint8).numpy()
            writer.add_tensor(ours, bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
    if (getattr(c, "rope_parameters", None) or {}).get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(c))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def save_logits(model, folder):
    state = torch.Generator().manual_seed(8)
    arrays = {}
    for i, length in enumerate(PROMPT_LENGTHS):
        tokens = torch.randint(0, VOCAB, (1, length), generator=state)
        with torch.no_grad():
            logits = model(tokens).logits[0]
        arrays[f"tokens.{i}"] = tokens[0].numpy().astype(np.int32)
        arrays[f"logits.{i}"] = logits.numpy().astype(np.float32)
        spread = float(logits.std())
        assert 0.3 < spread < 30, spread
    save_file(arrays, folder / "logits.safetensors")


def make(name):
    family, arguments = MODELS[name]
    config = getattr(transformers, family + "Config")(**arguments)
    config._attn_implementation = "eager"
    model_class = getattr(transformers, config.__class__.__name__.replace("Config", "ForCausalLM"))
    torch.manual_seed(0)
    model = model_class(config).eval().float()
    fill(model)
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    save_logits(model, folder)
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    save_gguf(name, model, folder)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or MODELS:
        make(wanted)
