//! Which keys a row sees. The kernel's parameters have `window`, the number of them at most.

// The first key that a row at `pos` sees; the last is its own.
fn first_seen(pos: u32) -> u32 { return pos + 1u - min(p.window, pos + 1u); }
