//! A convolution of each channel by itself along the rows of a sequence, then SiLU:
//!   y[r, c] = silu(sum over j < kTaps of w[c, j] * x[r - kTaps + 1 + j, c])
//! Rows of x before the step's are in the sequence's state, where its last ones go; without a state they are 0.
//! const kTaps, kKept = kTaps - 1, kShifted = kTaps - 2
//! grid: x covers the channels, y: a sequence
//! import: step
//! import: activation_silu

override WG: u32;

struct Params {
  sequences: u32,
  channels: u32,
  x_stride: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> sequences: array<Sequence>;
@group(0) @binding(1) var<storage, read> x: array<f32>;           // [rows, x_stride]
@group(0) @binding(2) var<storage, read> w: array<f32>;           // [channels, kTaps]
@group(0) @binding(3) var<storage, read_write> states: array<f32>;  // [states, kKept, channels]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;     // [rows, channels]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = group.x * WG + lane;
  if (channel >= p.channels) { return; }
  let sequence = sequences[group.y];
  let size = kKept * p.channels;
  var before: array<f32, kKept>;  // the oldest first
  if (sequence.before != kNoState) {
    for (var j = 0u; j < kKept; j++) {  //! unroll
      before[j] = states[sequence.before * size + j * p.channels + channel];
    }
  }
  var weights: array<f32, kTaps>;
  for (var j = 0u; j < kTaps; j++) {  //! unroll
    weights[j] = w[channel * kTaps + j];
  }
  for (var i = 0u; i < sequence.n_rows; i++) {
    let row = sequence.first_row + i;
    let newest = x[row * p.x_stride + channel];
    var sum = weights[kKept] * newest;
    for (var j = 0u; j < kKept; j++) {  //! unroll
      sum += weights[j] * before[j];
    }
    for (var j = 0u; j < kShifted; j++) {  //! unroll
      before[j] = before[j + 1u];
    }
    before[kShifted] = newest;
    y[row * p.channels + channel] = activate(sum);
  }
  for (var j = 0u; j < kKept; j++) {  //! unroll
    states[sequence.state * size + j * p.channels + channel] = before[j];
  }
  if (sequence.kept == kNoState) { return; }
  for (var j = 0u; j < kKept; j++) {  //! unroll
    states[sequence.kept * size + j * p.channels + channel] = before[j];
  }
}
