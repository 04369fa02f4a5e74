//! Words of the KV cache, two halfs each: [blocks, n_kv_heads, kBlockTokens, head_dim / 2].
//! import: step

// What f16 cannot hold becomes its largest number, so that the cache stays finite.
fn pack(word: vec2f) -> u32 { return pack2x16float(clamp(word, vec2f(-65504.0), vec2f(65504.0))); }

// The first word of a row's head.
fn cache_word(row: Row, kv_head: u32, n_kv_heads: u32, head_dim: u32) -> u32 {
  let block = row.place / kBlockTokens;
  let token = (block * n_kv_heads + kv_head) * kBlockTokens + row.place % kBlockTokens;
  return token * (head_dim / 2u);
}
