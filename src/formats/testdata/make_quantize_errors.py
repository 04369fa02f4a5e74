#!/usr/bin/env python3
"""Writes quantize_errors.h: the errors that ggml's own quantisers (llama.cpp of September 2026) leave on
numbers that the test makes again, weighted by the importance of columns where there is one.
Run: python3 make_quantize_errors.py LIBGGML_BASE_SO > quantize_errors.h"""
import ctypes
import sys

import gguf
import numpy as np

ROWS, COLS = 16, 2048
TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
         "IQ4_XS", "MXFP4"]


def numbers(n, state):
    """Near a normal distribution: sums of six high bytes of x = x * 1664525 + 1013904223 mod 2^32."""
    out = np.zeros(n, dtype=np.float32)
    for i in range(n):
        total = 0
        for _ in range(6):
            state = (state * 1664525 + 1013904223) % 2**32
            total += state >> 24
        out[i] = (total - 765) / 256
    return out


def error(values, decoded, importance):
    squares = importance * values.astype(np.float64) ** 2
    errors = importance * (values.astype(np.float64) - decoded) ** 2
    return float((errors.sum() / squares.sum()) ** 0.5)


ggml = ctypes.CDLL(sys.argv[1])
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                                     ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
values = numbers(ROWS * COLS, 1).reshape(ROWS, COLS)
matrix = (1 + numbers(COLS, 2) ** 2).astype(np.float32)
print("// Made by make_quantize_errors.py with ggml; see there.\n#pragma once\n")
print('#include "formats/tensor_type.h"\n\n// clang-format off\nnamespace weft::formats::golden {\n')
print("struct QuantizeError {\n  TensorType type;\n  double plain, weighted;  // by importance\n};")
print(f"inline constexpr size_t kErrorRows = {ROWS}, kErrorCols = {COLS};")
print("inline constexpr QuantizeError kQuantizeErrors[] = {")
for name in TYPES:
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = np.zeros(ROWS * COLS // elements * size, dtype=np.uint8)
    errors = []
    for importance in (None, matrix):
        ggml.ggml_quantize_chunk(int(kind), values.ctypes.data, blocks.ctypes.data, 0, ROWS, COLS,
                                 None if importance is None else importance.ctypes.data)
        decoded = gguf.quants.dequantize(blocks.reshape(ROWS, -1), kind).reshape(ROWS, COLS)
        errors.append(error(values, decoded, np.ones(COLS) if importance is None else importance))
    print(f"    {{TensorType::k{name}, {errors[0]:.6f}, {errors[1]:.6f}}},")
print("};\n\n}  // namespace weft::formats::golden")
