#!/usr/bin/env python3
"""Makes a tiny random model of each family with Transformers (5.23, torch 2.6 on a CPU) and what it
answers: NAME/ has config.json and model.safetensors as save_pretrained() writes them (bf16), model.gguf
with the tensors under the names that the Python package gguf (0.19.0) maps them to, and
logits.safetensors with the tokens and, computed in f32, the logits of a few prompts.
Run: python3 make_models.py [NAME...], in this folder."""
import json
import pathlib
import re
import sys

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from safetensors.numpy import save_file
from safetensors.torch import load_file
from safetensors.torch import save_file as save_tensors
from safetensors.torch import save_file as save_torch_file

HERE = pathlib.Path(__file__).resolve().parent
VOCAB, HIDDEN, FF, LAYERS, HEADS, KV_HEADS, CONTEXT = 96, 32, 40, 2, 4, 2, 64
PROMPT_LENGTHS = (1, 7, 19)
MXFP4 = gguf.GGMLQuantizationType.MXFP4

BASE = dict(vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=FF, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, max_position_embeddings=CONTEXT, bos_token_id=0,
            eos_token_id=1, pad_token_id=None)
GROUPED = dict(BASE, num_key_value_heads=KV_HEADS)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=16)
GEMMA3 = dict(full_attention=dict(rope_type="linear", rope_theta=100000.0, factor=4.0),
              sliding_attention=dict(rope_type="default", rope_theta=1000.0))
LONGROPE = dict(rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=32,
                short_factor=[1.0, 1.5, 2.0, 3.0], long_factor=[2.0, 3.0, 5.0, 9.0])
FALCON = dict(vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=LAYERS, bos_token_id=0,
              num_attention_heads=HEADS, max_position_embeddings=CONTEXT, eos_token_id=1)

# Widths that kernels for matrix units take.
QWEN35 = dict(GROUPED, num_hidden_layers=4, head_dim=32, intermediate_size=64,
              linear_key_head_dim=12, linear_value_head_dim=8, linear_num_key_heads=2,
              linear_num_value_heads=8,
              rope_parameters=dict(rope_type="default", rope_theta=10000.0,
                                   partial_rotary_factor=0.25, mrope_section=[2, 1, 1],
                                   mrope_interleaved=True))
EXPERTS = dict(num_experts=7, num_experts_per_tok=3, moe_intermediate_size=24,
               shared_expert_intermediate_size=36)
NEXT_ROPE = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25)
VISION = dict(depth=1, hidden_size=8, intermediate_size=8, num_heads=2, patch_size=2,
              out_hidden_size=HIDDEN, num_position_embeddings=4)

GPT_OSS = dict(GROUPED, num_local_experts=5, num_experts_per_tok=2, head_dim=12, sliding_window=5,
               rope_parameters=dict(rope_type="yarn", rope_theta=15000.0, factor=4.0, beta_fast=32.0,
                                    beta_slow=1.0, truncate=False,
                                    original_max_position_embeddings=16))

# Chunks and steps of the temperature that short prompts see; layers 0 and 2 are dense, 3 has no RoPE.
LLAMA4 = dict(GROUPED, num_hidden_layers=4, head_dim=12, intermediate_size=24, intermediate_size_mlp=FF,
              num_local_experts=5, interleave_moe_layer_step=2, attention_chunk_size=5, floor_scale=4,
              attn_scale=0.5, rope_parameters=LLAMA3)
LLAMA4_VISION = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                     vision_output_dim=8, image_size=4, patch_size=2, projector_input_dim=8,
                     projector_output_dim=8, pixel_shuffle_ratio=0.5)

