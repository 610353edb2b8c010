//! `.crate` files read entry by entry, to tell whether two hold the same.
//!
//! A packed crate is a gzipped tar, made by someone else or long ago: it is read with bounds (entries, bytes, what
//! they unpack to) and never unpacked to disk, and whatever a packed crate has no business holding - links, devices,
//! absolute paths, `..`, one path twice - is an error, not a difference.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

/// The most entries an archive may have.
const MOST_ENTRIES: usize = 100_000;
/// The most bytes it may unpack to.
const MOST_BYTES: u64 = 4 << 30;
/// How often its own size it may unpack to; gzip itself cannot pass 1,032.
const MOST_RATIO: u64 = 200;
/// Below this nobody minds the ratio.
const SMALL: u64 = 16 << 20;

/// What cargo writes anew at each packing, so that it says nothing about whether the content is the same: the commit,
/// and the lock file. The lock file of a packed crate is always generated, even where the workspace keeps one: cargo
/// writes the part that concerns this crate, with what the registry has to offer at the time.
const GENERATED: [&str; 2] = [".cargo_vcs_info.json", "Cargo.lock"];

/// The files of a packed crate: path below the crate's folder, and SHA-256 of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    files: BTreeMap<String, [u8; 32]>,
}

/// An archive that cannot be what cargo packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("the archive is damaged")]
    Damaged(#[from] io::Error),
    #[error("the entry `{path}` is {found}: a packed crate holds plain files below `{root}/`")]
    Entry { path: String, found: &'static str, root: String },
    #[error("the entry `{path}` is there twice")]
    Twice { path: String },
    #[error("the archive has more than {limit} {what}")]
    TooBig { what: &'static str, limit: u64 },
    #[error("the archive has no `{path}`")]
    Missing { path: String },
    #[error("the entry `{path}` is not text")]
    NotText { path: String },
}

/// One way in which two packed crates differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// In both, with other bytes.
    Changed(String),
    /// Only packed now.
    Added(String),
    /// Only in the stored version.
    Removed(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, how) = match self {
            Difference::Changed(path) => (path, "differs"),
            Difference::Added(path) => (path, "is new"),
            Difference::Removed(path) => (path, "is gone"),
        };
        write!(f, "`{}` {how}", super::error::escaped(path))
    }
}

impl Contents {
    /// Reads the archive of `name` and `version`, `size` bytes as packed.
    pub(super) fn read(archive: impl Read, size: u64, name: &str, version: &str) -> Result<Self, ArchiveError> {
        let mut files = BTreeMap::new();
        each_file(archive, size, name, version, &mut |path, bytes| {
            let mut digest = Sha256::new();
            io::copy(bytes, &mut digest)?;
            match files.insert(path.to_owned(), digest.finalize().into()) {
                None => Ok(()),
                Some(_) => Err(ArchiveError::Twice { path: path.to_owned() }),
            }
        })?;
        Ok(Self { files })
    }

    /// How `self`, packed now, differs from what is `stored`; empty where both hold the same files with the same
    /// bytes, not counting what cargo generates at each packing.
    pub(super) fn differences(&self, stored: &Contents) -> Vec<Difference> {
        let counts = |path: &&String| !GENERATED.contains(&path.as_str());
        let mut found: Vec<_> = self
            .files
            .iter()
            .filter(|(path, _)| counts(path))
            .filter_map(|(path, digest)| match stored.files.get(path) {
                Some(other) if other == digest => None,
                Some(_) => Some(Difference::Changed(path.clone())),
                None => Some(Difference::Added(path.clone())),
            })
            .collect();
        let gone = stored.files.keys().filter(counts).filter(|path| !self.files.contains_key(*path));
        found.extend(gone.cloned().map(Difference::Removed));
        found
    }
}

