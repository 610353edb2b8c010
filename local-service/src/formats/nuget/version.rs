//! NuGet's versions: up to four numbers, labels, build metadata; their order, and what only newer clients read.

use std::cmp::Ordering;

/// A version, in parts.
#[derive(Debug, Clone)]
pub(super) struct NugetVersion {
    numbers: [u32; 4],
    /// Lowercase: labels that differ in case are the same.
    labels: Vec<String>,
    metadata: bool,
}

impl NugetVersion {
    /// Reads a version as its author wrote it.
    pub(super) fn parse(version: &str) -> Option<Self> {
        let (rest, metadata) =
            version.split_once('+').map_or((version, None), |(rest, metadata)| (rest, Some(metadata)));
        let (core, labels) = rest.split_once('-').map_or((rest, None), |(core, labels)| (core, Some(labels)));
        let mut numbers = [0; 4];
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > numbers.len() || version.len() > 64 * 4 {
            return None;
        }
        for (number, part) in numbers.iter_mut().zip(parts) {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            // As large as the clients' own.
            *number = part.parse().ok().filter(|number| digits && *number <= i32::MAX.unsigned_abs())?;
        }
        let identifiers = |text: &str| {
            text.split('.').all(|label| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            })
        };
        if !labels.is_none_or(identifiers) || !metadata.is_none_or(identifiers) {
            return None;
        }
        let labels = labels.map(|labels| labels.split('.').map(str::to_ascii_lowercase).collect()).unwrap_or_default();
        Some(Self { numbers, labels, metadata: metadata.is_some() })
    }

    pub(super) fn is_prerelease(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Does it need a client that knows semantic versions 2.0.0?
    pub(super) fn is_semver2(&self) -> bool {
        self.labels.len() > 1 || self.metadata
    }
}

impl Ord for NugetVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let labels = || match (self.labels.is_empty(), other.labels.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let pairs = self.labels.iter().zip(&other.labels);
                let first = pairs.map(|(a, b)| label_order(a, b)).find(|order| order.is_ne());
                first.unwrap_or_else(|| self.labels.len().cmp(&other.labels.len()))
            }
        };
        self.numbers.cmp(&other.numbers).then_with(labels)
    }
}

impl PartialEq for NugetVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for NugetVersion {}

impl PartialOrd for NugetVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Numbers before words, and by their value.
fn label_order(a: &str, b: &str) -> Ordering {
    let number = |label: &str| label.parse::<u64>().ok();
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.cmp(&y),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Does a range need a client that knows semantic versions 2.0.0?
pub(super) fn range_is_semver2(range: &str) -> bool {
    range
        .trim_matches(['[', ']', '(', ')', ' '])
        .split(',')
        .any(|bound| NugetVersion::parse(bound.trim()).is_some_and(|version| version.is_semver2()))
}

/// A range in the form that registrations have: a lone version is the lowest that fits.
pub(super) fn range(range: &str) -> String {
    let range = range.trim();
    match range {
        "" => "(, )".to_owned(),
        range if range.starts_with(['[', '(']) || range.contains('*') => range.to_owned(),
        lowest => format!("[{lowest}, )"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(version: &str) -> NugetVersion {
        NugetVersion::parse(version).unwrap_or_else(|| panic!("{version}"))
    }

    #[test]
    fn order() {
        let ordered = [
            "0.0.0.1",
            "0.9",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-Beta",
            "1",
            "1.0.0.1",
            "1.2",
            "1.10",
        ];
        for pair in ordered.windows(2) {
            assert!(parse(pair[0]) < parse(pair[1]), "{pair:?}");
        }
        assert_eq!(parse("1.0").cmp(&parse("01.0.0.0-".trim_end_matches('-'))), Ordering::Equal);
        assert_eq!(parse("1.0-BETA").cmp(&parse("1.0-beta")), Ordering::Equal);
    }

    #[test]
    fn what_is_no_version() {
        for bad in [
            "",
            "a",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4.5",
            "-1",
            "1-",
            "1+",
            "1-a..b",
            "1-a_b",
            "1 ",
            "+1",
            "2147483648",
            "1.0/../x",
            "1.0.0-é",
            &format!("1.0.0-{}", "a".repeat(300)),
        ] {
            assert!(NugetVersion::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_only_newer_clients_read() {
        for (version, newer) in [("1.0.0", false), ("1.0.0-a", false), ("1.0.0-a.1", true), ("1.0.0+a", true)] {
            assert_eq!(parse(version).is_semver2(), newer, "{version}");
        }
        assert!(range_is_semver2("[1.0.0-a.1, 2.0)") && !range_is_semver2("[1.0.0-a, 2.0)") && !range_is_semver2(""));
        assert_eq!((range("1.0"), range("[1.0]"), range("")), ("[1.0, )".into(), "[1.0]".into(), "(, )".into()));
    }
}
