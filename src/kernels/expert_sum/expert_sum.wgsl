//! y[row, :] += sum over choices of weight * x[row, choice, :], in their order
//! grid: x covers the quads of a row, y: a row
//! import: expert_choice

override WG: u32;

struct Params {
  rows: u32,
  used: u32,   // choices of a row
  quads: u32,  // of a row
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<vec4f>;          // [rows, used, quads]
@group(0) @binding(1) var<storage, read> choices: array<Choice>;   // [rows, used]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;  // [rows, quads]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = group.x * WG + lane;
  if (quad >= p.quads) { return; }
  var sum = vec4f();
  for (var i = group.y * p.used; i < (group.y + 1u) * p.used; i++) {
    sum += choices[i].weight * x[i * p.quads + quad];
  }
  y[group.y * p.quads + quad] += sum;
}
