//! How text from outside is shown in a message.

use std::fmt::Write as _;

/// The most characters of foreign text a message repeats.
const LONGEST: usize = 80;

/// `bytes` as a message may show them: printable ASCII as it is, everything else escaped, cut to 80 characters.
///
/// Everything else, and not only control characters: what a look-alike letter or a change of writing direction does
/// to a host name is the very thing a reader must see.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == ' ' || character.is_ascii_graphic() {
                text.push(character);
            } else {
                text.extend(character.escape_default());
            }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("a string takes all that is written");
        }
        if text.len() > LONGEST {
            break;
        }
    }
    if text.len() > LONGEST {
        text.truncate(LONGEST - 3);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn plain_text_stays() {
        assert_eq!(shown(b"my-domain 1"), "my-domain 1");
    }

    #[test]
    fn control_direction_and_look_alike_characters_are_escaped() {
        assert_eq!(shown("a\n\u{1b}[31m".as_bytes()), "a\\n\\u{1b}[31m");
        assert_eq!(shown("\u{202e}\u{2028}\u{85}".as_bytes()), "\\u{202e}\\u{2028}\\u{85}");
        assert_eq!(shown("\u{430}mazon".as_bytes()), "\\u{430}mazon");
        assert_eq!(shown(b"\xff\xfe\0"), "\\xff\\xfe\\u{0}");
    }

    #[test]
    fn long_text_is_cut_to_80_characters() {
        assert_eq!(shown(&[b'a'; 80]), "a".repeat(80));
        assert_eq!(shown(&[b'a'; 81]), format!("{}...", "a".repeat(77)));
        assert_eq!(shown("\u{1f600}".repeat(100_000).as_bytes()).len(), 80);
    }
}
