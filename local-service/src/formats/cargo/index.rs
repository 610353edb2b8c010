//! The sparse index: one file per crate, one line per version, merged over the upstreams, prepared in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use codeartifact::PackageFormat;

use super::document::is_crate_name;
use crate::{
    assets::Digest,
    formats::entity_tag,
    resolve,
    state::{Domain, Package, PackageKey, Repository, RepositoryKey, Status, Version, VersionKey},
};

/// Prepared bytes kept at most; beyond, all are let go and prepared anew as they are asked for.
const KEPT: usize = 32 << 20;

/// An index file as it is sent.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) bytes: Bytes,
    pub(crate) etag: String,
    /// The packages it was made of. The model never changes a package in place: while these are the packages, this
    /// is the file.
    sources: Vec<Arc<Package>>,
}

/// Index files by repository and crate.
#[derive(Default)]
pub(crate) struct IndexCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    files: HashMap<(RepositoryKey, String), Prepared>,
    bytes: usize,
}

impl IndexCache {
    /// The index file of a crate (by its lowercase name) as a repository shows it; `None` if it shows no version.
    pub(crate) fn prepared(
        &self,
        key: &RepositoryKey,
        domain: &Domain,
        repository: &Arc<Repository>,
        name: &str,
    ) -> Option<Prepared> {
        let package = PackageKey::new(PackageFormat::Cargo, "", name);
        let sources = resolve::packages(domain, repository, &package, |known| known.eq_ignore_ascii_case(name));
        let place = (key.clone(), name.to_owned());
        if let Some(file) = self.0.lock().unwrap_or_else(PoisonError::into_inner).files.get(&place)
            && file.sources.len() == sources.len()
            && file.sources.iter().zip(&sources).all(|(kept, now)| Arc::ptr_eq(kept, now))
        {
            return Some(file.clone());
        }
        // Made outside the lock: others are not held up by a crate with ten thousand versions.
        let bytes = render(&merge(&sources));
        if bytes.is_empty() {
            return None;
        }
        let file = Prepared {
            etag: entity_tag(&Digest::of(&bytes)),
            bytes: bytes.into(),
            sources: sources.into_iter().cloned().collect(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(place, file.clone());
        Some(file)
    }
}

impl Kept {
    fn keep(&mut self, place: (RepositoryKey, String), file: Prepared) {
        if self.bytes + file.bytes.len() > KEPT {
            self.files.clear();
            self.bytes = 0;
        }
        self.bytes += file.bytes.len();
        if let Some(replaced) = self.files.insert(place, file) {
            self.bytes -= replaced.bytes.len();
        }
    }
}

/// The versions that clients see, oldest first: of each the nearest record, if its status shows it.
pub(super) fn merge<'a>(packages: &[&'a Arc<Package>]) -> Vec<&'a Arc<Version>> {
    let mut nearest: BTreeMap<&VersionKey, &Arc<Version>> = BTreeMap::new();
    for package in packages {
        for (key, version) in package.versions() {
            nearest.entry(key).or_insert(version);
        }
    }
    let mut visible: Vec<_> = nearest.into_values().filter(|version| version.status.downloadable()).collect();
    visible.sort_by_cached_key(|version| semver::Version::parse(&version.version).ok());
    visible
}

fn render(versions: &[&Arc<Version>]) -> Vec<u8> {
    let mut file = Vec::with_capacity(versions.iter().map(|version| version.listing.len() + 20).sum());
    for version in versions {
        // The stored line is an object without `yanked`: its closing brace makes room for it.
        let open = version.listing.strip_suffix('}').unwrap_or(&version.listing);
        file.extend_from_slice(open.as_bytes());
        let yanked: &[u8] =
            if version.status == Status::Unlisted { b",\"yanked\":true}\n" } else { b",\"yanked\":false}\n" };
        file.extend_from_slice(yanked);
    }
    file
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
