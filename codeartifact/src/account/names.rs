//! The words of an account rule: patterns of names, a role, how long a token is to hold.

use std::{fmt, str::FromStr, time::Duration};

use crate::endpoint::AccountId;

/// Names with `*` for any run of characters, an empty one too: `team-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Whether a name is one of those.
    pub fn holds(&self, name: &str) -> bool {
        matches(self.0.as_bytes(), name.as_bytes())
    }

    /// Whether every name of `other` is one of these, too.
    ///
    /// A star of the other stands for anything, so only a star takes it: read as a name, the other has to match.
    pub(crate) fn covers(&self, other: &Pattern) -> bool {
        matches(self.0.as_bytes(), other.0.as_bytes())
    }

    /// The one name it stands for, where there is no star in it.
    pub fn name(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }
}

/// Goes through both at once and comes back to the last star where they part.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            // In a name there is no star; where a pattern is read as one, a star is taken by a star alone.
            Some(&byte) if byte == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                at = after + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

impl FromStr for Pattern {
    /// The rule it breaks.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'*');
        if (1..=100).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it is a name of letters, digits, dots, underscores and dashes, with `*` for any run of them")
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The ARN of an IAM role: `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn(String);

impl RoleArn {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition, such as `aws`.
    pub fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }
}

impl FromStr for RoleArn {
    /// The rule it breaks.
    type Err = &'static str;

    /// The grammar of the IAM API reference: 64 characters of `[\w+=,.@-]` for the name, 512 for the path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "a role is `arn:PARTITION:iam::ACCOUNT:role/NAME`";
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service, region, account, role) = (next(), next(), next(), next(), next(), next());
        let partition_holds = partition.starts_with("aws")
            && partition.len() <= 20
            && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let name_holds = role.strip_prefix("role/").is_some_and(|path| {
            let (front, name) = path.rsplit_once('/').unwrap_or(("", path));
            let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
            (1..=64).contains(&name.len())
                && name.bytes().all(word)
                && front.len() <= 510
                && front.bytes().all(|byte| byte.is_ascii_graphic())
        });
        let holds = arn == "arn" && service == "iam" && region.is_empty() && account.parse::<AccountId>().is_ok();
        if holds && partition_holds && name_holds { Ok(Self(text.to_owned())) } else { Err(SHAPE) }
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the session of the role that asks: `durationSeconds` 0.
    Session,
    /// This many seconds, 900 to 43,200.
    Seconds(u32),
}

impl Lifetime {
    /// The service's `durationSeconds`.
    pub fn duration_seconds(self) -> u32 {
        match self {
            Lifetime::Session => 0,
            Lifetime::Seconds(seconds) => seconds,
        }
    }
}

impl FromStr for Lifetime {
    /// The rule it breaks.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "it is `session`, or a number with `s`, `m` or `h` from 15m to 12h, as in 1h";
        if text == "session" {
            return Ok(Lifetime::Session);
        }
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(RULE)?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            _ => return Err(RULE),
        };
        let is_number = (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = number.parse::<u32>().ok().filter(|_| is_number).and_then(|number| number.checked_mul(factor));
        // The API's own bounds: 0, or 15 minutes to 12 hours.
        seconds.filter(|seconds| (900..=43_200).contains(seconds)).map(Lifetime::Seconds).ok_or(RULE)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lifetime::Session => f.write_str("as long as the role's session"),
            Lifetime::Seconds(seconds) => {
                let time = Duration::from_secs((*seconds).into()).as_secs();
                match (time / 3600, time % 3600 / 60, time % 60) {
                    (hours, 0, 0) => write!(f, "{hours} h"),
                    (0, minutes, 0) => write!(f, "{minutes} min"),
                    (hours, minutes, 0) => write!(f, "{hours} h {minutes} min"),
                    _ => write!(f, "{time} s"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (text, name, expected) in [
            ("team", "team", true),
            ("team", "teams", false),
            ("team-*", "team-", true),
            ("team-*", "team-a-b", true),
            ("team-*", "my-team-a", false),
            ("*", "x", true),
            ("*-team-*", "my-team-a", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("a**c", "ac", true),
            ("Team", "team", false),
        ] {
            assert_eq!(pattern(text).holds(name), expected, "{text} {name}");
        }
        for text in ["", "a b", "a?", "[ab]", "a/b", "a\n", &"a".repeat(101)] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_pattern_covers_another_where_it_holds_all_of_its_names() {
        for (one, other, expected) in [
            ("*", "team-*", true),
            ("team-*", "*", false),
            ("team-*", "team-a", true),
            ("team-*", "team-a-*", true),
            ("team-a", "team-*", false),
            ("*a*", "*ba", true),
            ("*a", "*a*", false),
            ("a*b", "a*c*b", true),
            ("a*c*b", "a*b", false),
            ("x", "x", true),
        ] {
            assert_eq!(pattern(one).covers(&pattern(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn roles_are_those_of_iam() {
        let role: RoleArn = "arn:aws-us-gov:iam::111122223333:role/build/reader@x".parse().unwrap();
        assert_eq!(role.partition(), "aws-us-gov");
        for text in [
            "",
            "reader",
            "arn:aws:iam::111122223333:user/reader",
            "arn:aws:iam::11112222333:role/reader",
            "arn:aws:sts::111122223333:assumed-role/reader/me",
            "arn:aws:iam:us-east-1:111122223333:role/reader",
            "arn:AWS:iam::111122223333:role/reader",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/a b",
            "arn:aws:iam::111122223333:role/a\nb",
            "arn:aws:iam::111122223333:role/reader:x",
        ] {
            assert!(text.parse::<RoleArn>().is_err(), "{text}");
        }
    }

    #[test]
    fn lifetimes_are_those_of_the_service() {
        for (text, seconds, shown) in [
            ("15m", 900, "15 min"),
            ("900s", 900, "15 min"),
            ("1h", 3_600, "1 h"),
            ("90m", 5_400, "1 h 30 min"),
            ("1001s", 1_001, "1001 s"),
            ("12h", 43_200, "12 h"),
            ("session", 0, "as long as the role's session"),
        ] {
            let lifetime: Lifetime = text.parse().unwrap();
            assert_eq!((lifetime.duration_seconds(), lifetime.to_string()), (seconds, shown.to_owned()));
        }
        for text in ["", "h", "0s", "14m", "899s", "13h", "43201s", "1d", "1 h", "+1h", "-1h", "1.5h", "900", "é"] {
            assert!(text.parse::<Lifetime>().is_err(), "{text}");
        }
    }
}
