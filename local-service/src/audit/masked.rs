//! What must not be in a line: blackened wherever it stands.

/// Stands for what was blackened.
pub(super) const MASK: &str = "***";

/// How tokens begin, and how they do where somebody has put `aws:TOKEN` into Base64 for a header.
const BEGINNINGS: [&[u8]; 2] = [b"eyJ", b"YXdzOmV5"];
/// Characters of one that are enough to know it by: no part of a token that is longer is left.
const SHORTEST: usize = 24;

/// Blackens everything from this place on that looks like a token. What is written is JSON before and after.
pub(super) fn mask_tokens(line: &mut Vec<u8>, from: usize) {
    let Some(mut at) = find(line, from) else { return };
    let mut masked = line[..at].to_vec();
    let mut rest = at;
    loop {
        let end = line[at..].iter().position(|byte| !is_of_token(*byte)).map_or(line.len(), |length| at + length);
        if end - at >= SHORTEST {
            masked.extend_from_slice(&line[rest..at]);
            masked.extend_from_slice(MASK.as_bytes());
            rest = end;
        }
        match find(line, end) {
            Some(next) => at = next,
            None => break,
        }
    }
    masked.extend_from_slice(&line[rest..]);
    *line = masked;
}

fn find(line: &[u8], from: usize) -> Option<usize> {
    (from..line.len()).find(|at| {
        matches!(line[*at], b'e' | b'Y') && BEGINNINGS.iter().any(|beginning| line[*at..].starts_with(beginning))
    })
}

/// Also as it is in a URL that was escaped more than it needs, and in Base64.
const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(line: &str) -> String {
        let mut line = line.as_bytes().to_vec();
        mask_tokens(&mut line, 0);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn what_looks_like_a_token_is_blackened() {
        let token = format!("eyJ{}.{}", "a1_-".repeat(10), "Zz9~".repeat(80));
        for (line, expected) in [
            (format!("{{\"a\":\"{token}\"}}"), "{\"a\":\"***\"}".to_owned()),
            (format!("{token} and {token}"), "*** and ***".to_owned()),
            (format!("x={token}&y=1"), "x=***&y=1".to_owned()),
            (format!("before{token}\""), "before***\"".to_owned()),
            (token.replace('.', "%2E"), "***".to_owned()),
            ("\"YXdzOmV5SmFiYzEyMzQ1Njc4OTA=\"".to_owned(), "\"***\"".to_owned()),
        ] {
            assert_eq!(masked(&line), expected);
        }
        for plain in ["", "eyJ", "\"package\":\"keyJar\"", "eyJs-are-short eyJ-and-apart", "sha256-0123456789abcdef"] {
            assert_eq!(masked(plain), plain);
        }
        let mut line = format!("{token} {token}").into_bytes();
        mask_tokens(&mut line, token.len());
        assert_eq!(line, format!("{token} ***").into_bytes(), "what was written before stays");
    }
}
