//! What names a thing: domain, package and version keys, and which spellings are one name.

use std::{borrow::Cow, fmt};

use codeartifact::{AccountId, DomainName, PackageFormat, Region, RepositoryName};
use serde::{Deserialize, Serialize};

use super::as_text;

/// A domain: names are unique per account and Region only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct DomainKey {
    #[serde(with = "as_text")]
    pub(crate) region: Region,
    #[serde(with = "as_text")]
    pub(crate) owner: AccountId,
    #[serde(with = "as_text")]
    pub(crate) name: DomainName,
}

/// A repository of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RepositoryKey {
    pub(crate) domain: DomainKey,
    pub(crate) name: RepositoryName,
}

/// A package inside its repository. `name` is the canonical name: two spellings that one client treats as the same
/// package have one key; the spelling first published is kept in the package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct PackageKey {
    #[serde(with = "as_text")]
    pub(crate) format: PackageFormat,
    /// Empty where there is none.
    pub(crate) namespace: String,
    name: String,
}

/// A version inside its package, canonical like a package's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct VersionKey(String);

/// Whether a format's packages have a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamespaceRule {
    Required,
    Optional,
    None,
}

impl PackageKey {
    /// The key of a package by any of its spellings.
    pub(crate) fn new(format: PackageFormat, namespace: &str, name: &str) -> Self {
        let namespace = match format {
            PackageFormat::Swift => namespace.to_lowercase(),
            _ => namespace.to_owned(),
        };
        Self { format, namespace, name: canonical_name(format, name) }
    }

    /// The canonical name: for formats that have a normal form, the name that clients ask for.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What names the package in records and errors: `FORMAT/NAMESPACE/NAME`.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}", self.format, self.namespace, self.name)
    }

    /// Text that sorts as keys do: no part can hold a character below the separator, so a shorter part sorts first.
    pub(crate) fn sort_key(&self) -> String {
        format!("{}\0{}\0{}", self.format, self.namespace, self.name)
    }
}