/// The text of one small file of an archive, such as its manifest or readme.
pub(super) fn text_of(
    archive: impl Read,
    size: u64,
    name: &str,
    version: &str,
    wanted: &str,
) -> Result<String, ArchiveError> {
    const MOST_TEXT: u64 = 16 << 20;
    let wanted = wanted.strip_prefix("./").unwrap_or(wanted);
    let mut text = None;
    each_file(archive, size, name, version, &mut |path, bytes| {
        if path == wanted {
            let mut content = Vec::new();
            bytes.take(MOST_TEXT).read_to_end(&mut content)?;
            let content = String::from_utf8(content).map_err(|_| ArchiveError::NotText { path: path.to_owned() })?;
            text = Some(content);
        }
        Ok(())
    })?;
    text.ok_or_else(|| ArchiveError::Missing { path: wanted.to_owned() })
}

/// Shows each file of a packed crate, bounded, with its path below the crate's folder.
fn each_file(
    archive: impl Read,
    size: u64,
    name: &str,
    version: &str,
    show: &mut dyn FnMut(&str, &mut dyn Read) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let root = format!("{name}-{version}");
    let limit = size.saturating_mul(MOST_RATIO).clamp(SMALL, MOST_BYTES);
    // One byte more than allowed tells too much from just enough.
    let bounded = GzDecoder::new(archive).take(limit + 1);
    let mut tar = tar::Archive::new(bounded);
    let mut entries = 0;
    let mut walk = || -> Result<(), ArchiveError> {
        for entry in tar.entries()? {
            let mut entry = entry?;
            entries += 1;
            if entries > MOST_ENTRIES {
                return Err(ArchiveError::TooBig { what: "entries", limit: MOST_ENTRIES as u64 });
            }
            let raw = entry.path_bytes().into_owned();
            let path = inside(&raw, &root, entry.header().entry_type())?;
            show(&path, &mut entry)?;
        }
        Ok(())
    };
    let walked = walk();
    let mut rest = tar.into_inner();
    // To the end, where the checksum is: a torn archive may look whole before it.
    let walked = walked.and_then(|()| Ok(io::copy(&mut rest, &mut io::sink()).map(drop)?));
    // Cut off at the bound, an archive looks damaged: the bound is the better reason.
    if rest.limit() == 0 { Err(ArchiveError::TooBig { what: "bytes unpacked", limit }) } else { walked }
}

