#!/usr/bin/env python3
"""Writes a small GGUF with every kind of value, by the Python package `gguf` (0.19.0): gguf_test.cpp
reads it, and it is the seed of gguf_fuzz. Run: python3 make_gguf.py ../gguf_fuzz_seeds/small.gguf"""
import sys

import gguf
import numpy as np

writer = gguf.GGUFWriter(sys.argv[1], "small")
writer.add_uint8("test.u8", 200)
writer.add_int8("test.i8", -100)
writer.add_uint16("test.u16", 60000)
writer.add_int16("test.i16", -30000)
writer.add_uint32("test.u32", 4000000000)
writer.add_int32("test.i32", -2000000000)
writer.add_float32("test.f32", 0.1)
writer.add_bool("test.bool", True)
writer.add_string("test.string", "wärp")
writer.add_uint64("test.u64", 10**19)
writer.add_int64("test.i64", -(9 * 10**18))
writer.add_float64("test.f64", 0.1)
writer.add_array("test.strings", ["one", "", "three"])
writer.add_array("test.i32s", [1, -2, 3])
writer.add_array("test.f32s", [0.5, -0.25])
writer.add_tensor("a.weight", np.arange(6, dtype=np.float32).reshape(2, 3))
writer.add_tensor("b.weight", gguf.quants.quantize(
    np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 64), gguf.GGMLQuantizationType.Q8_0),
    raw_dtype=gguf.GGMLQuantizationType.Q8_0)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
