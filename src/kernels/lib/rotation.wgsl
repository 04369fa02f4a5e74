//! Cosine and sine of position * frequency, as exact at position 1,000,000 as at 0: the product is
//! taken in fixed point, where whole turns wrap away, and nothing rests on the device's sin().

// The high 32 bits of a * b.
fn mul_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let middle = a_high * b_low + ((a_low * b_low) >> 16u);
  let carry = (middle & 0xffffu) + a_low * b_high;
  return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

// (cos, sin) after `pos` steps of `turn`, a fraction of a full turn in 2^-64: (high, low) words.
fn rotation(turn: vec2u, pos: u32) -> vec2f {
  let angle = turn.x * pos + mul_high(turn.y, pos);  // of a turn, in 2^-32
  let quarter = (angle + 0x20000000u) >> 30u;        // the nearest quarter turn, 0 to 4
  let rest = bitcast<i32>(angle - (quarter << 30u));
  let x = f32(rest) * 1.4629180792671596e-9;  // 2 pi / 2^32, so |x| <= pi / 4
  // Taylor series: the terms left out are below 3e-8.
  let x2 = x * x;
  let s = x * (1.0 + x2 * (-1.0 / 6.0 + x2 * (1.0 / 120.0 + x2 * (-1.0 / 5040.0 + x2 / 362880.0))));
  let c = 1.0 + x2 * (-0.5 + x2 * (1.0 / 24.0 + x2 * (-1.0 / 720.0 + x2 / 40320.0)));
  let odd = (quarter & 1u) != 0u;
  let turned = select(vec2f(c, s), vec2f(-s, c), odd);
  return select(turned, -turned, (quarter & 2u) != 0u);
}
