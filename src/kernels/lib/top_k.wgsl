//! The kTopK first of a workgroup's candidates, exactly.
//! Every invocation finds the first of its own entries, at most kOwnEntries. Of these, the kTopK-th
//! is a bound: nothing after it can be among the kTopK first, and since just kTopK invocations have
//! anything before it or at it, at most kTopK * kOwnEntries entries are left to sort.
//! Needs: fn entry(output: u32, index: u32) -> Candidate, no two of an output's with one token
//! import: candidate

const kLanes = 256u;
const kTopK = 64u;
const kOwnEntries = 16u;
const kListed = kTopK * kOwnEntries;  // at least kLanes

var<workgroup> list: array<Candidate, kListed>;
var<workgroup> n_listed: atomic<u32>;
var<workgroup> sorted_size: u32;

// Puts list[0, size) in order. Bitonic (Batcher 1968): `size` is a power of two.
fn sort_list(size: u32, lane: u32) {
  for (var run = 2u; run <= size; run *= 2u) {
    for (var gap = run / 2u; gap > 0u; gap /= 2u) {
      workgroupBarrier();
      for (var i = lane; i < size / 2u; i += kLanes) {
        let a = 2u * i - (i & (gap - 1u));
        let b = a + gap;
        let first = list[a];
        let second = list[b];
        if (comes_before(second, first) == ((a & run) == 0u)) {
          list[a] = second;
          list[b] = first;
        }
      }
    }
  }
  workgroupBarrier();
}

// Leaves the first of entries part, part + parts, ... (each of kLanes entries) in list[0, kTopK),
// in order; where there are fewer, kNoCandidate follows.
fn select_top_k(output: u32, part: u32, parts: u32, n_entries: u32, lane: u32) {
  let start = part * kLanes + lane;
  let stride = parts * kLanes;
  var own = kNoCandidate;
  for (var i = start; i < n_entries; i += stride) {
    let candidate = entry(output, i);
    if (comes_before(candidate, own)) { own = candidate; }
  }
  list[lane] = own;
  sort_list(kLanes, lane);
  let bound = list[kTopK - 1u];
  workgroupBarrier();
  for (var i = start; i < n_entries; i += stride) {
    let candidate = entry(output, i);
    if (comes_before(candidate, kNoCandidate) && !comes_before(bound, candidate)) {
      list[atomicAdd(&n_listed, 1u)] = candidate;
    }
  }
  workgroupBarrier();
  let n = atomicLoad(&n_listed);
  if (lane == 0u) {
    sorted_size = kTopK;
    while (sorted_size < n) { sorted_size *= 2u; }
  }
  let size = workgroupUniformLoad(&sorted_size);
  for (var i = n + lane; i < size; i += kLanes) { list[i] = kNoCandidate; }
  sort_list(size, lane);
}