# Architecture of Transformers, arguments of its configuration.
MODELS = {
    "llama": ("Llama", GROUPED),
    "llama3": ("Llama", dict(GROUPED, tie_word_embeddings=True, rope_parameters=LLAMA3)),
    "llama-yarn": ("Llama", dict(GROUPED, rope_parameters=dict(
        rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=16))),
    "llama-dynamic": ("Llama", dict(GROUPED, rope_parameters=dict(
        rope_type="dynamic", rope_theta=10000.0, factor=4.0))),
    "mistral": ("Mistral", dict(GROUPED, sliding_window=5, head_dim=12)),
    "qwen2": ("Qwen2", GROUPED),
    "qwen3": ("Qwen3", dict(GROUPED, head_dim=12)),
    "gemma": ("Gemma", dict(GROUPED, head_dim=12)),
    "gemma2": ("Gemma2", dict(GROUPED, head_dim=12, sliding_window=5, query_pre_attn_scalar=20,
                              attn_logit_softcapping=5.0, final_logit_softcapping=4.0)),
    "gemma3": ("Gemma3Text", dict(GROUPED, head_dim=12, num_hidden_layers=7, sliding_window=5,
                                  query_pre_attn_scalar=20, rope_parameters=GEMMA3)),
    "phi3": ("Phi3", dict(GROUPED, sliding_window=9)),
    "phi3-longrope": ("Phi3", dict(GROUPED, original_max_position_embeddings=32,
                                   rope_parameters=LONGROPE)),
    "olmo2": ("Olmo2", GROUPED),
    "stablelm": ("StableLm", dict(GROUPED, use_qkv_bias=True, hidden_size=64)),
    "gpt-neox": ("GPTNeoX", dict(BASE, hidden_size=48, rotary_pct=0.5)),
    "gpt-neox-serial": ("GPTNeoX", dict(BASE, hidden_size=48, rotary_pct=0.5,
                                       use_parallel_residual=False)),
    "gpt2": ("GPT2", dict(vocab_size=VOCAB, n_embd=HIDDEN, n_layer=LAYERS, n_head=HEADS,
                          n_positions=CONTEXT, bos_token_id=0, eos_token_id=1)),
    "phi2": ("Phi", dict(BASE, hidden_size=48)),
    "gptj": ("GPTJ", dict(vocab_size=VOCAB, n_embd=48, n_layer=LAYERS, n_head=HEADS, rotary_dim=8,
                          n_positions=CONTEXT, bos_token_id=0, eos_token_id=1)),
    "falcon-7b": ("Falcon", dict(FALCON, multi_query=True, new_decoder_architecture=False)),
    "falcon-40b": ("Falcon", dict(FALCON, num_kv_heads=2, new_decoder_architecture=True)),
    "starcoder2": ("Starcoder2", dict(GROUPED, sliding_window=9)),
    "command-r": ("Cohere", dict(GROUPED, logit_scale=0.5)),
    "smollm3": ("SmolLM3", dict(GROUPED, num_hidden_layers=4)),
    "granite": ("Granite", dict(GROUPED, embedding_multiplier=3.0, attention_multiplier=0.2,
                                residual_multiplier=0.5, logits_scaling=2.0)),
    "mixtral": ("Mixtral", dict(GROUPED, num_local_experts=5, num_experts_per_tok=2)),
    "qwen3moe": ("Qwen3Moe", dict(GROUPED, num_experts=7, num_experts_per_tok=3, head_dim=12,
                                  moe_intermediate_size=24, norm_topk_prob=True)),
    "qwen2moe": ("Qwen2Moe", dict(GROUPED, num_experts=6, num_experts_per_tok=3,
                                  moe_intermediate_size=24, shared_expert_intermediate_size=36,
                                  norm_topk_prob=False)),
    "olmoe": ("Olmoe", dict(GROUPED, num_experts=6, num_experts_per_tok=3)),
    "phimoe": ("Phimoe", dict(GROUPED, num_local_experts=5, num_experts_per_tok=2,
                              attention_bias=True, lm_head_bias=True)),
    "granitemoe": ("GraniteMoe", dict(GROUPED, num_local_experts=5, num_experts_per_tok=2,
                                      embedding_multiplier=3.0, attention_multiplier=0.2,
                                      residual_multiplier=0.5, logits_scaling=2.0)),
    "gpt-oss": ("GptOss", dict(GPT_OSS, hidden_size=64, intermediate_size=64)),
    "gpt-oss-bf16": ("GptOss", GPT_OSS),
    "qwen35": ("Qwen3_5Text", QWEN35),
    "qwen35-vision": ("Qwen3_5", dict(
        text_config=dict(QWEN35, linear_num_value_heads=2, linear_conv_kernel_dim=3),
        vision_config=VISION)),
    "qwen35moe": ("Qwen3_5MoeText", dict(
        {k: v for k, v in QWEN35.items() if k != "intermediate_size"}, **EXPERTS)),
    "llama4": ("Llama4Text", LLAMA4),
    "llama4-vision": ("Llama4", dict(
        text_config=dict(LLAMA4, num_local_experts=6, num_experts_per_tok=2,
                         interleave_moe_layer_step=1),
        vision_config=LLAMA4_VISION)),
    "qwen3next": ("Qwen3Next", dict(QWEN35, **EXPERTS, rope_parameters=NEXT_ROPE)),
}
MODEL_CLASSES = {"Gemma3Text": "Gemma3ForCausalLM", "GPT2": "GPT2LMHeadModel",
                 "Llama4Text": "Llama4ForCausalLM", "Llama4": "Llama4ForConditionalGeneration",
                 "Qwen3_5Text": "Qwen3_5ForCausalLM",
                 "Qwen3_5MoeText": "Qwen3_5MoeForCausalLM",
                 "Qwen3_5": "Qwen3_5ForConditionalGeneration"}


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
            elif name.endswith("A_log"):
                noise -= 1  # states last for some rows
            else:
                noise = p + 0.2 * noise  # a norm
            p.copy_(noise.to(torch.bfloat16))


