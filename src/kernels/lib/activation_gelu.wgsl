//! GELU, x (1 + erf(x / sqrt(2))) / 2; erf within 1.5e-7 by a polynomial (Abramowitz and Stegun, 7.1.26).

fn activate(x: f32) -> f32 {
  let z = min(abs(x) * 0.70710678, 10.0);
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let rest = series * exp(-z * z);  // 1 - erf(z)
  return 0.5 * x * select(2.0 - rest, rest, x < 0.0);
}

fn gated(gate: f32, up: f32) -> f32 { return activate(gate) * up; }
