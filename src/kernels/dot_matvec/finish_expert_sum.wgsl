//! Adds to y what the experts chosen give together, with their biases times the router's weights; x has been multiplied
//! by those. Pairs are neighbours, and N is even.

override HAS_BIAS: bool;

@group(0) @binding(1) var<storage, read_write> y: array<vec2f>;  // [rows, N / 2]
@group(0) @binding(2) var<storage, read> bias: array<vec2f>;     // [experts, N / 2]; not read unless HAS_BIAS

fn finish(row: u32, pair: u32, values: vec2f) {
  var sum = values;
  if (HAS_BIAS) {
    for (var i = row * USED; i < (row + 1u) * USED; i++) {
      sum += choices[i].weight * bias[choices[i].expert * (N / 2u) + pair];
    }
  }
  y[row * (N / 2u) + pair] += sum;
}