/// The path below `root` of an entry that may be in a packed crate.
fn inside(raw: &[u8], root: &str, kind: tar::EntryType) -> Result<String, ArchiveError> {
    let shown = String::from_utf8_lossy(raw).into_owned();
    let refuse = |found| ArchiveError::Entry { path: super::error::escaped(&shown), found, root: root.to_owned() };
    if !matches!(kind, tar::EntryType::Regular | tar::EntryType::Continuous) {
        return Err(refuse(match kind {
            tar::EntryType::Symlink | tar::EntryType::Link => "a link",
            tar::EntryType::Directory => "a folder",
            _ => "no plain file",
        }));
    }
    let path = std::str::from_utf8(raw).map_err(|_| refuse("not named in UTF-8"))?;
    if Path::new(path).components().any(|part| !matches!(part, Component::Normal(_))) || path.contains('\\') {
        return Err(refuse("outside the crate's folder"));
    }
    match path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if !rest.is_empty() => Ok(rest.to_owned()),
        _ => Err(refuse("outside the crate's folder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn header(kind: tar::EntryType, path: &[u8], size: u64) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_entry_type(kind);
        header.set_cksum();
        header
    }

    fn packed(entries: &[(tar::EntryType, &[u8], &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (kind, path, bytes) in entries {
            tar.append(&header(*kind, path, bytes.len() as u64), *bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn plain(entries: &[(&str, &str)]) -> Vec<u8> {
        let entries: Vec<_> =
            entries.iter().map(|(path, text)| (tar::EntryType::Regular, path.as_bytes(), text.as_bytes())).collect();
        packed(&entries)
    }

    fn contents(archive: &[u8]) -> Result<Contents, ArchiveError> {
        Contents::read(archive, archive.len() as u64, "a", "1.0.0")
    }

    #[test]
    fn generated_files_do_not_count_and_others_do() {
        let stored = plain(&[
            ("a-1.0.0/src/lib.rs", "one"),
            ("a-1.0.0/old.rs", ""),
            ("a-1.0.0/Cargo.lock", "x"),
            ("a-1.0.0/.cargo_vcs_info.json", "commit 1"),
            ("a-1.0.0/fixtures/Cargo.lock", "kept"),
        ]);
        let same = plain(&[
            ("a-1.0.0/fixtures/Cargo.lock", "kept"),
            ("a-1.0.0/src/lib.rs", "one"),
            ("a-1.0.0/old.rs", ""),
            ("a-1.0.0/.cargo_vcs_info.json", "commit 2"),
        ]);
        let other =
            plain(&[("a-1.0.0/src/lib.rs", "two"), ("a-1.0.0/new.rs", ""), ("a-1.0.0/fixtures/Cargo.lock", "changed")]);
        let stored = contents(&stored).unwrap();
        assert_eq!(contents(&same).unwrap().differences(&stored), []);
        assert_eq!(
            contents(&other).unwrap().differences(&stored),
            [
                Difference::Changed("fixtures/Cargo.lock".into()),
                Difference::Added("new.rs".into()),
                Difference::Changed("src/lib.rs".into()),
                Difference::Removed("old.rs".into()),
            ]
        );
    }

    #[test]
    fn reads_one_text() {
        let archive = plain(&[("a-1.0.0/README.md", "hello"), ("a-1.0.0/b", "x")]);
        assert_eq!(text_of(&archive[..], 1, "a", "1.0.0", "./README.md").unwrap(), "hello");
        assert!(matches!(text_of(&archive[..], 1, "a", "1.0.0", "none"), Err(ArchiveError::Missing { .. })));
    }

    #[test]
    fn refuses_what_no_packed_crate_holds() {
        use tar::EntryType as Kind;
        let hostile: &[(Kind, &[u8])] = &[
            (Kind::Regular, b"a-1.0.0/../../etc/passwd"),
            (Kind::Regular, b"/etc/passwd"),
            (Kind::Regular, b"a-1.0.0"),
            (Kind::Regular, b"b-1.0.0/src/lib.rs"),
            (Kind::Regular, b"a-1.0.0/./src/../x"),
            (Kind::Regular, b"a-1.0.0\\x"),
            (Kind::Regular, b"a-1.0.0/\xff"),
            (Kind::Symlink, b"a-1.0.0/link"),
            (Kind::Link, b"a-1.0.0/link"),
            (Kind::Directory, b"a-1.0.0/folder"),
            (Kind::Char, b"a-1.0.0/device"),
            (Kind::Fifo, b"a-1.0.0/pipe"),
        ];
        for (kind, path) in hostile {
            let archive = packed(&[(*kind, path, b"")]);
            assert!(matches!(contents(&archive), Err(ArchiveError::Entry { .. })), "{kind:?} {path:?}");
        }
        let twice = plain(&[("a-1.0.0/x", "1"), ("a-1.0.0/x", "2")]);
        assert!(matches!(contents(&twice), Err(ArchiveError::Twice { .. })));
    }

    #[test]
    fn refuses_a_bomb_and_a_torn_archive() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(header(tar::EntryType::Regular, b"a-1.0.0/zero", 64 << 20).as_bytes()).unwrap();
        for _ in 0..64 {
            gzip.write_all(&vec![0; 1 << 20]).unwrap();
        }
        let bomb = gzip.finish().unwrap();
        assert!(bomb.len() < 100_000);
        assert!(matches!(contents(&bomb), Err(ArchiveError::TooBig { .. })));

        let whole = plain(&[("a-1.0.0/x", "some text"), ("a-1.0.0/y", "more")]);
        for cut in 1..whole.len() {
            assert!(contents(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }
}
