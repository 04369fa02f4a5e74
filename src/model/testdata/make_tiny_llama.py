#!/usr/bin/env python3
"""Writes the seed of model_fuzz, the smallest model of the llama family, by the Python package `gguf`
(0.19.0). Run: python3 make_tiny_llama.py ../model_fuzz_seeds/tiny_llama.gguf"""
import sys

import gguf
import numpy as np

writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_file_type(0)
writer.add_block_count(1)
writer.add_context_length(8)
writer.add_embedding_length(4)
writer.add_feed_forward_length(4)
writer.add_head_count(2)
writer.add_head_count_kv(1)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
writer.add_rope_scaling_factor(2.0)
for name, *shape in [
        ("token_embd.weight", 2, 4), ("output_norm.weight", 4), ("rope_freqs.weight", 1),
        ("blk.0.attn_norm.weight", 4), ("blk.0.attn_q.weight", 4, 4), ("blk.0.attn_k.weight", 2, 4),
        ("blk.0.attn_v.weight", 2, 4), ("blk.0.attn_output.weight", 4, 4), ("blk.0.attn_q.bias", 4),
        ("blk.0.ffn_norm.weight", 4), ("blk.0.ffn_gate.weight", 4, 4), ("blk.0.ffn_up.weight", 4, 4),
        ("blk.0.ffn_down.weight", 4, 4)]:
    writer.add_tensor(name, np.ones(shape, dtype=np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
