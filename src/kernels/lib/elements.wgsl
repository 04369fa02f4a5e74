//! How a kernel stores its results: as f32. Another choice is elements_f16.

alias T = f32;

fn element(value: f32) -> T { return value; }

fn elements(values: vec4f) -> vec4<T> { return values; }
