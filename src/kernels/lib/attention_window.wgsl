//! Which keys a row sees. The kernel's parameters have `window`, the number of them at most; if CHUNKED, none lies
//! before the last multiple of it.

override CHUNKED: bool;

// The first key that a row at `pos` sees; the last is its own.
fn first_seen(pos: u32) -> u32 {
  if (CHUNKED) { return pos - pos % p.window; }
  return pos + 1u - min(p.window, pos + 1u);
}
