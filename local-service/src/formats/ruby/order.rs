//! The order of a gem's versions, as RubyGems has it.

use std::cmp::Ordering;

/// What a version is compared by: its runs of digits and of letters, without zeros that say nothing.
#[derive(Debug, Clone)]
pub(super) struct Rank(Vec<Segment>);

/// Letters come before digits: they make a prerelease.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Letters(String),
    /// How many digits, then the digits: of any size.
    Digits(usize, String),
}

const ZERO: Segment = Segment::Digits(0, String::new());

impl Rank {
    pub(super) fn of(version: &str) -> Self {
        let mut segments = Vec::new();
        let mut rest = version;
        while let Some(first) = rest.bytes().next() {
            let alike = |byte: u8| {
                byte.is_ascii_digit() == first.is_ascii_digit()
                    && byte.is_ascii_alphabetic() == first.is_ascii_alphabetic()
            };
            let end = rest.bytes().position(|byte| !alike(byte)).unwrap_or(rest.len());
            // A byte that is neither separates; a character that is not ASCII is in no version.
            let Some((run, after)) = rest.split_at_checked(end) else { break };
            rest = after;
            if first.is_ascii_digit() {
                let digits = run.trim_start_matches('0');
                segments.push(Segment::Digits(digits.len(), digits.to_owned()));
            } else if first.is_ascii_alphabetic() {
                segments.push(Segment::Letters(run.to_owned()));
            }
        }
        // Zeros say nothing at the end of the release part, and of the whole.
        let release = segments.iter().position(|segment| matches!(segment, Segment::Letters(_)));
        let mut prerelease = segments.split_off(release.unwrap_or(segments.len()));
        for part in [&mut segments, &mut prerelease] {
            while part.last() == Some(&ZERO) {
                part.pop();
            }
        }
        segments.append(&mut prerelease);
        Self(segments)
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.0.len().max(other.0.len());
        let at = |rank: &Self, index: usize| rank.0.get(index).cloned().unwrap_or(ZERO);
        (0..length)
            .map(|index| at(self, index).cmp(&at(other, index)))
            .find(|found| found.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_rubygems() {
        // As `sort_by { Gem::Version.new(_1) }` leaves them.
        let ordered = [
            "0",
            "0.9",
            "1.0.a",
            "1.0.a.2",
            "1.0.alpha",
            "1.0.b1",
            "1.0.rc1",
            "1.0.rc2",
            "1.0.rc10",
            "1",
            "1.0.1.pre",
            "1.0.1",
            "1.2",
            "1.10",
            "1.99999999999999999999999",
            "2.0.0.pre.1",
            "2.0.0",
            "10",
        ];
        for pair in ordered.windows(2) {
            assert!(Rank::of(pair[0]) < Rank::of(pair[1]), "{pair:?}");
        }
        for (a, b) in [("1", "1.0.0"), ("1.0.a", "1.a"), ("1.0.rc.0", "1.rc"), ("1.01", "1.1")] {
            assert_eq!(Rank::of(a), Rank::of(b), "{a} {b}");
        }
        assert_eq!(Rank::of("1.é"), Rank::of("1.é"));
    }
}
