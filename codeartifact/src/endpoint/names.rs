//! The names inside an endpoint: domain, account, repository, Region, package format.
//!
//! The rules are those of the service's API model (operation inputs of version 2018-09-22). The AWS tools check
//! hardly any of them before they send a request, so a name that got this far has been checked by nobody else.

use std::{fmt, str::FromStr};

use super::{EndpointError, invalid};

/// A domain's name: 2 to 50 of `[a-z0-9-]`, first a letter, last not a dash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(String);

/// An AWS account: exactly 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(String);

/// A repository's name: 2 to 100 of `[A-Za-z0-9._-]`, first a letter or a digit. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(String);

/// An AWS Region's code, such as `us-east-1`.
///
/// Only the alphabet is checked: a Region in a *host name* must besides belong to a partition we know, while one from a
/// setting merely names where to sign, and the SDK takes any.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

/// The package formats of the service: its closed list. Matched without a wildcard, so that a ninth one is found by
/// the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PackageFormat {
    /// `cargo`
    Cargo,
    /// `generic`
    Generic,
    /// `maven`
    Maven,
    /// `npm`
    Npm,
    /// `nuget`
    Nuget,
    /// `pypi`
    Pypi,
    /// `ruby`
    Ruby,
    /// `swift`
    Swift,
}

macro_rules! name {
    ($type:ident, $part:literal, $rule:literal, $holds:expr) => {
        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $type {
            type Err = EndpointError;
            fn from_str(text: &str) -> Result<Self, EndpointError> {
                let holds: fn(&[u8]) -> bool = $holds;
                if holds(text.as_bytes()) { Ok(Self(text.to_owned())) } else { Err(invalid($part, text, $rule)) }
            }
        }
    };
}

name!(
    DomainName,
    "domain name",
    "a domain name is 2 to 50 lowercase letters, digits and dashes, starts with a letter and does not end with a dash",
    |text| {
        (2..=50).contains(&text.len())
            && text[0].is_ascii_lowercase()
            && text[text.len() - 1] != b'-'
            && text.iter().all(|&b| is_lower_or_digit(b) || b == b'-')
    }
);
name!(AccountId, "account", "an AWS account is exactly 12 digits", |text| {
    text.len() == 12 && text.iter().all(u8::is_ascii_digit)
});
name!(
    RepositoryName,
    "repository name",
    "a repository name is 2 to 100 letters, digits, dots, underscores and dashes, and starts with a letter or digit",
    |text| {
        (2..=100).contains(&text.len())
            && text[0].is_ascii_alphanumeric()
            && text.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }
);
name!(
    Region,
    "Region",
    "a Region is 2 to 32 lowercase letters, digits and dashes, starts with a letter and does not end with a dash",
    |text| {
        (2..=32).contains(&text.len())
            && text[0].is_ascii_lowercase()
            && text[text.len() - 1] != b'-'
            && text.iter().all(|&b| is_lower_or_digit(b) || b == b'-')
    }
);

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

impl Region {
    /// The partition it belongs to, such as `aws`; `None` for one of no partition that we know.
    pub fn partition(&self) -> Option<&'static str> {
        super::hosts::partition_of(&self.0).map(|partition| partition.id)
    }
}

impl PackageFormat {
    /// All formats, in alphabetical order.
    pub const ALL: [PackageFormat; 8] = [
        PackageFormat::Cargo,
        PackageFormat::Generic,
        PackageFormat::Maven,
        PackageFormat::Npm,
        PackageFormat::Nuget,
        PackageFormat::Pypi,
        PackageFormat::Ruby,
        PackageFormat::Swift,
    ];

    /// The service's word for the format.
    pub const fn as_str(self) -> &'static str {
        match self {
            PackageFormat::Cargo => "cargo",
            PackageFormat::Generic => "generic",
            PackageFormat::Maven => "maven",
            PackageFormat::Npm => "npm",
            PackageFormat::Nuget => "nuget",
            PackageFormat::Pypi => "pypi",
            PackageFormat::Ruby => "ruby",
            PackageFormat::Swift => "swift",
        }
    }
}

impl fmt::Display for PackageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PackageFormat {
    type Err = EndpointError;
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let rule = "a package format is one of cargo, generic, maven, npm, nuget, pypi, ruby, swift";
            invalid("package format", text, rule)
        })
    }
}
