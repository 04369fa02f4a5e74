//! elements as f16, for what matrix units read. What f16 cannot hold becomes its largest number.
//! enable: f16

alias T = f16;

fn element(value: f32) -> T { return f16(clamp(value, -65504.0, 65504.0)); }

fn elements(values: vec4f) -> vec4<T> {
  return vec4<T>(clamp(values, vec4f(-65504.0), vec4f(65504.0)));
}
