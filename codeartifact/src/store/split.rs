//! An entry in parts, for a system that keeps only so many bytes in one: the Windows Credential Manager takes at most
//! 2,560 bytes (`CRED_MAX_CREDENTIAL_BLOB_SIZE`), and a token alone can be longer.
//!
//! Part 0 has the entry's own name, the others `NAME#1`, `NAME#2`, ... Each begins with a header: the magic `CAP1`, its
//! number, how many there are, and the first eight bytes of the whole entry's SHA-256. Parts of two entries are so never
//! taken for one: a reader that comes between two writes finds none and asks for a new token.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{StoreError, Wiped};

const MAGIC: &[u8; 4] = b"CAP1";
const DIGEST: usize = 8;
const HEADER: usize = MAGIC.len() + 2 + DIGEST;

/// The size of a part with its header: below 2,560 bytes.
pub(super) const PART: usize = 2_500;

/// Where parts are kept.
pub(super) trait Slots {
    /// The bytes under a name.
    fn read(&self, name: &str) -> Result<Option<Wiped>, StoreError>;
    /// Puts bytes under a name, over what is there.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;
    /// Removes a name; `false` where there was none.
    fn remove(&self, name: &str) -> Result<bool, StoreError>;
}

/// Whether a name is a further part's.
pub(super) fn is_further_part(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| number.parse::<u8>().is_ok())
}

fn slot(name: &str, number: usize) -> String {
    if number == 0 { name.to_owned() } else { format!("{name}#{number}") }
}

/// Writes `entry`; what an earlier, longer one left is removed.
pub(super) fn write(slots: &impl Slots, name: &str, entry: &[u8]) -> Result<(), StoreError> {
    let digest = Sha256::digest(entry);
    let chunks: Vec<&[u8]> = if entry.is_empty() { vec![&[]] } else { entry.chunks(PART - HEADER).collect() };
    let count =
        u8::try_from(chunks.len()).map_err(|_| StoreError::failed("split", "keep an entry", "it is too long"))?;
    // The first part last: until it is there, a reader finds the old entry's, to which the others do not fit.
    for (number, chunk) in (0..count).zip(&chunks).rev() {
        let mut part = Zeroizing::new(Vec::with_capacity(HEADER + chunk.len()));
        part.extend_from_slice(MAGIC);
        part.extend_from_slice(&[number, count]);
        part.extend_from_slice(&digest[..DIGEST]);
        part.extend_from_slice(chunk);
        slots.write(&slot(name, number.into()), &part)?;
    }
    remove_from(slots, name, chunks.len())
}

/// Reads an entry; torn or foreign parts are none.
pub(super) fn read(slots: &impl Slots, name: &str) -> Result<Option<Wiped>, StoreError> {
    let mut whole = Wiped(Vec::new());
    let mut count = 1;
    let mut digest = None;
    let mut number = 0;
    while number < count {
        let Some(part) = slots.read(&slot(name, number.into()))? else { return Ok(None) };
        let Some((header, chunk)) = part.0.split_at_checked(HEADER) else { return Ok(None) };
        let same = digest.get_or_insert_with(|| header[MAGIC.len() + 2..].to_vec());
        if number == 0 {
            count = header[MAGIC.len() + 1];
        }
        if !header.starts_with(MAGIC)
            || header[MAGIC.len()..][..2] != [number, count]
            || header[HEADER - DIGEST..] != **same
        {
            return Ok(None);
        }
        whole.0.extend_from_slice(chunk);
        number += 1;
    }
    let fits = digest.is_some_and(|digest| Sha256::digest(&whole.0)[..DIGEST] == *digest);
    Ok(fits.then_some(whole))
}

/// Removes an entry with all its parts.
pub(super) fn remove(slots: &impl Slots, name: &str) -> Result<(), StoreError> {
    remove_from(slots, name, 0)
}