# --- GGUF -----------------------------------------------------------------------------------------

def delta_net_keys(c):
    return {"ssm.conv_kernel": c.linear_conv_kernel_dim, "ssm.state_size": c.linear_key_head_dim,
            "ssm.group_count": c.linear_num_key_heads,
            "ssm.time_step_rank": c.linear_num_value_heads,
            "ssm.inner_size": c.linear_value_head_dim * c.linear_num_value_heads,
            "full_attention_interval": 4}


def shared_expert_keys(c):
    return {"expert_feed_forward_length": c.moe_intermediate_size,
            "expert_shared_feed_forward_length": c.shared_expert_intermediate_size}


# Architecture in GGUF, and keys that follow from the configuration and not from its common fields.
GGUF = {
    "llama": ("LLAMA", lambda c: {}),
    "mistral": ("LLAMA", lambda c: {"attention.sliding_window": c.sliding_window}),
    "qwen2": ("QWEN2", lambda c: {}),
    "qwen3": ("QWEN3", lambda c: {}),
    "gemma": ("GEMMA", lambda c: {}),
    "gemma2": ("GEMMA2", lambda c: {"attention.sliding_window": c.sliding_window,
                                    "attention.scale": c.query_pre_attn_scalar ** -0.5,
                                    "attn_logit_softcapping": c.attn_logit_softcapping,
                                    "final_logit_softcapping": c.final_logit_softcapping}),
    "gemma3": ("GEMMA3", lambda c: {"attention.sliding_window": c.sliding_window,
                                    "attention.scale": c.query_pre_attn_scalar ** -0.5,
                                    "rope.freq_base": 100000.0, "rope.freq_base_swa": 1000.0,
                                    "rope.scaling.type": "linear", "rope.scaling.factor": 4.0}),
    "phi3": ("PHI3", lambda c: {"attention.sliding_window": c.sliding_window or 0}),
    "olmo2": ("OLMO2", lambda c: {}),
    "stablelm": ("STABLELM", lambda c: {"use_parallel_residual": False}),
    "gpt-neox": ("GPTNEOX", lambda c: {"use_parallel_residual": c.use_parallel_residual}),
    "gpt2": ("GPT2", lambda c: {"feed_forward_length": 4 * c.hidden_size}),
    "phi2": ("PHI2", lambda c: {}),
    "gptj": ("GPTJ", lambda c: {"feed_forward_length": 4 * c.hidden_size,
                                "rope.dimension_count": c.rotary_dim}),
    "falcon": ("FALCON", lambda c: {
        "feed_forward_length": c.ffn_hidden_size,
        "attention.head_count_kv": c.num_kv_heads if c.new_decoder_architecture else 1}),
    "starcoder2": ("STARCODER2", lambda c: {"attention.sliding_window": c.sliding_window}),
    "command-r": ("COMMAND_R", lambda c: {"logit_scale": c.logit_scale}),
    "smollm3": ("SMOLLM3", lambda c: {}),
    "mixtral": ("LLAMA", lambda c: {}),
    "qwen3moe": ("QWEN3MOE", lambda c: {"expert_feed_forward_length": c.moe_intermediate_size}),
    "qwen2moe": ("QWEN2MOE", lambda c: {
        "expert_feed_forward_length": c.moe_intermediate_size,
        "expert_shared_feed_forward_length": c.shared_expert_intermediate_size}),
    "olmoe": ("OLMOE", lambda c: {}),
    "phimoe": ("PHIMOE", lambda c: {}),
    "gpt-oss": ("GPT_OSS", lambda c: {"attention.sliding_window": c.sliding_window,
                                      "expert_feed_forward_length": c.intermediate_size}),
    "granitemoe": ("GRANITE_MOE", lambda c: GGUF["granite"][1](c)),
    "llama4": ("LLAMA4", lambda c: {"feed_forward_length": c.intermediate_size_mlp,
                                    "expert_feed_forward_length": c.intermediate_size,
                                    "interleave_moe_layer_step": c.interleave_moe_layer_step,
                                    "attention.chunk_size": c.attention_chunk_size,
                                    "attention.temperature_scale": c.attn_scale,
                                    "attention.temperature_length": c.floor_scale}),
    "granite": ("GRANITE", lambda c: {"embedding_scale": c.embedding_multiplier,
                                      "residual_scale": c.residual_multiplier,
                                      "attention.scale": c.attention_multiplier,
                                      "logit_scale": c.logits_scaling}),
    "qwen35": ("QWEN35", lambda c: {**delta_net_keys(c),
                                    "rope.dimension_sections": [2, 1, 1, 0]}),
    "qwen35moe": ("QWEN35MOE", lambda c: {**delta_net_keys(c), **shared_expert_keys(c),
                                          "rope.dimension_sections": [2, 1, 1, 0]}),
    "qwen3next": ("QWEN3NEXT", lambda c: {**delta_net_keys(c), **shared_expert_keys(c)}),
}
UNREAD = ("model.visual.", "vision_model.", "multi_modal_projector.", "mtp.")  # not of the text
PERMUTED = ("LLAMA", "GRANITE", "GRANITE_MOE", "SMOLLM3")


