#!/usr/bin/env python3
"""Writes quants_golden.h: random blocks of each type, and the float bits that the Python package
`gguf` (0.19.0, with numpy) decodes them to. Run: python3 make_quants.py > quants_golden.h"""
import gguf
import numpy as np

TYPES = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
# Offset of each binary16 number in a block: random bytes there could be infinite.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def lines(numbers, form, per_line):
    for i in range(0, len(numbers), per_line):
        print("    " + " ".join(form % n + "," for n in numbers[i:i + per_line]))


rng = np.random.default_rng(3)
print("// Made by make_quants.py with the Python package gguf; see there.\n#pragma once\n")
print("#include <cstdint>\n\n// clang-format off\nnamespace weft::formats::golden {\n")
for name in TYPES:
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    n_blocks = 32 if elements == 1 else 64 // elements or 1
    if name in HALVES:
        blocks = rng.integers(0, 256, (n_blocks, size), dtype=np.uint8)
        for offset in HALVES[name]:
            scale = (rng.standard_normal(n_blocks) * 0.01).astype(np.float16)
            blocks[:, offset:offset + 2] = scale.view(np.uint8).reshape(n_blocks, 2)
    else:
        values = rng.standard_normal(n_blocks).astype(np.float32)
        blocks = gguf.quants.quantize(values, kind).view(np.uint8)
    decoded = gguf.quants.dequantize(blocks.reshape(-1), kind).reshape(-1).astype(np.float32)
    print(f"inline constexpr uint8_t k{name}Blocks[] = {{")
    lines(blocks.reshape(-1).tolist(), "%d", 24)
    print("};")
    print(f"inline constexpr uint32_t k{name}Bits[] = {{")
    lines(decoded.view(np.uint32).tolist(), "0x%08x", 8)
    print("};\n")

print("struct Size {\n  uint32_t type, elements, bytes;\n};")
print("inline constexpr Size kSizes[] = {")
for kind, (elements, size) in gguf.GGML_QUANT_SIZES.items():
    print(f"    {{{int(kind)}, {elements}, {size}}},  // {kind.name}")
print("};\n\n}  // namespace weft::formats::golden")
