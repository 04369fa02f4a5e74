//! Units of 32 activations as integers of 16 bits with a common scale, x = scale q. A q is taken apart into bytes,
//! q = 256 high + low, that packed dot products take; eight of them lie in dot order (lib/dot_order.wgsl).

const kLevels = 32512.0;  // the largest q: its high byte is 127

struct XUnit {
  high: array<vec2u, 4>,
  low: array<vec2u, 4>,
  line: vec4f,  // scale, then scale times the sums of the first 16 q and of the last
}