def common_keys(c):
    """The keys that all families have, where the configuration has them."""
    keys = {"block_count": c.num_hidden_layers, "context_length": c.max_position_embeddings,
            "embedding_length": c.hidden_size, "attention.head_count": c.num_attention_heads,
            "feed_forward_length": getattr(c, "intermediate_size", None),
            "attention.head_count_kv": getattr(c, "num_key_value_heads", None),
            "attention.key_length": getattr(c, "head_dim", None),
            "attention.value_length": getattr(c, "head_dim", None),
            "attention.layer_norm_rms_epsilon": getattr(c, "rms_norm_eps", None),
            "attention.layer_norm_epsilon": getattr(c, "layer_norm_eps", None)
            or getattr(c, "layer_norm_epsilon", None) or getattr(c, "norm_epsilon", None),
            "expert_count": getattr(c, "num_local_experts", None) or getattr(c, "num_experts", None),
            "expert_used_count": getattr(c, "num_experts_per_tok", None),
            "vocab_size": c.vocab_size}
    return {name: value for name, value in keys.items() if value is not None}


def rope_keys(c):
    rope = getattr(c, "rope_parameters", None) or {}
    keys = {}
    if "rope_theta" in rope:
        keys["rope.freq_base"] = rope["rope_theta"]
    if "partial_rotary_factor" in rope:
        head_dim = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
        keys["rope.dimension_count"] = int(rope["partial_rotary_factor"] * head_dim)
    if rope.get("rope_type") == "longrope":
        original = rope["original_max_position_embeddings"]
        stretch = c.max_position_embeddings / original
        keys["rope.scaling.original_context_length"] = original
        keys["rope.scaling.attn_factor"] = float((1 + np.log(stretch) / np.log(original)) ** 0.5)
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


