//! The lock file in a packed crate, which names the SHA-256 of its siblings.
//!
//! Cargo writes it while it packs all members, so it names the siblings as packed now. But a sibling that was published
//! before stays as it is stored, and differs at least by the commit recorded in it: its SHA-256 is another one, and
//! `cargo install --locked` would refuse the crate for that. So the lock file of what is uploaded is made to name what
//! is stored. Nothing else in the archive changes, and where every sibling is uploaded, nothing at all does.
//!
//! The lock file also shows whose crates cargo took: a stranger's of the same name is found here, before it is built.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use toml_edit::{DocumentMut, value};

use super::archive::ArchiveError;

/// SHA-256 by name and version.
pub(super) type Digests = BTreeMap<(String, String), String>;

/// The lock file's text with these digests of siblings; `None` where nothing changes. Siblings that were locked by
/// their folder become ones of the `default` registry, where its address is known, as cargo writes them.
pub(super) fn corrected(lock: &str, siblings: &Digests, default: Option<&str>) -> Option<String> {
    let mut document: DocumentMut = lock.parse().ok()?;
    // Notes on folders that were offered to cargo and not used.
    let mut changed = document.remove("patch").is_some();
    for package in document.get_mut("package")?.as_array_of_tables_mut()?.iter_mut() {
        let text = |key| package.get(key).and_then(|item| item.as_str()).map(str::to_owned);
        let Some(digest) = text("name").zip(text("version")).and_then(|key| siblings.get(&key)) else { continue };
        match (text("source"), text("checksum"), default) {
            (Some(_), checksum, _) if checksum.as_ref() != Some(digest) => {
                package.insert("checksum", value(digest));
            }
            (None, _, Some(default)) => {
                let dependencies = package.remove("dependencies");
                package.insert("source", value(default));
                package.insert("checksum", value(digest));
                if let Some(dependencies) = dependencies {
                    package.insert("dependencies", dependencies);
                }
            }
            _ => continue,
        }
        changed = true;
    }
    changed.then(|| document.to_string())
}

/// Whether a lock file has a package of that name from a folder, or with one of these digests.
pub(super) fn has_own(lock: &str, name: &str, digests: &BTreeSet<String>) -> bool {
    let Ok(document) = lock.parse::<DocumentMut>() else { return false };
    let packages = document.get("package").and_then(|packages| packages.as_array_of_tables());
    packages.into_iter().flatten().any(|package| {
        let text = |key| package.get(key).and_then(|item| item.as_str());
        let is_own = text("source").is_none() || text("checksum").is_some_and(|digest| digests.contains(digest));
        text("name") == Some(name) && is_own
    })
}

/// The packed crate `archive` of `root` with another lock file; all other entries as they are.
pub(super) fn replaced(archive: impl Read, root: &str, lock: &str) -> Result<Vec<u8>, ArchiveError> {
    let mut tar = tar::Archive::new(GzDecoder::new(archive));
    let mut new = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    let lock_path = format!("{root}/Cargo.lock");
    for entry in tar.entries()? {
        let mut entry = entry?;
        let (path, mut header) = (entry.path()?.into_owned(), entry.header().clone());
        if path.as_os_str() == lock_path.as_str() {
            header.set_size(lock.len() as u64);
            new.append_data(&mut header, path, lock.as_bytes())?;
        } else {
            new.append_data(&mut header, path, &mut entry)?;
        }
    }
    let mut bytes = new.into_inner()?.finish()?;
    bytes.flush()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "# generated\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
        dependencies = [\n \"b\",\n]\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n\
        checksum = \"old\"\n";

    fn digests(rows: &[(&str, &str, &str)]) -> Digests {
        rows.iter().map(|(name, version, digest)| (((*name).into(), (*version).into()), (*digest).into())).collect()
    }

    #[test]
    fn only_the_checksum_of_a_sibling_changes() {
        assert_eq!(corrected(LOCK, &digests(&[("b", "1.0.0", "old")]), Some("registry+x")), None);
        assert_eq!(corrected(LOCK, &digests(&[("b", "2.0.0", "new")]), None), None);
        let new = corrected(LOCK, &digests(&[("b", "1.0.0", "new")]), None).unwrap();
        assert_eq!(new, LOCK.replace("\"old\"", "\"new\""));
    }

    #[test]
    fn a_sibling_locked_by_its_folder_becomes_one_of_the_registry() {
        let from_folder = "version = 4\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n\
            dependencies = [\n \"c\",\n]\n\n\
            [[patch.unused]]\nname = \"z\"\nversion = \"1.0.0\"\n";
        let new = corrected(from_folder, &digests(&[("b", "1.0.0", "new")]), Some("registry+x")).unwrap();
        let expected = "version = 4\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n\
            checksum = \"new\"\ndependencies = [\n \"c\",\n]\n";
        assert_eq!(new, expected);
    }

    #[test]
    fn a_stranger_of_the_same_name_is_told_from_ones_own() {
        let own = |digest: &str| has_own(LOCK, "b", &[digest.to_owned()].into());
        assert!(own("old") && !own("other"));
        assert!(has_own(LOCK, "a", &BTreeSet::new()), "from a folder");
        assert!(!has_own(LOCK, "c", &BTreeSet::new()));
    }

    #[test]
    fn the_other_entries_stay_as_they_are() {
        let long = format!("a-1.0.0/{}/file.rs", "deep".repeat(60));
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, text) in [("a-1.0.0/Cargo.lock", LOCK), (&long, "text"), ("a-1.0.0/empty", "")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o755);
            header.set_mtime(7);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        let archive = tar.into_inner().unwrap().finish().unwrap();
        let new = replaced(&archive[..], "a-1.0.0", "another, longer lock file").unwrap();
        let read = |archive: &[u8]| {
            let mut tar = tar::Archive::new(GzDecoder::new(archive));
            let entries = tar.entries().unwrap().map(|entry| {
                let mut entry = entry.unwrap();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                let path = entry.path().unwrap().to_str().unwrap().to_owned();
                (path, text, entry.header().mode().unwrap(), entry.header().mtime().unwrap())
            });
            entries.collect::<Vec<_>>()
        };
        let mut expected = read(&archive);
        assert_eq!(expected[1].0, long);
        expected[0].1 = "another, longer lock file".to_owned();
        assert_eq!(read(&new), expected);
    }
}
