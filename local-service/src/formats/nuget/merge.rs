//! The versions of a package as a repository shows them: what is stored, nearest first, and what public sources list.

use std::collections::BTreeMap;

use codeartifact::PackageFormat;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    external,
    nuspec::Listing,
    version::{NugetVersion, range_is_semver2},
};
use crate::{
    formats::Sources,
    state::{Millis, Status, VersionKey},
};

/// A version that clients see.
pub(super) struct Shown {
    /// In its normal form.
    pub(super) version: String,
    pub(super) parsed: NugetVersion,
    pub(super) listing: Listing,
    /// When it came into this service, or when the public source published it.
    pub(super) published: String,
    pub(super) listed: bool,
    pub(super) semver2: bool,
}

/// All versions that can be downloaded, oldest first. A stored record of any status hides what is further away.
pub(super) fn shown(sources: &Sources) -> Vec<Shown> {
    let mut known: BTreeMap<VersionKey, Option<Shown>> = BTreeMap::new();
    for (key, version) in sources.packages.iter().flat_map(|package| package.versions()) {
        known.entry(key.clone()).or_insert_with(|| {
            let listing = Listing::of(&version.listing);
            let published = listing.published.clone().unwrap_or_else(|| date(version.published));
            let listed = version.status == Status::Published && !listing.unlisted;
            let shown = show(key, listing, published, listed);
            shown.filter(|_| version.status.downloadable())
        });
    }
    for listing in sources.documents.iter().flat_map(|document| external::read(document)) {
        let key = VersionKey::new(PackageFormat::Nuget, &listing.version);
        known.entry(key.clone()).or_insert_with(|| {
            let published = listing.published.clone().unwrap_or_else(|| date(0));
            let listed = !listing.unlisted;
            show(&key, listing, published, listed)
        });
    }
    let mut shown: Vec<Shown> = known.into_values().flatten().collect();
    shown.sort_by(|a, b| a.parsed.cmp(&b.parsed));
    shown
}

fn show(key: &VersionKey, listing: Listing, published: String, listed: bool) -> Option<Shown> {
    let parsed = NugetVersion::parse(key.as_str())?;
    let written = NugetVersion::parse(&listing.version);
    let semver2 = parsed.is_semver2()
        || written.is_some_and(|written| written.is_semver2())
        || listing.groups.iter().flat_map(|group| &group.dependencies).any(|needed| range_is_semver2(&needed.range));
    Some(Shown { version: key.as_str().to_owned(), parsed, listing, published, listed, semver2 })
}

/// A time as registrations have it.
pub(super) fn date(millis: Millis) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}
