//! A bounded memory of what was used last.

use std::{borrow::Borrow, collections::HashMap, hash::Hash};

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of all values and keys together, as their owner counts them.
    pub(crate) bytes: usize,
    pub(crate) entries: usize,
}

/// Values by key: those that were not used for the longest time go first when there is no more room.
///
/// Going is done in one piece for an eighth of the room, so that a use costs no more than writing down a number.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    bounds: Bounds,
    entries: HashMap<K, Entry<V>>,
    bytes: usize,
    /// Counts uses: the latest has the highest number.
    uses: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<K: Eq + Hash + Clone, V> Recent<K, V> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: HashMap::new(), bytes: 0, uses: 0 }
    }

    /// A value; it is used with that.
    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entry = self.entries.get_mut(key)?;
        self.uses += 1;
        entry.used = self.uses;
        Some(&entry.value)
    }

    /// Keeps a value in place of the one that is there; one that is larger than all there may be is not kept.
    pub(crate) fn insert(&mut self, key: K, value: V, bytes: usize) {
        self.remove(&key);
        if bytes > self.bounds.bytes {
            return;
        }
        self.uses += 1;
        self.bytes += bytes;
        self.entries.insert(key, Entry { value, bytes, used: self.uses });
        if self.bytes > self.bounds.bytes || self.entries.len() > self.bounds.entries {
            self.make_room();
        }
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(removed) = self.entries.remove(key) {
            self.bytes -= removed.bytes;
        }
    }

    /// The newest stays, whatever its size.
    fn make_room(&mut self) {
        let Bounds { bytes, entries } = self.bounds;
        let (bytes, entries) = (bytes - bytes / 8, entries - entries / 8);
        let mut oldest: Vec<(u64, K)> = self.entries.iter().map(|(key, entry)| (entry.used, key.clone())).collect();
        oldest.sort_unstable_by_key(|(used, _)| *used);
        oldest.pop();
        for (_, key) in oldest {
            if self.bytes <= bytes && self.entries.len() <= entries {
                return;
            }
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(recent: &Recent<u32, ()>) -> Vec<u32> {
        let mut keys: Vec<u32> = recent.entries.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let mut recent = Recent::new(Bounds { bytes: 80, entries: 100 });
        for key in 0..8 {
            recent.insert(key, (), 10);
        }
        assert_eq!(kept(&recent), [0, 1, 2, 3, 4, 5, 6, 7]);
        // Used again: no longer the oldest.
        assert!(recent.get(&0).is_some() && recent.get(&2).is_some());
        recent.insert(8, (), 10);
        assert_eq!(kept(&recent), [0, 2, 4, 5, 6, 7, 8], "1 and 3 go");
        assert_eq!(recent.bytes, 70);
        recent.insert(9, (), 75);
        assert_eq!(kept(&recent), [9], "the newest stays, though it takes more than is left free otherwise");
    }

    #[test]
    fn entries_are_bounded_too() {
        let mut recent = Recent::new(Bounds { bytes: 1_000, entries: 8 });
        for key in 0..9 {
            recent.insert(key, (), 0);
        }
        assert_eq!(kept(&recent), [2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_is_larger_than_all_is_not_kept() {
        let mut recent = Recent::new(Bounds { bytes: 100, entries: 100 });
        recent.insert(1, (), 100);
        recent.insert(2, (), 101);
        assert_eq!(kept(&recent), [1]);
        // In place of a smaller one it is not kept, and the smaller one is outdated.
        recent.insert(1, (), 101);
        assert_eq!((kept(&recent), recent.bytes), (vec![], 0));
    }

    #[test]
    fn a_value_is_counted_once() {
        let mut recent = Recent::new(Bounds { bytes: 100, entries: 100 });
        for bytes in [10, 60, 30] {
            recent.insert(1, (), bytes);
            assert_eq!(recent.bytes, bytes);
        }
        recent.remove(&1);
        recent.remove(&1);
        assert_eq!(recent.bytes, 0);
    }
}
