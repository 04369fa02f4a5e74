//! What a head's sink does to its softmax: a score more, of no value.

override SINKS: bool;

// The softmax so far has the largest score `largest` and weights exp(score - largest) with the sum `sum`: what a sum of
// weighted values is multiplied with, and what it is divided by.
fn with_sink(largest: f32, sum: f32, sink: f32) -> vec2f {
  if (!SINKS) { return vec2f(1.0, sum); }
  let most = max(largest, sink);
  let shrink = exp(largest - most);
  return vec2f(shrink, sum * shrink + exp(sink - most));
}
