//! Small matrices that a subgroup multiplies at once, on matrix units: kM x kK halves times kK x kN halves, added to
//! kM x kN sums in f32. They come from and go to `tile`, an array of vec4u in workgroup memory that the importing
//! file declares, through WGSL's own functions: drivers lose speed where matrices are passed to others. Places and
//! strides count the tile's elements: 8 halves, or 4 sums.
//! const kM, kN, kK: an f16 to f32 entry of AdapterInfo::matrix_configs
//! enable: f16
//! enable: subgroups
//! enable: chromium_experimental_subgroup_matrix
//! diagnostic_off: chromium.subgroup_matrix_uniformity

alias Left = subgroup_matrix_left<f16, kK, kM>;
alias Right = subgroup_matrix_right<f16, kN, kK>;
alias Sums = subgroup_matrix_result<f32, kN, kM>;

struct Lane {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) in_subgroup: u32,
  @builtin(subgroup_id) subgroup: u32,
}
