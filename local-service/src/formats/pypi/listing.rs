//! What is kept of a version beyond its assets: what simple pages say of its files, and its dependencies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::assets::Digest;

/// A version's `listing`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    /// `Requires-Dist`, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) requires_dist: Vec<String>,
    /// By file name. Files that nobody fetched yet are here, too.
    #[serde(default)]
    pub(super) files: BTreeMap<String, Facts>,
}

/// What a simple page says of a file beside its size and its digests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) requires_python: Option<String>,
    /// When it was first uploaded: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload_time: Option<String>,
    /// The reason for which it is yanked, if it is; it may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) yanked: Option<String>,
    /// The SHA-256 of a wheel's `METADATA`, once it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) core_metadata: Option<Digest>,
}

impl Listing {
    /// A stored one. One that cannot be read says nothing.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(super) fn text(&self) -> Box<str> {
        serde_json::to_string(self).expect("a listing is plain data with text keys").into()
    }
}

/// What is published beside what is there: of a file that is there nothing changes, so that the same upload again is
/// no change at all.
pub(super) fn publish_beside(stored: &str, new: &str) -> Box<str> {
    let (mut merged, new) = (Listing::read(stored), Listing::read(new));
    if merged.requires_dist.is_empty() {
        merged.requires_dist = new.requires_dist;
    }
    for (file, facts) in new.files {
        merged.files.entry(file).or_insert(facts);
    }
    merged.text()
}

/// What a public source says now, over what it said before; what was read out of a file stays.
pub(super) fn mirror_over(stored: &str, new: &str) -> Box<str> {
    let (mut merged, new) = (Listing::read(stored), Listing::read(new));
    if merged.requires_dist.is_empty() {
        merged.requires_dist = new.requires_dist;
    }
    for (file, mut facts) in new.files {
        let known = merged.files.entry(file).or_default();
        facts.core_metadata = facts.core_metadata.or(known.core_metadata);
        *known = facts;
    }
    merged.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(yanked: Option<&str>, core_metadata: Option<Digest>) -> Box<str> {
        let facts = Facts { yanked: yanked.map(str::to_owned), core_metadata, ..Facts::default() };
        Listing { requires_dist: Vec::new(), files: BTreeMap::from([("a.whl".to_owned(), facts)]) }.text()
    }

    #[test]
    fn publishing_again_changes_nothing_and_mirroring_does() {
        let read = Digest::of(b"metadata");
        let stored = listing(None, Some(read));
        assert_eq!(publish_beside(&stored, &listing(Some("x"), None)), stored);
        assert_eq!(mirror_over(&stored, &listing(Some("x"), None)), listing(Some("x"), Some(read)));
        assert_eq!(mirror_over(&listing(Some("x"), None), &stored), stored);
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        assert_eq!(Listing::read(""), Listing::default());
        assert_eq!(Listing::read("[1]"), Listing::default());
        assert_eq!(Listing::read("{}"), Listing::default());
    }
}
