//! GPT-2's way to write bytes as printable characters: bytes that are printable in Latin-1 stand
//! for themselves, the others in order for U+0100 and up.

/// The character that stands for `byte`.
pub fn char_of(byte: u8) -> char {
    let code = u32::from(byte);
    let code = match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => code,
        0..=0x20 => 0x100 + code,
        0x7F..=0xA0 => 0x121 + (code - 0x7F),
        0xAD => 0x143,
    };
    char::from_u32(code).expect("below the surrogates")
}

fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    let byte = match code {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => code,
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 0x7F,
        0x143 => 0xAD,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// The bytes that a token stands for. Characters outside the alphabet, which only tokens that were
/// added by hand contain, stand for themselves.
pub fn decode(token: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    for character in token.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    #[test]
    fn is_the_alphabet_of_the_library() {
        let alphabet = ByteLevel::alphabet();
        let ours: std::collections::HashSet<char> = (0..=255).map(char_of).collect();
        assert_eq!(ours.len(), 256);
        assert!(ours.iter().all(|character| alphabet.contains(character)));
        for byte in 0..=255 {
            assert_eq!(decode(&char_of(byte).to_string()), [byte]);
        }
    }
}
