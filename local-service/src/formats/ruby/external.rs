//! Gems of a public source: its compact index, and the gems beside it.

use std::sync::Arc;

use super::listing::{self, Builds, Listed, file_name};
use crate::{
    assets::Expected,
    external::{Document, ExternalError, Fetch, Wanted},
    formats::{Refusal, Visit},
    resolve::Source,
    state::{Awaited, NewVersion, PackageKey},
};

/// Bytes of an `info` file, of the whole index, and of a specification.
const INFO: u64 = 16 << 20;
const INDEX: u64 = 64 << 20;
const SPECIFICATION: u64 = 4 << 20;

/// What a source says of a gem; `None` if it has none of that name.
pub(super) async fn info(
    visit: &Visit<'_>,
    source: &Source,
    name: &str,
) -> Result<Option<Arc<Document>>, ExternalError> {
    document(visit, source, format!("info/{name}"), INFO).await
}

/// The names of all its gems: `versions` or `names`.
pub(super) async fn index(
    visit: &Visit<'_>,
    source: &Source,
    file: &str,
) -> Result<Option<Arc<Document>>, ExternalError> {
    document(visit, source, file.to_owned(), INDEX).await
}

/// The packed specification of a gem.
pub(super) async fn specification(
    visit: &Visit<'_>,
    source: &Source,
    full_name: &str,
) -> Result<Option<Arc<Document>>, ExternalError> {
    document(visit, source, format!("quick/Marshal.4.8/{full_name}.gemspec.rz"), SPECIFICATION).await
}

async fn document(
    visit: &Visit<'_>,
    source: &Source,
    link: String,
    limit: u64,
) -> Result<Option<Arc<Document>>, ExternalError> {
    let wanted = Wanted { link, accept: "*/*", limit };
    visit.service.external.document(&visit.service.counters, source.connection, &wanted).await
}

/// The builds of a version that a source has.
pub(super) async fn builds(
    visit: &Visit<'_>,
    source: &Source,
    name: &str,
    version: &str,
) -> Result<Vec<Listed>, ExternalError> {
    let document = info(visit, source, name).await?;
    let listed = document.map(|document| listing::read_info(&document.bytes)).unwrap_or_default();
    Ok(listed.into_iter().filter(|listed| listed.version == version).collect())
}

/// What is to be fetched for a build of a version, if a source has it.
pub(super) async fn find(
    visit: &Visit<'_>,
    source: &Source,
    package: &PackageKey,
    (name, version, platform): (&str, &str, &str),
) -> Result<Option<Fetch>, Refusal> {
    let builds = builds(visit, source, name, version).await?;
    let Some(wanted) = builds.iter().find(|listed| listed.platform == platform) else { return Ok(None) };
    let checksum =
        wanted.checksum.ok_or_else(|| Refusal::Invalid(format!("the source has no checksum of {name} {version}")))?;
    let others = builds.iter().filter(|listed| listed.platform != platform);
    let awaited = others.map(|listed| Awaited {
        name: file_name(name, version, &listed.platform),
        size: None,
        sha256: listed.checksum,
    });
    let asset = file_name(name, version, platform);
    Ok(Some(Fetch {
        source: source.clone(),
        link: format!("gems/{asset}"),
        asset,
        expected: Expected { sha256: Some(checksum), ..Expected::default() },
        new: NewVersion {
            listing: Builds::of_listed(&builds).to_listing(),
            awaited: awaited.collect(),
            ..NewVersion::new(package.clone(), name, version)
        },
        merge: listing::merge,
    }))
}
