//! The normal form of versions: PEP 440. Builders and clients spell one version in several ways (`1.0-RC1`, `1.0rc1`),
//! and a wheel's and an sdist's file names must mean the same version.

/// Bytes of a version at most: the API's bound.
const LONGEST: usize = 255;

/// What is left to read.
struct Rest<'a>(&'a str);

/// The normal form of a version; `None` if it is none.
pub(super) fn normal(version: &str) -> Option<String> {
    let lower = version.trim().to_ascii_lowercase();
    if lower.len() > LONGEST || !lower.is_ascii() {
        return None;
    }
    let (public, local) = match lower.split_once('+') {
        Some((public, local)) => (public, Some(local)),
        None => (lower.as_str(), None),
    };
    let mut rest = Rest(public.strip_prefix('v').unwrap_or(public));
    let mut normal = String::with_capacity(lower.len());
    let mut number = rest.number()?;
    if rest.take("!") {
        if number != "0" {
            normal = format!("{number}!");
        }
        number = rest.number()?;
    }
    normal.push_str(number);
    while let Some(number) = rest.component() {
        normal.push('.');
        normal.push_str(number);
    }
    // The longer words first: each is a prefix of no later one.
    let pre = [
        ("alpha", "a"),
        ("beta", "b"),
        ("preview", "rc"),
        ("pre", "rc"),
        ("rc", "rc"),
        ("a", "a"),
        ("b", "b"),
        ("c", "rc"),
    ];
    if let Some((word, number)) = rest.labelled(&pre) {
        normal.push_str(word);
        normal.push_str(number);
    }
    if let Some((_, number)) = rest.labelled(&[("post", ""), ("rev", ""), ("r", "")]) {
        normal.push_str(".post");
        normal.push_str(number);
    } else if let Some(number) = rest.implicit_post() {
        normal.push_str(".post");
        normal.push_str(number);
    }
    if let Some((_, number)) = rest.labelled(&[("dev", "")]) {
        normal.push_str(".dev");
        normal.push_str(number);
    }
    if !rest.0.is_empty() {
        return None;
    }
    if let Some(local) = local {
        let mut mark = '+';
        for part in local.split(['-', '_', '.']) {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return None;
            }
            normal.push(mark);
            normal.push_str(if part.bytes().all(|byte| byte.is_ascii_digit()) { without_zeros(part) } else { part });
            mark = '.';
        }
    }
    Some(normal)
}

fn without_zeros(digits: &str) -> &str {
    let trimmed = digits.trim_start_matches('0');
    if trimmed.is_empty() { "0" } else { trimmed }
}

impl<'a> Rest<'a> {
    fn take(&mut self, text: &str) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self) -> Option<&'a str> {
        let end = self.0.find(|character: char| !character.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        if digits.is_empty() {
            return None;
        }
        self.0 = rest;
        Some(without_zeros(digits))
    }

    /// `.N`
    fn component(&mut self) -> Option<&'a str> {
        let mut ahead = Rest(self.0.strip_prefix('.')?);
        let number = ahead.number()?;
        self.0 = ahead.0;
        Some(number)
    }

    /// `-N`, an old spelling of a post-release.
    fn implicit_post(&mut self) -> Option<&'a str> {
        let mut ahead = Rest(self.0.strip_prefix('-')?);
        let number = ahead.number()?;
        self.0 = ahead.0;
        Some(number)
    }

    /// One of the words, with separators before and after it, and a number that is 0 if it is not there.
    fn labelled(&mut self, words: &[(&'static str, &'static str)]) -> Option<(&'static str, &'a str)> {
        let without_separator = |text: &'a str| text.strip_prefix(['-', '_', '.']).unwrap_or(text);
        let text = without_separator(self.0);
        let (after, means) = words.iter().find_map(|(word, means)| Some((text.strip_prefix(word)?, *means)))?;
        let mut ahead = Rest(without_separator(after));
        if let Some(number) = ahead.number() {
            self.0 = ahead.0;
            return Some((means, number));
        }
        // A separator that no number follows belongs to what comes next.
        self.0 = after;
        Some((means, "0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_version_have_one_form() {
        for (spelled, expected) in [
            ("1", "1"),
            ("1.0", "1.0"),
            ("v1.0.0", "1.0.0"),
            (" 1.0 ", "1.0"),
            ("01.002", "1.2"),
            ("2013c", "2013rc0"),
            ("1.0-RC1", "1.0rc1"),
            ("1.0.rc.1", "1.0rc1"),
            ("1.0c1", "1.0rc1"),
            ("1.0preview2", "1.0rc2"),
            ("1.0alpha", "1.0a0"),
            ("1.0_beta-3", "1.0b3"),
            ("1.0-1", "1.0.post1"),
            ("1.0.post", "1.0.post0"),
            ("1.0-r4", "1.0.post4"),
            ("1.0rc1.post2.dev3", "1.0rc1.post2.dev3"),
            ("1.0.dev", "1.0.dev0"),
            ("1.0a.dev1", "1.0a0.dev1"),
            ("1!2.0", "1!2.0"),
            ("0!2.0", "2.0"),
            ("1.0+Ubuntu-1", "1.0+ubuntu.1"),
            ("1.0+001.a_b", "1.0+1.a.b"),
            ("2024.11.05", "2024.11.5"),
        ] {
            assert_eq!(normal(spelled).as_deref(), Some(expected), "{spelled}");
            assert_eq!(normal(expected).as_deref(), Some(expected), "{expected} is normal");
        }
    }

    #[test]
    fn what_is_no_version_has_no_form() {
        for bad in [
            "",
            "v",
            "a",
            "1..0",
            "1.0.",
            "1.0-",
            "1.0+",
            "1.0+a..b",
            "1.0 1",
            "1/0",
            "../1",
            "1.0rc1rc2",
            "é",
            "1.0+é",
            "!1",
        ] {
            assert_eq!(normal(bad), None, "{bad}");
        }
        assert_eq!(normal(&"1.".repeat(200)), None);
    }
}