/// Parts have no gaps but where a removal was cut short: the first one always goes, the others until one is missing.
fn remove_from(slots: &impl Slots, name: &str, first: usize) -> Result<(), StoreError> {
    for number in first..=usize::from(u8::MAX) {
        if !slots.remove(&slot(name, number))? && number > 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, collections::BTreeMap};

    #[derive(Default)]
    struct Map(RefCell<BTreeMap<String, Vec<u8>>>);

    impl Slots for Map {
        fn read(&self, name: &str) -> Result<Option<Wiped>, StoreError> {
            Ok(self.0.borrow().get(name).cloned().map(Wiped))
        }
        fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
            assert!(bytes.len() < 2_560, "{}", bytes.len());
            self.0.borrow_mut().insert(name.to_owned(), bytes.to_vec());
            Ok(())
        }
        fn remove(&self, name: &str) -> Result<bool, StoreError> {
            Ok(self.0.borrow_mut().remove(name).is_some())
        }
    }

    fn bytes(length: usize, seed: u8) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at % 251).unwrap() ^ seed).collect()
    }

    fn get(map: &Map) -> Option<Vec<u8>> {
        read(map, "k").unwrap().map(|entry| entry.0.clone())
    }

    #[test]
    fn every_length_comes_back_and_nothing_is_left() {
        let map = Map::default();
        let one = PART - HEADER;
        // Growing, shrinking, and the edges of a part.
        for length in [5 * 1024, 0, 1, one - 1, one, one + 1, 3 * one, 3 * one + 1, 4096, 20 * 1024, 2 * one, 10] {
            write(&map, "k", &bytes(length, 7)).unwrap();
            assert_eq!(get(&map), Some(bytes(length, 7)), "{length}");
            assert_eq!(map.0.borrow().len(), length.div_ceil(one).max(1), "parts of {length}");
        }
        write(&map, "k", &bytes(5 * 1024, 7)).unwrap();
        remove(&map, "k").unwrap();
        assert!(map.0.borrow().is_empty());
        assert_eq!(get(&map), None);
        remove(&map, "k").unwrap();
    }

    #[test]
    fn a_five_kilobyte_entry_has_three_parts() {
        let map = Map::default();
        write(&map, "k", &bytes(5 * 1024, 1)).unwrap();
        assert_eq!(map.0.borrow().keys().collect::<Vec<_>>(), ["k", "k#1", "k#2"]);
    }

    #[test]
    fn torn_entries_are_none() {
        // A writer of a new entry of three parts stops after each of its steps.
        let (old, new) = (Map::default(), Map::default());
        for old_length in [10, 5 * 1024, 12 * 1024] {
            write(&old, "k", &bytes(old_length, 1)).unwrap();
            write(&new, "k", &bytes(5 * 1024, 2)).unwrap();
            let torn = Map::default();
            for (name, part) in old.0.borrow().iter() {
                torn.write(name, part).unwrap();
            }
            for name in ["k#2", "k#1"] {
                torn.write(name, &new.0.borrow()[name]).unwrap();
                let found = get(&torn);
                // An old entry of one part stays whole until the last step.
                assert_eq!(found, (old_length == 10).then(|| bytes(10, 1)), "{old_length} {name}");
            }
            torn.write("k", &new.0.borrow()["k"]).unwrap();
            assert_eq!(get(&torn), Some(bytes(5 * 1024, 2)));
        }
    }

    #[test]
    fn damaged_entries_are_none() {
        let map = Map::default();
        write(&map, "k", &bytes(5 * 1024, 1)).unwrap();
        let whole = map.0.borrow().clone();
        for (name, part) in &whole {
            for at in (0..part.len()).step_by(97).chain(0..HEADER) {
                let mut damaged = part.clone();
                damaged[at] ^= 1;
                map.0.borrow_mut().insert(name.clone(), damaged);
                assert_eq!(get(&map), None, "{name} at {at}");
            }
            map.0.borrow_mut().insert(name.clone(), part[..HEADER - 1].to_vec());
            assert_eq!(get(&map), None, "{name} cut");
            map.0.borrow_mut().insert(name.clone(), part.clone());
        }
        assert!(get(&map).is_some());
        map.0.borrow_mut().remove("k#1");
        assert_eq!(get(&map), None, "a part is missing");
    }

    #[test]
    fn further_parts_are_known_by_name() {
        assert!(is_further_part("codeartifact/x#12"));
        assert!(!is_further_part("codeartifact/x"));
        assert!(!is_further_part("codeartifact/x#y"));
    }

    #[test]
    fn an_entry_beyond_all_parts_is_refused() {
        assert!(write(&Map::default(), "k", &bytes(256 * PART, 0)).is_err());
    }
}
