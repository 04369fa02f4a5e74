#!/usr/bin/env python3
"""Writes a small safetensors file by the Python package `safetensors` (0.8.0): safetensors_test.cpp reads
it, and it is the seed of safetensors_fuzz. Run: python3 make_safetensors.py ../safetensors_fuzz_seeds/small.safetensors"""
import sys

import numpy as np
from safetensors.numpy import save_file

save_file({"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
           "b": np.array([1.5, -2], dtype=np.float16),
           "c": np.array(7, dtype=np.int64),
           "empty": np.zeros((0, 4), dtype=np.float32),
           "flags": np.array([True, False])}, sys.argv[1], metadata={"format": "np"})