def behind_each_other(rows, n_kv_heads, n_queries):
    """Rows of q, k and v: from a group for each KV head to all q, all k, all v."""
    parts = rows.reshape(n_kv_heads, n_queries + 2, -1, *rows.shape[1:])
    return np.concatenate([part.reshape(-1, *rows.shape[1:]) for part in (
        parts[:, :n_queries], parts[:, n_queries], parts[:, n_queries + 1])])


def tiled(array, c, head_dim, axis=0):
    """Heads of v of Qwen 3.5, from those of one key head after another to one of each in turn."""
    shape = (*array.shape[:axis], c.linear_num_key_heads, -1, head_dim, *array.shape[axis + 1:])
    return array.reshape(shape).swapaxes(axis, axis + 1).reshape(array.shape)


def delta_net_tensor(name, array, c, arch):
    """The same for what belongs to Gated DeltaNet."""
    part = name.split(".linear_attn.")[1]
    if part.startswith("conv1d"):
        array = array.squeeze(1)
    if part == "A_log":
        array = -np.exp(array)
    if arch == "QWEN3NEXT":
        return array
    keys = 2 * c.linear_num_key_heads * c.linear_key_head_dim
    if part.startswith(("conv1d", "in_proj_qkv")):
        return np.concatenate([array[:keys], tiled(array[keys:], c, c.linear_value_head_dim)])
    if part in ("A_log", "dt_bias", "in_proj_a.weight", "in_proj_b.weight"):
        return tiled(array, c, 1)
    if part.startswith("in_proj_z"):
        return tiled(array, c, c.linear_value_head_dim)
    if part.startswith("out_proj"):
        return tiled(array, c, c.linear_value_head_dim, axis=1)
    return array


