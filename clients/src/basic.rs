//! HTTP's Basic scheme, as CodeArtifact takes a token: the user `aws`, the token as the password.

use zeroize::Zeroizing;

/// The user that goes with every token.
pub const USER: &str = "aws";

/// The scheme, and what is between it and the credentials.
const SCHEME: &str = "Basic ";

/// RFC 4648, section 4.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value of an `Authorization` header, in memory that is wiped and was never moved.
pub fn authorization(token: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(Vec::with_capacity(USER.len() + 1 + token.len()));
    for part in [USER, ":", token] {
        plain.extend_from_slice(part.as_bytes());
    }
    let mut value = Zeroizing::new(String::with_capacity(SCHEME.len() + plain.len().div_ceil(3) * 4));
    value.push_str(SCHEME);
    for group in plain.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) & 0x3f;
            value.push(if place > group.len() { '=' } else { char::from(ALPHABET[sextet as usize]) });
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of the `base64` program.
    #[test]
    fn tokens_of_every_length_are_encoded() {
        for (token, value) in [
            ("", "Basic YXdzOg=="),
            ("T", "Basic YXdzOlQ="),
            ("TO", "Basic YXdzOlRP"),
            ("TOKEN", "Basic YXdzOlRPS0VO"),
            ("\u{fb}\u{ff}>?", "Basic YXdzOsO7w78+Pw=="),
        ] {
            assert_eq!(*authorization(token), value);
        }
    }

    #[test]
    fn the_value_is_written_once() {
        let value = authorization(&"x".repeat(2_000));
        assert_eq!(value.capacity(), value.len());
    }
}
