//! What is stored with a version beside its assets: what the POM says, when it was first published, which checksums
//! did not match.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::state::{Millis, Version};

/// The listing of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Listing {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) packaging: Option<String>,
    /// The parent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dependencies: Vec<Needed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<Named>,
    /// When a public source had it first, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<Millis>,
    /// Checksum files that were sent and did not match.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) mismatched: BTreeSet<String>,
    /// Of a snapshot version: the build that it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) build: Option<String>,
    /// Of a snapshot version: classifier and extension of its files, as its publisher names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kinds: Vec<Kind>,
}

/// A dependency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Needed {
    pub(super) group: String,
    pub(super) artifact: String,
    #[serde(default)]
    pub(super) version: String,
    /// The API's word.
    pub(super) kind: String,
}

/// A licence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
}

/// Classifier and extension of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Kind {
    #[serde(default)]
    pub(super) classifier: String,
    pub(super) extension: String,
}

impl Listing {
    /// The listing of a version; one that was written by nobody is empty.
    pub(super) fn of(version: &Version) -> Self {
        Self::read(&version.listing)
    }

    fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(super) fn text(&self) -> Box<str> {
        serde_json::to_string(self).expect("a listing is plain data").into()
    }
}

/// What a version has stays; what comes is added.
pub(super) fn merged(stored: &str, new: &str) -> Box<str> {
    let (mut stored, new) = (Listing::read(stored), Listing::read(new));
    if stored.packaging.is_none() && new.packaging.is_some() {
        stored.packaging = new.packaging;
        stored.dependencies = new.dependencies;
        stored.licenses = new.licenses;
    }
    stored.modified = stored.modified.or(new.modified);
    stored.mismatched.extend(new.mismatched);
    stored.text()
}

/// Checksums that match after all.
pub(super) fn matched(stored: &str, new: &str) -> Box<str> {
    let (mut stored, new) = (Listing::read(stored), Listing::read(new));
    stored.mismatched.retain(|file| !new.mismatched.contains(file));
    stored.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_grow_and_keep_what_they_have() {
        let pom = Listing { packaging: Some("jar".to_owned()), modified: Some(1), ..Listing::default() };
        let bad = Listing { mismatched: BTreeSet::from(["a.jar.md5".to_owned()]), ..Listing::default() };
        let both = merged(&merged("", &bad.text()), &pom.text());
        assert_eq!(Listing::read(&both), Listing { mismatched: bad.mismatched.clone(), ..pom.clone() });
        let other = Listing { packaging: Some("war".to_owned()), modified: Some(2), ..Listing::default() };
        assert_eq!(merged(&both, &other.text()), both);
        assert_eq!(matched(&both, &bad.text()), pom.text());
        assert_eq!(&*Listing::default().text(), "{}");
    }
}
