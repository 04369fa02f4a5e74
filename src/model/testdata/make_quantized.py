#!/usr/bin/env python3
"""Makes quantised weights as Hugging Face folders have them, and the numbers that they stand for:
quantized/NAME/ has config.json, model.safetensors with the parts of 'w.weight', and
expected.safetensors with its values in f32, computed here from the numbers before they were packed.
quantized/llama-awq is a whole model, with logits.safetensors as src/testing/models has them, from
Transformers with these values.
Run: python3 make_quantized.py, in this folder (numpy 2.4, safetensors 0.8, Transformers 5.23)."""
import json
import pathlib

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent / "quantized"
RANDOM = np.random.default_rng(7)
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)  # which neighbour has which four bits, from the lowest


def packed(numbers, bits, order=None):
    """Rows of numbers, 32 / bits neighbours of a row to an int32."""
    per_word = 32 // bits
    words = np.zeros((numbers.shape[0], numbers.shape[1] // per_word), dtype=np.uint32)
    for place, neighbour in enumerate(order or range(per_word)):
        words |= numbers[:, neighbour::per_word].astype(np.uint32) << (bits * place)
    return torch.from_numpy(words.view(np.int32))


def scales_of(shape, dtype):
    return torch.from_numpy(RANDOM.uniform(0.001, 0.02, shape)).to(dtype)


def save(name, config, tensors, expected):
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    fields = {} if config is None else {"quantization_config": config}
    (folder / "config.json").write_text(json.dumps(fields) + "\n")
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    expected = torch.from_numpy(np.ascontiguousarray(expected)).float()
    save_file({"w.weight": expected}, folder / "expected.safetensors")


def grouped(scales, zeros, numbers, groups):
    """[rows, cols] of numbers [cols, rows], scales and zeros [groups, rows]."""
    s = scales.float().numpy()[groups]
    return (s * (numbers.astype(np.float32) - zeros.astype(np.float32)[groups])).T


def gptq(name, rows, cols, group_size, bits=4, symmetric=False, act_order=False, version=1,
         dtype=torch.float16, **fields):
    width = group_size if group_size > 0 else cols
    n_groups = -(-cols // width)
    numbers = RANDOM.integers(0, 1 << bits, (cols, rows))
    zeros = RANDOM.integers(0, 1 << bits, (n_groups, rows))
    if symmetric:
        zeros[:] = 1 << (bits - 1)
    groups = np.arange(cols) // width
    if act_order:
        RANDOM.shuffle(groups)
    scales = scales_of((n_groups, rows), dtype)
    stored = (zeros - 1) % (1 << bits) if version == 1 else zeros
    expected = grouped(scales, zeros, numbers, groups)
    if bits == 8 and not symmetric or act_order:
        expected = torch.from_numpy(expected).to(dtype).float().numpy()
    config = {"quant_method": "gptq", "bits": bits, "group_size": group_size, "sym": symmetric,
              "desc_act": act_order, "damp_percent": 0.01, **fields}
    if version == 2:
        config["checkpoint_format"] = "gptq_v2"
    save(name, config, {"w.qweight": packed(numbers.T, bits).T, "w.qzeros": packed(stored, bits),
                        "w.scales": scales, "w.g_idx": torch.from_numpy(groups.astype(np.int32))},
         expected)


def awq_weight(rows, cols, group_size):
    """Its parts, and its values."""
    numbers = RANDOM.integers(0, 16, (cols, rows))
    zeros = RANDOM.integers(0, 16, (cols // group_size, rows))
    scales = scales_of(zeros.shape, torch.float16)
    parts = {"qweight": packed(numbers, 4, AWQ_ORDER), "qzeros": packed(zeros, 4, AWQ_ORDER),
             "scales": scales}
    return parts, grouped(scales, zeros, numbers, np.arange(cols) // group_size)


AWQ = {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm", "zero_point": True}


def awq(name):
    parts, expected = awq_weight(16, 64, 32)
    save(name, AWQ, {f"w.{part}": tensor for part, tensor in parts.items()}, expected)


def llama_awq():
    config = transformers.LlamaConfig(
        vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config).eval().float()
    tensors = {}
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_((p if p.dim() == 1 else torch.randn_like(p)).to(torch.float16))
            tensors[name] = p.to(torch.float16)
        for name, module in model.named_modules():
            if not name.endswith("_proj"):
                continue
            parts, values = awq_weight(module.out_features, module.in_features, 32)
            module.weight.copy_(torch.from_numpy(np.ascontiguousarray(values)))
            del tensors[name + ".weight"]
            tensors |= {f"{name}.{part}": tensor for part, tensor in parts.items()}
        tokens = torch.randint(0, 96, (1, 9))
        logits = model(tokens).logits[0]
    folder = HERE / "llama-awq"
    folder.mkdir(exist_ok=True)
    config.architectures = ["LlamaForCausalLM"]
    text = config.to_diff_dict() | {"quantization_config": AWQ}
    (folder / "config.json").write_text(json.dumps(text, indent=2) + "\n")
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    save_file({"tokens.0": tokens[0].int(), "logits.0": logits.contiguous()},
              folder / "logits.safetensors")


def fp8(name, rows, cols, block, scale_shape, scale_name, config, **more):
    """`block`: rows and columns of a scale's block."""
    elements = torch.from_numpy(RANDOM.normal(0, 50, (rows, cols))).to(torch.float8_e4m3fn)
    scales = scales_of((-(-rows // block[0]), -(-cols // block[1])), torch.float32)
    spread = scales.repeat_interleave(block[0], 0)[:rows].repeat_interleave(block[1], 1)[:, :cols]
    expected = (elements.float() * spread).to(torch.bfloat16)
    save(name, config, {"w.weight": elements, f"w.{scale_name}": scales.reshape(scale_shape),
                        **more}, expected.float().numpy())


def mxfp4(name):
    """As in gpt-oss: no '.weight', and two matrices in one."""
    levels = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6], np.float32)
    numbers = RANDOM.integers(0, 16, (2, 3, 2, 32))
    exponents = RANDOM.integers(100, 140, (2, 3, 2))
    expected = levels[numbers] * np.exp2(exponents.astype(np.float32) - 127)[..., None]
    blocks = torch.from_numpy((numbers[..., 0::2] | numbers[..., 1::2] << 4).astype(np.uint8))
    save(name, {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]},
         {"w.weight_blocks": blocks,
          "w.weight_scales": torch.from_numpy(exponents.astype(np.uint8))},
         expected.reshape(2, 3, 64))


def int8_blocks(name, scales, flat=False, stem="w.weight"):
    """As wgpu-llm has them, of 64 columns. `scales`: [rows, blocks]."""
    rows, cols = scales.shape[0], 64 * scales.shape[1]
    numbers = RANDOM.integers(-127, 128, (rows, cols)).astype(np.int8)
    fits = np.all((scales == 0) | (np.abs(scales) >= 2.0 ** -14))
    held = scales.astype(np.float16).astype(np.float32) if fits else scales
    parts = {f"{stem}_q": torch.from_numpy(numbers),
             f"{stem}_scale": torch.from_numpy(scales.reshape(-1) if flat else scales)}
    save(name, None, parts, numbers.astype(np.float32) * np.repeat(held, 64, axis=1))


gptq("gptq-symmetric", 24, 64, 32, symmetric=True)
gptq("gptq", 24, 64, 64)
gptq("gptq-v2", 16, 96, 32, version=2, meta={"quantizer": "x"})
gptq("gptq-one-group", 8, 32, -1, dtype=torch.bfloat16)
gptq("gptq-act-order", 8, 64, 16, act_order=True)
gptq("gptq-8bit-symmetric", 8, 64, 32, bits=8, symmetric=True)
gptq("gptq-8bit", 8, 32, 32, bits=8)
awq("awq")
fp8("fp8-tensor", 5, 12, (5, 12), (), "weight_scale",
    {"quant_method": "fp8", "activation_scheme": "static"},
    **{"w.input_scale": torch.tensor(0.5)})
fp8("fp8-rows", 5, 12, (1, 12), (5, 1), "weight_scale",
    {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {}})
fp8("fp8-blocks", 21, 35, (16, 32), (2, 2), "weight_scale_inv",
    {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [16, 32],
     "activation_scheme": "dynamic"})
mxfp4("mxfp4")
llama_awq()
int8_blocks("int8-blocks", RANDOM.uniform(0.001, 0.02, (6, 2)).astype(np.float32))
int8_blocks("int8-blocks-flat", RANDOM.uniform(0.001, 0.02, (3, 3)).astype(np.float32), flat=True,
            stem="w")
int8_blocks("int8-blocks-small", np.array([[0.00001], [0.0005], [0.001]], np.float32))
