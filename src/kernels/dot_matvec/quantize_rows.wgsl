//! Makes rows of x, perhaps normed, into integers for dot_matvec, which reads them by x_stored.
//! grid: one workgroup a row
//! import: x_prepare

struct Params {
  rows: u32,
}
var<immediate> p: Params;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) { prepare_x(group.x, lane); }