def gguf_tensor(name, array, c, arch):
    """The array as GGUF's converter stores what save_pretrained() calls `name`."""
    if arch in PERMUTED and ".q_proj." in name:
        array = permuted(array, c.num_attention_heads)
    if arch in PERMUTED and ".k_proj." in name:
        array = permuted(array, c.num_key_value_heads)
    if arch.startswith(("GEMMA", "QWEN35", "QWEN3NEXT")) and name.endswith("norm.weight") and (
            ".linear_attn." not in name):
        array = array + 1
    if ".linear_attn." in name:
        array = delta_net_tensor(name, array, c, arch)
    if arch == "GPTNEOX" and "query_key_value" in name:
        array = behind_each_other(array, c.num_attention_heads, 1)
    if arch == "FALCON" and "query_key_value" in name and c.new_decoder_architecture:
        array = behind_each_other(array, c.num_kv_heads, c.num_attention_heads // c.num_kv_heads)
    if arch == "GPT2" and array.ndim == 2 and (".c_" in name):
        array = array.T
    return array


def with_split_gates(arrays, arch):
    """Tensors with gate and up of all experts become one for each, as converters name them."""
    split = {}
    for name, array in arrays.items():
        stem = name.removesuffix("_bias")
        suffix = ".weight" if stem == name else ".bias"
        if stem.endswith("experts.gate_up_proj"):  # transposed; of gpt-oss alternating
            rows = array if suffix == ".bias" else array.swapaxes(1, 2)
            ff = rows.shape[1] // 2
            gate, up = ((rows[:, :ff], rows[:, ff:]) if arch == "LLAMA4" else
                        (rows[:, ::2], rows[:, 1::2]))
            split[stem.replace("gate_up", "gate") + suffix] = gate
            split[stem.replace("gate_up", "up") + suffix] = up
        elif stem.endswith("experts.down_proj"):
            split[stem + suffix] = array if suffix == ".bias" else array.swapaxes(1, 2)
        elif name.endswith(".input_linear.weight"):
            experts = name.replace("input_linear", "experts.{}")
            ff = array.shape[1] // 2
            split[experts.format("w1")], split[experts.format("w3")] = array[:, :ff], array[:, ff:]
        elif name.endswith(".output_linear.weight"):
            split[name.replace("output_linear", "experts.w2")] = array
        else:
            split[name + ".weight" if name.endswith(".sinks") else name] = array
    return split


def with_merged_experts(arrays, arch):
    """Matrices of one layer's experts become one array, named as the converter names it."""
    merged, parts = {}, {}
    for name, array in with_split_gates(arrays, arch).items():
        part = re.fullmatch(r"(.*\.experts\.)(\d+)\.(.*)", name)
        if part is None:
            merged[name] = array
        else:
            parts.setdefault(part[1] + part[3], {})[int(part[2])] = array
    for name, experts in parts.items():
        merged[name] = np.stack([experts[i] for i in range(len(experts))])
    return merged


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
    c = model.config.get_text_config()
    arch, more_keys = next(GGUF[key] for key in sorted(GGUF, reverse=True) if name.startswith(key))
    kind = gguf.MODEL_ARCH[arch]
    label = gguf.MODEL_ARCH_NAMES[kind]
    writer = gguf.GGUFWriter(folder / "model.gguf", label)
    for key, value in {**common_keys(c), **rope_keys(c), **more_keys(c)}.items():
        add_number(writer, f"{label}.{key}", value)
    names = gguf.get_tensor_name_map(kind, c.num_hidden_layers)
    arrays = {}
    for theirs, tensor in load_file(folder / "model.safetensors").items():
        theirs = theirs.replace("model.language_model.", "model.").removeprefix("language_model.")
        if not theirs.startswith(UNREAD):
            arrays[theirs] = gguf_tensor(theirs, tensor.float().numpy(), c, arch)
    for theirs, array in with_merged_experts(arrays, arch).items():
        mapped = theirs.replace(".dt_bias", ".dt_proj.bias")  # as the converter calls it
        ours = names.get_name(mapped, try_suffixes=(".weight", ".bias"))
        assert ours is not None, theirs
        if ours.endswith("_shexp.weight") and array.shape[0] == 1:
            array = array[0]
        if name == "gpt-oss" and ours.endswith("_exps.weight"):
            writer.add_tensor(ours, gguf.quants.quantize(np.ascontiguousarray(array), MXFP4),
                              raw_dtype=MXFP4)
        elif array.ndim == 1 or ours.endswith((".bias", "ffn_gate_inp.weight", "ssm_conv1d.weight")):
            writer.add_tensor(ours, array)
        else:
            bits = torch.from_numpy(np.ascontiguousarray(array)).bfloat16().view(torch.uint8).numpy()
            writer.add_tensor(ours, bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
    rope = getattr(c, "rope_parameters", None) or {}
    if rope.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(c))
    if rope.get("rope_type") == "longrope":
        for kind in ("long", "short"):
            factors = np.array(rope[f"{kind}_factor"], dtype=np.float32)
            writer.add_tensor(f"rope_factors_{kind}.weight", factors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# --- MXFP4 ----------------------------------------------------------------------------------------

def round_experts(model):
    """Experts whose weights MXFP4 holds exactly."""
    for name, p in model.named_parameters():
        if p.dim() == 3:
            rows = np.ascontiguousarray(p.detach().swapaxes(1, 2).numpy())
            rounded = gguf.quants.dequantize(gguf.quants.quantize(rows, MXFP4), MXFP4)
            p.data.copy_(torch.from_numpy(rounded).swapaxes(1, 2))


def save_experts_as_mxfp4(folder):
    """In the folder, as OpenAI's: blocks [experts, rows, blocks, 16] with two neighbours a byte, the
    first in its low half, and scales beside them."""
    tensors = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if tensor.dim() < 3:
            tensors[name] = tensor
            continue
        rows = np.ascontiguousarray(tensor.float().swapaxes(1, 2).numpy())
        blocks = gguf.quants.quantize(rows, MXFP4).reshape(*rows.shape[:2], -1, 17)
        halves = blocks[..., 1:]  # elements 0 to 15 in the low halves, 16 to 31 in the high ones
        elements = np.concatenate([halves & 15, halves >> 4], axis=-1)
        pairs = elements[..., ::2] | elements[..., 1::2] << 4
        tensors[name + "_blocks"] = torch.from_numpy(pairs)
        tensors[name + "_scales"] = torch.from_numpy(np.ascontiguousarray(blocks[..., 0]))
    save_tensors(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


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


def save_tokenizer(model, folder):
    """A small BPE, a template, and what Transformers makes of a chat and a text."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    letters = [c for c in alphabet if c.isascii() and c.isalpha()] + ["\u0120", ".", "\u010a"]
    vocab = {c: i for i, c in enumerate(["<s>", "</s>", *letters, "th", "the"])}
    bpe = tokenizers.models.BPE(vocab, [("t", "h"), ("th", "e")])
    tokenizer = tokenizers.Tokenizer(bpe)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = ("{{ bos_token }}{% for m in messages %}{{ m.role }} {{ m.content }}"
                          "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}the {% endif %}")
    fast.save_pretrained(folder)
    chat = fast.apply_chat_template([{"role": "user", "content": "the moth"}], tokenize=True,
                                    add_generation_prompt=True, return_dict=False)
    tokens = fast("the other")["input_ids"]
    with torch.no_grad():
        answer = model.generate(torch.tensor([chat]), max_new_tokens=12, do_sample=False,
                                suppress_tokens=list(range(len(vocab), VOCAB)), eos_token_id=1)
    (folder / "text.json").write_text(json.dumps(
        {"chat": chat, "tokens": tokens, "answer": answer[0, len(chat):].tolist()}) + "\n")


def add_mtp(folder):
    """What the published files of Qwen 3.5 have besides, and Transformers leaves out."""
    arrays = load_file(folder / "model.safetensors")
    arrays["mtp.fc.weight"] = torch.ones(HIDDEN, 2 * HIDDEN, dtype=torch.bfloat16)
    save_torch_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})


def fuse_experts(folder, n_experts):
    """Gate and up of all experts in one tensor, and down in another, as published files have it."""
    arrays = load_file(folder / "model.safetensors")
    for name in [name for name in arrays if ".experts.0.gate_proj." in name]:
        experts = name.removesuffix("0.gate_proj.weight")
        gate, up, down = (
            torch.stack([arrays.pop(f"{experts}{i}.{part}_proj.weight") for i in range(n_experts)])
            for part in ("gate", "up", "down"))
        arrays[experts + "gate_up_proj"] = torch.cat([gate, up], dim=1).contiguous()
        arrays[experts + "down_proj"] = down
    save_torch_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})


def make(name):
    family, arguments = MODELS[name]
    config = getattr(transformers, family + "Config")(**arguments)
    config._attn_implementation = "eager"
    model_class = getattr(transformers, MODEL_CLASSES.get(family, family + "ForCausalLM"))
    torch.manual_seed(0)
    model = model_class(config).eval().float()
    fill(model)
    if name == "gpt-oss":
        round_experts(model)
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    save_logits(model, folder)
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if name == "qwen35-vision":
        add_mtp(folder)
    save_gguf(name, model, folder)
    if name == "qwen35moe":
        fuse_experts(folder, config.num_experts)
    if name == "gpt-oss":
        save_experts_as_mxfp4(folder)
    if name == "llama3":
        save_tokenizer(model.float(), folder)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or MODELS:
        make(wanted)
