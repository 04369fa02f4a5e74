#!/usr/bin/env python3
"""Writes point_hashes.h: hashes of what the Python package `gguf` (0.19.0, with numpy) decodes blocks
of pseudo-random bytes to, and of its codebooks. Run: python3 make_point_hashes.py > point_hashes.h"""
import gguf
import numpy as np

N_BLOCKS = 32
# The last byte of each binary16 number in a block: bit 6 is cleared, so that it is finite.
HALVES = {"IQ4_NL": [1], "IQ4_XS": [1], "MXFP4": [], "NVFP4": [], "TQ1_0": [53], "TQ2_0": [65],
          "IQ1_S": [1], "IQ1_M": [55], "IQ2_XXS": [1], "IQ2_XS": [1], "IQ2_S": [1],
          "IQ3_XXS": [1], "IQ3_S": [1]}
CODEBOOKS = ["IQ1_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"]


def random_bytes(n):
    """The high bytes of x = x * 1664525 + 1013904223 mod 2^32, from x = 1."""
    x, out = 1, bytearray()
    for _ in range(n):
        x = (x * 1664525 + 1013904223) % 2**32
        out.append(x >> 24)
    return np.frombuffer(bytes(out), dtype=np.uint8)


def hash_of(data):
    """FNV-1a of 32 bits."""
    h = 2166136261
    for byte in data:
        h = (h ^ byte) * 16777619 % 2**32
    return h


print("// Made by make_point_hashes.py with the Python package gguf; see there.\n#pragma once\n")
print("#include <cstdint>\n\n// clang-format off\nnamespace weft::formats::golden {\n")
print(f"inline constexpr uint32_t kHashedBlocks = {N_BLOCKS};")
for name, halves in HALVES.items():
    kind = gguf.GGMLQuantizationType[name]
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random_bytes(N_BLOCKS * size).reshape(N_BLOCKS, size).copy()
    blocks[:, halves] &= 0xBF
    decoded = gguf.quants.dequantize(blocks.reshape(-1), kind).astype(np.float32)
    hashes = [hash_of(row.tobytes()) for row in decoded.reshape(N_BLOCKS, -1)]
    print(f"inline constexpr uint32_t k{name}Hashes[] = {{")
    for i in range(0, N_BLOCKS, 8):
        print("    " + " ".join(f"0x{h:08x}," for h in hashes[i:i + 8]))
    print("};")
for name in CODEBOOKS:
    kind = getattr(gguf.quants, name)
    kind.init_grid()
    print(f"inline constexpr uint32_t k{name}Codebook = "
          f"0x{hash_of(kind.grid.astype(np.int8).tobytes()):08x};")
print("\n}  // namespace weft::formats::golden")
