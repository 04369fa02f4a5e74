//! Puts the choices of all rows into tiles of TILE that chose the same expert, experts and choices in their order. The
//! last tile of an expert may have fewer: kNone fills it.
//! grid: x: an expert
//! import: expert_choice
//! import: lane_scan

override TILE: u32;
const MAX_EXPERTS = 1024u;
const kNone = 0xffffffffu;

struct Params {
  rows: u32,
  used: u32,
  experts: u32,  // at most MAX_EXPERTS
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> choices: array<Choice>;       // [rows, used]
@group(0) @binding(1) var<storage, read_write> tiles: array<u32>;  // their number, then [tiles, 1 + TILE]

var<workgroup> counts: array<atomic<u32>, MAX_EXPERTS>;  // of each expert's choices
var<workgroup> tiles_before: atomic<u32>;

fn tiles_for(count: u32) -> u32 { return (count + TILE - 1u) / TILE; }

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let expert = group.x;
  let n = p.rows * p.used;
  for (var i = lane; i < n; i += kLanes) { atomicAdd(&counts[choices[i].expert], 1u); }
  workgroupBarrier();
  for (var i = lane; i < expert; i += kLanes) {
    atomicAdd(&tiles_before, tiles_for(atomicLoad(&counts[i])));
  }
  // A lane has neighbouring choices, so that they stay in order.
  let share = (n + kLanes - 1u) / kLanes;
  let begin = min(lane * share, n);
  let end = min(begin + share, n);
  var own = 0u;
  for (var i = begin; i < end; i++) { own += u32(choices[i].expert == expert); }
  scan(Sums(own, 0.0), lane);

  let count = atomicLoad(&counts[expert]);
  let first_tile = atomicLoad(&tiles_before);
  let end_tile = first_tile + tiles_for(count);
  var at = first_tile * TILE + sums_before(lane).count;
  for (var i = begin; i < end; i++) {
    if (choices[i].expert != expert) { continue; }
    tiles[at + at / TILE + 2u] = i;
    at++;
  }
  for (var i = first_tile * TILE + count + lane; i < end_tile * TILE; i += kLanes) { tiles[i + i / TILE + 2u] = kNone; }
  for (var i = first_tile + lane; i < end_tile; i += kLanes) { tiles[1u + i * (1u + TILE)] = expert; }
  if (expert + 1u == p.experts && lane == 0u) { tiles[0] = end_tile; }
}
