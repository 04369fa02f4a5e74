//! RWKV's "World" tokenizer: from each place the longest token that fits.

use crate::prefixes::Prefixes;
use crate::tokenizer::Segment;

pub struct Rwkv {
    prefixes: Prefixes,
}

impl Rwkv {
    pub fn new<'a>(tokens: impl Iterator<Item = (&'a [u8], u32)>) -> Self {
        Self { prefixes: Prefixes::new(tokens) }
    }
}

impl Segment for Rwkv {
    fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        let mut rest = text.as_bytes();
        while let Some(byte) = rest.first() {
            let mut longest = None;
            self.prefixes.for_each(rest, |length, id| longest = Some((length, id)));
            let (length, id) =
                longest.ok_or_else(|| format!("The vocabulary has no token for byte {byte}."))?;
            ids.push(id);
            rest = &rest[length..];
        }
        Ok(())
    }
}

/// How the token of one byte is written.
pub fn escape(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".into(),
        b'\t' => "\\t".into(),
        b'\r' => "\\r".into(),
        b'\\' => "\\\\".into(),
        b' '..=b'~' => char::from(byte).into(),
        _ => format!("\\x{byte:02x}"),
    }
}

/// The bytes of a token, which GGUF has as Python writes them: "\n", "\xff", "\\".
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let code = escaped.chars().next()?;
        rest = &escaped[code.len_utf8()..];
        match code {
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'r' => bytes.push(b'\r'),
            'x' => {
                let digits = rest.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            _ => bytes.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_python() {
        assert_eq!(unescape(r"a\n\t\r\\\'\x00\xffé").unwrap(), b"a\n\t\r\\'\x00\xff\xc3\xa9");
        assert_eq!(escape(b'\\'), r"\\");
        for byte in 0..=255 {
            assert_eq!(unescape(&escape(byte)).unwrap(), [byte]);
        }
        for broken in [r"\", r"\x", r"\x1", r"\xg0", r"\x+1"] {
            assert!(unescape(broken).is_none(), "{broken}");
        }
    }
}
