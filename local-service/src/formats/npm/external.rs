//! Packages of a public source: its packuments, and where they say that the tarballs are.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    ASSET,
    manifest::{Manifest, is_readme},
    name::Name,
};
use crate::{
    aside::{LARGE, aside},
    assets::Expected,
    external::{Document, ExternalError, Fetch, Wanted},
    formats::{Refusal, Visit},
    resolve::Source,
    state::NewVersion,
};

/// Bytes of a packument: the largest ones there are have some tens of MiB.
const PACKUMENT: u64 = 256 << 20;

/// The whole document of a package, and not the abbreviated one: that has no times and no readme.
pub(super) async fn packument(
    visit: &Visit<'_>,
    source: &Source,
    name: &Name,
) -> Result<Option<Arc<Document>>, ExternalError> {
    let wanted = Wanted { link: name.escaped(), accept: "application/json", limit: PACKUMENT };
    visit.service.external.document(&visit.service.counters, source.connection, &wanted).await
}

/// A source's document, opened: its members are looked into one by one.
#[derive(Deserialize)]
pub(super) struct Opened<'a> {
    #[serde(borrow, default)]
    pub(super) versions: HashMap<String, &'a RawValue>,
    #[serde(borrow, default, rename = "dist-tags")]
    tags: HashMap<String, &'a RawValue>,
    #[serde(borrow, default)]
    time: HashMap<String, &'a RawValue>,
    #[serde(borrow, default)]
    readme: Option<&'a RawValue>,
}

impl<'a> Opened<'a> {
    /// `None` if it is no document of a package.
    pub(super) fn new(document: &'a Document) -> Option<Self> {
        serde_json::from_slice(&document.bytes).ok()
    }

    /// When a version was published; what is no time would mislead those who refuse young versions.
    pub(super) fn time(&self, version: &str) -> Option<String> {
        let text = text(self.time.get(version)?)?;
        let dated = (20..=32).contains(&text.len())
            && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
            && text.as_bytes()[10] == b'T'
            && text.ends_with('Z');
        dated.then_some(text)
    }

    /// The tags, each with its version.
    pub(super) fn tags(&self) -> impl Iterator<Item = (&String, String)> {
        self.tags.iter().filter_map(|(tag, version)| Some((tag, text(version)?)))
    }
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// What is to be fetched for a version, if a source has it.
pub(super) async fn find(
    visit: &Visit<'_>,
    source: &Source,
    name: &Name,
    version: &str,
) -> Result<Option<Fetch>, Refusal> {
    let Some(document) = packument(visit, source, name).await? else { return Ok(None) };
    let (source, name, version) = (source.clone(), name.clone(), version.to_owned());
    aside(document.bytes.len() > LARGE, move || listed(&document, &source, &name, &version)).await
}

fn listed(document: &Document, source: &Source, name: &Name, version: &str) -> Result<Option<Fetch>, Refusal> {
    let Some(opened) = Opened::new(document) else { return Ok(None) };
    let Some(listed) = opened.versions.get(version) else { return Ok(None) };
    let Some((manifest, dist)) = Manifest::read(listed.get(), opened.time(version)) else { return Ok(None) };
    let expected = dist.sums.expected().filter(|expected| *expected != Expected::default());
    let expected = expected.ok_or_else(|| Refusal::Invalid(format!("the source has no digest of {name} {version}")))?;
    let tarball =
        dist.tarball.ok_or_else(|| Refusal::Invalid(format!("the source has no link to {name} {version}")))?;
    let tags: Vec<String> = opened.tags().filter(|(_, tagged)| tagged == version).map(|(tag, _)| tag.clone()).collect();
    // A source has one readme, that of its latest version.
    let readme = opened.readme.filter(|_| tags.iter().any(|tag| tag == "latest")).and_then(text);
    Ok(Some(Fetch {
        source: source.clone(),
        link: document.link(&tarball)?,
        asset: ASSET.to_owned(),
        expected,
        new: NewVersion {
            display_name: name.display_name(),
            about: manifest.about(),
            listing: manifest.listing(),
            readme: readme.filter(|readme| is_readme(readme)),
            tags,
            ..NewVersion::new(name.key(), name.base(), version)
        },
        merge: |stored, _| stored.into(),
    }))
}
