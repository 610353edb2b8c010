//! Entries of zip archives that clients sent: read one at a time, each with a bound.
//!
//! A reader of its own, because of its bounds: nothing is believed before it is checked, no more of the directory is
//! read than a package has, and no entry unpacks to more than its reader wants. Only what package clients write is
//! read: entries that are stored or deflated, without encryption, in archives below 4 GiB.

use std::io::{self, Read as _, Seek as _, SeekFrom};

use flate2::{Crc, read::DeflateDecoder};

use crate::assets::Content;

/// Bytes of the directory: a hundred thousand entries of usual names.
const DIRECTORY: u64 = 16 << 20;
/// The record at the end, and the longest comment that may follow it.
const END: u64 = 22;
const COMMENT: u64 = 0xFFFF;
const HEADER: usize = 46;
const LOCAL_HEADER: u64 = 30;

/// A zip archive.
pub(crate) struct Archive {
    content: Content,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    method: u16,
    encrypted: bool,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
}

/// An archive, or an entry of it, that is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("it is not a zip archive: {0}")]
    NotAnArchive(&'static str),
    #[error("its entry `{name}` is not read: {problem}")]
    Entry { name: String, problem: &'static str },
    #[error("its entry `{name}` has more than {limit} bytes")]
    TooLarge { name: String, limit: u64 },
    #[error("it could not be read")]
    Storage(#[source] io::Error),
}

impl Archive {
    /// Reads the directory. Blocks.
    pub(crate) fn open(mut content: Content) -> Result<Self, ArchiveError> {
        let size = length(&content).map_err(ArchiveError::Storage)?;
        let tail_size = size.min(END + COMMENT);
        let tail = read(&mut content, size - tail_size, tail_size)?;
        let end = end_record(&tail).ok_or(ArchiveError::NotAnArchive("it has no end record"))?;
        let (directory_size, offset) = (u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
        if directory_size > DIRECTORY {
            return Err(ArchiveError::NotAnArchive("its directory is too large"));
        }
        if offset + directory_size > size {
            return Err(ArchiveError::NotAnArchive("its directory is not in it"));
        }
        let directory = read(&mut content, offset, directory_size)?;
        let entries = entries(&directory)?;
        if entries.len() != usize::from(u16_at(end, 10)) {
            return Err(ArchiveError::NotAnArchive("its directory has another number of entries than it says"));
        }
        Ok(Self { content, entries })
    }

    /// The names of all entries, as they are written: they may hold anything, and are no paths.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// An entry's bytes, if they are not more than this. Blocks.
    pub(crate) fn read(&mut self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        let problem = |problem| ArchiveError::Entry { name: name.to_owned(), problem };
        let mut found = self.entries.iter().filter(|entry| entry.name == name);
        let Some(entry) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            // Two readers could differ in which one counts.
            return Err(problem("there are two of this name"));
        }
        if entry.encrypted {
            return Err(problem("it is encrypted"));
        }
        let too_large = || ArchiveError::TooLarge { name: name.to_owned(), limit };
        if entry.size > limit || entry.packed > limit.saturating_add(4_096) {
            return Err(too_large());
        }
        let header = read(&mut self.content, entry.offset, LOCAL_HEADER)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(problem("it is not where the directory says"));
        }
        let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let packed = read(&mut self.content, entry.offset + LOCAL_HEADER + names, entry.packed)?;
        let bytes = match entry.method {
            0 => packed,
            8 => {
                let mut bytes = Vec::new();
                let unpacking = DeflateDecoder::new(packed.as_slice()).take(limit + 1).read_to_end(&mut bytes);
                unpacking.map_err(|_| problem("it cannot be unpacked"))?;
                bytes
            }
            _ => return Err(problem("it is packed in an unusual way")),
        };
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        if crc.sum() != entry.crc || bytes.len() as u64 != entry.size {
            return Err(problem("it has other content than the directory says"));
        }
        Ok(Some(bytes))
    }
}

/// The last end record whose comment ends where the archive does.
fn end_record(tail: &[u8]) -> Option<&[u8]> {
    let last = tail.len().checked_sub(usize::try_from(END).ok()?)?;
    (0..=last)
        .rev()
        .map(|at| &tail[at..])
        .find(|record| record.starts_with(b"PK\x05\x06") && usize::from(u16_at(record, 20)) + 22 == record.len())
}

fn entries(directory: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
    let broken = || ArchiveError::NotAnArchive("its directory is broken");
    let (mut entries, mut rest) = (Vec::new(), directory);
    while !rest.is_empty() {
        if rest.len() < HEADER || !rest.starts_with(b"PK\x01\x02") {
            return Err(broken());
        }
        let (name, extra, comment) = (u16_at(rest, 28), u16_at(rest, 30), u16_at(rest, 32));
        let name_end = HEADER + usize::from(name);
        let next = name_end + usize::from(extra) + usize::from(comment);
        if next > rest.len() {
            return Err(broken());
        }
        entries.push(Entry {
            // A name that is not UTF-8 is none that anybody here looks for.
            name: String::from_utf8_lossy(&rest[HEADER..name_end]).into_owned(),
            method: u16_at(rest, 10),
            encrypted: u16_at(rest, 8) & 1 == 1,
            crc: u32_at(rest, 16),
            packed: u64::from(u32_at(rest, 20)),
            size: u64::from(u32_at(rest, 24)),
            offset: u64::from(u32_at(rest, 42)),
        });
        rest = &rest[next..];
    }
    Ok(entries)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn length(content: &Content) -> io::Result<u64> {
    match content {
        Content::File(file) => Ok(file.metadata()?.len()),
        Content::Bytes(bytes) => Ok(bytes.len() as u64),
    }
}

/// Exactly these bytes. Whoever asks has bounded `size`.
fn read(content: &mut Content, offset: u64, size: u64) -> Result<Vec<u8>, ArchiveError> {
    let outside = || ArchiveError::NotAnArchive("it points outside itself");
    let end = offset.checked_add(size).ok_or_else(outside)?;
    if end > length(content).map_err(ArchiveError::Storage)? {
        return Err(outside());
    }
    match content {
        Content::Bytes(bytes) => {
            let place = |at: u64| usize::try_from(at).map_err(|_| outside());
            Ok(bytes.slice(place(offset)?..place(end)?).to_vec())
        }
        Content::File(file) => {
            let mut whole = vec![0; usize::try_from(size).map_err(|_| outside())?];
            file.seek(SeekFrom::Start(offset)).map_err(ArchiveError::Storage)?;
            file.read_exact(&mut whole).map_err(ArchiveError::Storage)?;
            Ok(whole)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::DeflateEncoder};
    use proptest::prelude::*;

    use super::*;

    /// A zip archive of deflated entries.
    pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut whole, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in entries {
            let mut deflater = DeflateEncoder::new(Vec::new(), Compression::best());
            deflater.write_all(content).unwrap();
            let packed = deflater.finish().unwrap();
            let mut crc = Crc::new();
            crc.update(content);
            let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
            let short = |value: usize| u16::try_from(value).unwrap().to_le_bytes();
            let about = [
                &[20, 0, 0, 0, 8, 0, 0, 0, 0, 0][..],
                &crc.sum().to_le_bytes(),
                &number(packed.len()),
                &number(content.len()),
                &short(name.len()),
                &[0, 0],
            ]
            .concat();
            let place = number(whole.len());
            directory.extend([b"PK\x01\x02\x14\x00", &about[..], &[0; 10], &place, name.as_bytes()].concat());
            whole.extend([b"PK\x03\x04", &about[..], name.as_bytes(), &packed].concat());
        }
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        let (size, place) = (u32::try_from(directory.len()).unwrap(), u32::try_from(whole.len()).unwrap());
        whole.extend(directory);
        whole.extend(
            [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size.to_le_bytes(), &place.to_le_bytes(), &[0, 0]].concat(),
        );
        whole
    }

    fn open(bytes: Vec<u8>) -> Result<Archive, ArchiveError> {
        Archive::open(Content::Bytes(bytes.into()))
    }

    #[test]
    fn entries_are_read() {
        let mut archive = open(zip(&[("a.txt", b"hello"), ("b/c", b"")])).unwrap();
        assert_eq!(archive.names().collect::<Vec<_>>(), ["a.txt", "b/c"]);
        assert_eq!(archive.read("a.txt", 5).unwrap().unwrap(), b"hello");
        assert_eq!(archive.read("b/c", 0).unwrap().unwrap(), b"");
        assert!(archive.read("c", 5).unwrap().is_none());
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let zeros = vec![0; 64 << 20];
        let honest = zip(&[("a", &zeros)]);
        assert!(honest.len() < 100 << 10);
        assert!(matches!(open(honest.clone()).unwrap().read("a", 1 << 20), Err(ArchiveError::TooLarge { .. })));
        // One that says it is small.
        let mut liar = honest;
        let at = liar.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
        liar[at + 24..at + 28].copy_from_slice(&10_u32.to_le_bytes());
        assert!(matches!(open(liar).unwrap().read("a", 1 << 20), Err(ArchiveError::TooLarge { .. })));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let mut twice = open(zip(&[("a", b"1"), ("a", b"2")])).unwrap();
        assert!(matches!(twice.read("a", 9), Err(ArchiveError::Entry { .. })));
        let good = zip(&[("a", b"1")]);
        let mut other_content = good.clone();
        let at = other_content.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
        other_content[at + 16] ^= 1;
        assert!(open(other_content).unwrap().read("a", 9).is_err());
        for bad in [&b""[..], b"PK\x05\x06", &good[..good.len() - 1], &[good.as_slice(), b"x"].concat()] {
            assert!(open(bad.to_vec()).is_err());
        }
        let mut counted = good.clone();
        let end = counted.len() - 12;
        counted[end] = 2;
        assert!(open(counted).is_err());
        let mut far = good;
        let end = far.len() - 10;
        far[end..end + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(open(far).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
            let mut bytes = zip(&[("a", b"hello hello hello"), ("b", b"x")]);
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            if let Ok(mut archive) = open(bytes) {
                let names: Vec<String> = archive.names().map(ToOwned::to_owned).collect();
                for name in names {
                    if let Ok(Some(content)) = archive.read(&name, 1_000) {
                        prop_assert!(content.len() <= 1_000);
                    }
                }
            }
        }
    }
}
