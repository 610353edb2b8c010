//! The sparse index: one file per crate, one line per version, merged over the upstreams, prepared in memory.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use codeartifact::PackageFormat;

use super::{document::is_crate_name, external};
use crate::{
    formats::Sources,
    state::{Package, Status, Version, VersionKey},
};

/// Of each version the nearest record, whatever its status: a hidden one hides what is further away.
fn nearest(packages: &[Arc<Package>]) -> BTreeMap<&VersionKey, &Arc<Version>> {
    let mut nearest = BTreeMap::new();
    for package in packages {
        for (key, version) in package.versions() {
            nearest.entry(key).or_insert(version);
        }
    }
    nearest
}

/// The stored versions that clients see, oldest first.
pub(super) fn merge(packages: &[Arc<Package>]) -> Vec<&Arc<Version>> {
    let mut visible: Vec<_> = nearest(packages).into_values().filter(|version| version.status.downloadable()).collect();
    visible.sort_by_cached_key(|version| semver::Version::parse(&version.version).ok());
    visible
}

/// An index file; `None` if it would have no line.
pub(super) fn render(sources: &Sources) -> Option<Vec<u8>> {
    let nearest = nearest(&sources.packages);
    let mut known: BTreeSet<VersionKey> = nearest.keys().map(|key| (*key).clone()).collect();
    let mut lines: Vec<(Option<semver::Version>, Cow<'_, str>, bool)> = nearest
        .values()
        .filter(|version| version.status.downloadable())
        .map(|version| {
            let line = Cow::Borrowed(&*version.listing);
            (semver::Version::parse(&version.version).ok(), line, version.status == Status::Unlisted)
        })
        .collect();
    for listed in sources.documents.iter().flat_map(|document| external::read(document)) {
        if known.insert(VersionKey::new(PackageFormat::Cargo, &listed.version)) {
            let line = Cow::Owned(listed.line.into_string());
            lines.push((semver::Version::parse(&listed.version).ok(), line, listed.yanked));
        }
    }
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    let mut file = Vec::with_capacity(lines.iter().map(|(_, line, _)| line.len() + 20).sum());
    for (_, line, yanked) in &lines {
        // The stored line is an object without `yanked`: its closing brace makes room for it.
        file.extend_from_slice(line.strip_suffix('}').unwrap_or(line).as_bytes());
        let yanked: &[u8] = if *yanked { b",\"yanked\":true}\n" } else { b",\"yanked\":false}\n" };
        file.extend_from_slice(yanked);
    }
    Some(file).filter(|file| !file.is_empty())
}

/// The crate that an index path names: cargo lowercases it, and spreads the files over folders by the first letters.
pub(super) fn name_of<'a>(path: &[&'a str]) -> Option<&'a str> {
    let name = *path.last()?;
    if !is_crate_name(name) || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let fits = match *path {
        [length @ ("1" | "2"), name] => length == name.len().to_string(),
        ["3", first, name] => name.len() == 3 && first == &name[..1],
        [first, second, name] => name.len() >= 4 && first == &name[..2] && second == &name[2..4],
        _ => false,
    };
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_paths() {
        let name = |path: &str| name_of(&path.split('/').collect::<Vec<_>>()).map(str::to_owned);
        for (path, expected) in [
            ("1/a", "a"),
            ("2/ab", "ab"),
            ("3/a/abc", "abc"),
            ("ab/cd/abcd", "abcd"),
            ("se/rd/serde_json", "serde_json"),
        ] {
            assert_eq!(name(path).as_deref(), Some(expected), "{path}");
        }
        for bad in [
            "",
            "a",
            "1/ab",
            "2/a",
            "3/b/abc",
            "3/abc",
            "ab/ce/abcd",
            "Ab/cd/Abcd",
            "ab/cd/ab.cd",
            "a/b/c/d",
            "1/é",
            "ab/cd/../abcd",
            "config.json/x",
            "se/rd/serde/",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}