impl VersionKey {
    /// The key of a version by any of its spellings.
    pub(crate) fn new(format: PackageFormat, version: &str) -> Self {
        Self(canonical_version(format, version).into_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which spellings are one name to the format's clients. Cargo lowercases the index path, and compilers see `-` as
/// `_`. The other rules are the service's, which leaves the names of the formats not named here untouched.
fn canonical_name(format: PackageFormat, name: &str) -> String {
    match format {
        PackageFormat::Cargo => cargo_name(name),
        PackageFormat::Nuget | PackageFormat::Swift => name.to_lowercase(),
        PackageFormat::Pypi => normalised(name),
        PackageFormat::Generic | PackageFormat::Maven | PackageFormat::Npm | PackageFormat::Ruby => name.to_owned(),
    }
}

/// What all spellings of a crate's name have in common.
pub(super) fn cargo_name(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// PEP 503: lowercase, and every run of `-`, `_` and `.` one dash.
fn normalised(name: &str) -> String {
    let mut normalised = String::with_capacity(name.len());
    for character in name.chars() {
        if !matches!(character, '-' | '_' | '.') {
            normalised.extend(character.to_lowercase());
        } else if !normalised.ends_with('-') {
            normalised.push('-');
        }
    }
    normalised
}

/// A package's name as the API spells it: normalised for NuGet, PyPI and Swift, as published for the others.
pub(crate) fn api_name(format: PackageFormat, name: &str) -> String {
    match format {
        PackageFormat::Nuget | PackageFormat::Pypi | PackageFormat::Swift => canonical_name(format, name),
        PackageFormat::Cargo
        | PackageFormat::Generic
        | PackageFormat::Maven
        | PackageFormat::Npm
        | PackageFormat::Ruby => name.to_owned(),
    }
}

/// Versions that differ only in build metadata are one version to cargo: its resolver cannot choose between them.
/// NuGet's clients ask for versions in their normal form.
fn canonical_version(format: PackageFormat, version: &str) -> Cow<'_, str> {
    match format {
        PackageFormat::Cargo => version.split_once('+').map_or(version, |(core, _)| core).into(),
        PackageFormat::Nuget => nuget_version(version).into(),
        PackageFormat::Generic
        | PackageFormat::Maven
        | PackageFormat::Npm
        | PackageFormat::Pypi
        | PackageFormat::Ruby
        | PackageFormat::Swift => version.into(),
    }
}

/// NuGet's normal form: three numbers, and a fourth that is not zero, without leading zeros; labels lowercase; no
/// build metadata. What is no version is only lowercased.
fn nuget_version(version: &str) -> String {
    let core_and_labels = version.split_once('+').map_or(version, |(rest, _)| rest);
    let (core, labels) = match core_and_labels.split_once('-') {
        Some((core, labels)) => (core, Some(labels)),
        None => (core_and_labels, None),
    };
    let mut numbers: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() > 4 || !numbers.iter().all(is_number) {
        return version.to_lowercase();
    }
    for number in &mut numbers {
        let significant = number.trim_start_matches('0');
        *number = if significant.is_empty() { "0" } else { significant };
    }
    numbers.resize(numbers.len().max(3), "0");
    if numbers.get(3) == Some(&"0") {
        numbers.pop();
    }
    let core = numbers.join(".");
    labels.map_or_else(|| core.clone(), |labels| format!("{core}-{}", labels.to_lowercase()))
}

/// Does the API take a version of this format in any of its spellings?
pub(crate) const fn normalises_versions(format: PackageFormat) -> bool {
    matches!(format, PackageFormat::Nuget)
}

/// The service's rule for `namespace`, by format.
pub(crate) const fn namespace_rule(format: PackageFormat) -> NamespaceRule {
    match format {
        PackageFormat::Maven | PackageFormat::Generic | PackageFormat::Swift => NamespaceRule::Required,
        PackageFormat::Npm => NamespaceRule::Optional,
        PackageFormat::Cargo | PackageFormat::Nuget | PackageFormat::Pypi | PackageFormat::Ruby => NamespaceRule::None,
    }
}

/// `aws`, or the partition that the Region belongs to.
pub(crate) fn partition(region: &Region) -> &'static str {
    if region.as_str().starts_with("cn-") {
        "aws-cn"
    } else if region.as_str().starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

impl DomainKey {
    /// `arn:aws:codeartifact:REGION:ACCOUNT:domain/NAME`.
    pub(crate) fn arn(&self) -> String {
        format!("arn:{}:codeartifact:{}:{}:domain/{}", partition(&self.region), self.region, self.owner, self.name)
    }
}

impl RepositoryKey {
    /// `arn:aws:codeartifact:REGION:ACCOUNT:repository/DOMAIN/NAME`.
    pub(crate) fn arn(&self) -> String {
        let DomainKey { region, owner, name } = &self.domain;
        format!("arn:{}:codeartifact:{region}:{owner}:repository/{name}/{}", partition(region), self.name)
    }
}

/// `REGION/ACCOUNT/NAME`: the key of its record. None of the three can hold a slash.
impl fmt::Display for DomainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.region, self.owner, self.name)
    }
}

impl fmt::Display for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_crate_has_one_key_however_it_is_spelled() {
        let key = |name| PackageKey::new(PackageFormat::Cargo, "", name);
        assert_eq!(key("Foo-Bar"), key("foo_bar"));
        assert_ne!(key("foobar"), key("foo_bar"));
        let generic = |name| PackageKey::new(PackageFormat::Generic, "ns", name);
        assert_ne!(generic("Foo"), generic("foo"));
    }

    #[test]
    fn nuget_versions_have_a_normal_form() {
        let normal = |version| VersionKey::new(PackageFormat::Nuget, version).as_str().to_owned();
        for (version, expected) in [
            ("1", "1.0.0"),
            ("1.0", "1.0.0"),
            ("01.002.0003", "1.2.3"),
            ("1.2.3.0", "1.2.3"),
            ("1.2.3.04", "1.2.3.4"),
            ("0.0.0.0", "0.0.0"),
            ("1.0.0-Beta.01+build-7", "1.0.0-beta.01"),
            ("1.0.0+a", "1.0.0"),
            ("1.2.3.4.5", "1.2.3.4.5"),
            ("1..2", "1..2"),
            ("Latest", "latest"),
            ("", ""),
        ] {
            assert_eq!(normal(version), expected, "{version}");
            assert_eq!(normal(expected), expected, "{version}");
        }
    }

    #[test]
    fn build_metadata_makes_no_other_cargo_version() {
        let key = |version| VersionKey::new(PackageFormat::Cargo, version);
        assert_eq!(key("1.0.0+a"), key("1.0.0+b"));
        assert_ne!(key("1.0.0-a"), key("1.0.0"));
        assert_ne!(VersionKey::new(PackageFormat::Generic, "1+a"), VersionKey::new(PackageFormat::Generic, "1"));
    }
}
