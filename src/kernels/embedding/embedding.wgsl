//! x[row, :] = scale * W[token of the row, :], for the rows whose token lies in this part of W.
//! grid: x covers the quads (four columns) of one row, y: a row
//! import: step
//! import: weight
//! import: unit_place

override WG: u32;
override OF_POSITIONS: bool;  // rows of W stand for positions, and are added to what x holds

struct Params {
  rows: u32,
  quads: u32,         // of a row of x
  units: u32,         // of a row of W
  vocab: u32,         // tokens from here on are taken for the last
  first_token: u32,   // of this part
  part_tokens: u32,
  scale: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rows: array<Row>;
@group(0) @binding(1) var<storage, read> slot_tokens: array<u32>;  // [slots]
@group(0) @binding(2) var<storage, read_write> x: array<vec4f>;    // [rows, quads]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = group.x * WG + lane;
  if (quad >= p.quads) { return; }
  let row = rows[group.y];
  var token = row.token;
  if (OF_POSITIONS) { token = row.pos; }
  if (token == kTokenOfSlot) { token = slot_tokens[row.slot]; }
  let part_token = min(token, p.vocab - 1u) - p.first_token;  // wraps where the part starts later
  if (part_token >= p.part_tokens) { return; }
  let unit = load_unit(unit_place(part_token, 4u * quad / UNIT, p.units));
  var value = p.scale * unit_quad(unit, quad % (UNIT / 4u));
  if (OF_POSITIONS) { value += x[group.y * p.quads + quad]; }
  x[group.y * p.quads + quad] = value;
}
