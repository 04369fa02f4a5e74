//! y = gated(gate, up), mostly activate(gate) * up; a row of gate_up has gate and then up. Without gate: y = activate(up).
//! If WEIGHED, gate is multiplied by the weight of the row's choice before.
//! grid: x covers the quads of a row of y, y: a row
//! import: activation
//! import: elements
//! import: place
//! import: expert_choice

override WG: u32;
override GATED: bool;
override WEIGHED: bool;

struct Params {
  rows: u32,
  quads: u32,  // of a row of y
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gate_up: array<vec4f>;          // [rows, 2, quads], or [rows, quads]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<T>>;  // [rows, quads]
@group(0) @binding(2) var<storage, read> choices: array<Choice>;   // [rows]; not read unless WEIGHED

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = group.x * WG + lane;
  if (quad >= p.quads) { return; }
  let first = select(1u, 2u, GATED) * group.y * p.quads + quad;
  var x = gate_up[first];
  if (WEIGHED) { x *= choices[group.y].weight; }
  var value: vec4f;
  if (GATED) {
    let up = gate_up[first + p.quads];
    value = vec4f(gated(x.x, up.x), gated(x.y, up.y), gated(x.z, up.z), gated(x.w, up.w));
  } else {
    value = vec4f(activate(x.x), activate(x.y), activate(x.z), activate(x.w));
  }
  y[place(group.y, 4u * quad, 4u * p.quads) / 4u] = elements(value);
}
