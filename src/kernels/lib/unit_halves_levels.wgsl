//! unit_halves for weights that are lines over levels of a byte, computed in f16: a level below 1024 is the last
//! bits of the half 1024 + level. Lines are held so that no weight leaves f16; those of real models are far inside.
//! const kSigned: 1 where levels are -128 .. 127, else 0
//! import: weight
//! enable: f16

const kSteepest = vec2f(128.0, 32768.0);

fn halves_of_line(pair: u32, by: f16, plus: f16) -> u32 {
  let level = bitcast<vec2<f16>>((pair ^ (kSigned * 0x00800080u)) | 0x64006400u) - f16(1024u + 128u * kSigned);
  return bitcast<u32>(fma(level, vec2(by), vec2(plus)));
}

fn unit_halves(unit: Unit, eight: u32) -> vec4u {
  let words = dot_words(unit, eight);
  let pairs = (words.xyxy >> vec4u(0u, 0u, 8u, 8u)) & vec4u(0x00ff00ffu);
  let line = clamp(unit_line(unit, eight / 2u), -kSteepest, kSteepest);
  let by = f16(line.x);
  let plus = f16(line.y);
  return vec4u(halves_of_line(pairs.x, by, plus), halves_of_line(pairs.y, by, plus),
               halves_of_line(pairs.z, by, plus), halves_of_line(pairs.w, by, plus));
}
