//! The package base address: which versions there are, packages, and the nuspecs in them.

use std::{collections::BTreeMap, sync::Arc};

use codeartifact::PackageFormat;
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{external, key, nuspec, version::NugetVersion};
use crate::{
    assets::Content,
    failure::{Failure, ResourceKind},
    formats::{
        Refusal, Sources, Visit,
        archive::{Archive, ArchiveError},
    },
    http::{Reply, answer},
    resolve::{Reach, Source},
    state::{Package, PackageKey, Snapshot, Version, VersionKey},
};

const PACKAGE: &str = "application/octet-stream";
const NUSPEC: &str = "application/xml";

/// The packages of this key that lists are merged from, and the public sources beyond them.
pub(super) fn reach(
    visit: &Visit<'_>,
    state: &Snapshot,
    package: &PackageKey,
    id: &str,
) -> Result<(Vec<Arc<Package>>, Vec<Source>), Refusal> {
    let (domain, repository) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, repository, package, id);
    Ok((reach.packages().cloned().collect(), reach.sources()))
}

/// All versions that can be downloaded, listed or not, oldest first.
pub(super) async fn versions(visit: &Visit<'_>, id: &str) -> Result<Reply, Refusal> {
    let package = key(id)?;
    let id = id.to_lowercase();
    let state = visit.service.journal.snapshot();
    let (packages, public) = reach(visit, &state, &package, &id)?;
    let mut documents = Vec::new();
    for source in public {
        // A source that is down has nothing; what is stored here is served all the same.
        documents.extend(external::versions(visit, &source, &id).await.ok().flatten());
    }
    let sources = Sources { packages, documents, ..Sources::default() };
    let what = format!("versions\0{id}");
    let prepared = visit
        .service
        .prepared
        .prepared(&visit.repository, PackageFormat::Nuget, &what, sources, render)
        .await
        .ok_or_else(|| Failure::not_found(ResourceKind::Package, package.path()))?;
    Ok(prepared.reply(visit.headers, "application/json").await)
}

fn render(sources: &Sources) -> Option<Vec<u8>> {
    let mut known: BTreeMap<VersionKey, bool> = BTreeMap::new();
    for (key, version) in sources.packages.iter().flat_map(|package| package.versions()) {
        known.entry(key.clone()).or_insert_with(|| version.status.downloadable());
    }
    for version in sources.documents.iter().flat_map(|document| external::read_versions(document)) {
        known.entry(VersionKey::new(PackageFormat::Nuget, &version)).or_insert(true);
    }
    let visible = known.into_iter().filter(|(_, visible)| *visible).map(|(key, _)| key);
    let mut versions: Vec<_> = visible.filter_map(|key| Some((NugetVersion::parse(key.as_str())?, key))).collect();
    versions.sort_by(|a, b| a.0.cmp(&b.0));
    let versions: Vec<&str> = versions.iter().map(|(_, key)| key.as_str()).collect();
    (!versions.is_empty()).then(|| json!({ "versions": versions }).to_string().into_bytes())
}

/// The package. A version that comes from an upstream is kept in the addressed repository before it is sent. A HEAD
/// retains nothing of what is stored.
pub(super) async fn package(visit: &Visit<'_>, id: &str, version: &str) -> Result<Reply, Refusal> {
    let key = key(id)?;
    let id = id.to_lowercase();
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let absent = || Failure::not_found(ResourceKind::PackageVersion, version);
    let reach = Reach::new(domain, first, &key, &id);
    let found = reach.version(version);
    for source in reach.sources_before(found.as_ref()) {
        match external::find(visit, &source, &key, version).await {
            Ok(Some(fetch)) => return visit.fetch(fetch, PACKAGE).await,
            // A source that is down has nothing: what is stored further on counts then.
            Err(_) if found.is_some() => {}
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
    let found = found.filter(|found| found.version.status.downloadable()).ok_or_else(absent)?;
    let record = if found.repository.name == first.name || visit.method == Method::HEAD {
        Arc::clone(found.version)
    } else {
        let (repository, key, version) = (visit.repository.clone(), key.clone(), version.to_owned());
        let retained = visit.service.journal.apply(move |draft| draft.retain(&repository, &key, &id, &version)).await?;
        Some(retained).filter(|retained| retained.status.downloadable()).ok_or_else(absent)?
    };
    let asset = record.assets.first().ok_or_else(absent)?;
    visit.asset(asset, PACKAGE)
}

/// The nuspec: out of the stored package, or as the public source gives it. Metadata: nothing is retained.
pub(super) async fn nuspec(visit: &Visit<'_>, id: &str, version: &str) -> Result<Reply, Refusal> {
    let key = key(id)?;
    let id = id.to_lowercase();
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let absent = || Failure::not_found(ResourceKind::PackageVersion, version);
    let reach = Reach::new(domain, first, &key, &id);
    let found = reach.version(version);
    for source in reach.sources_before(found.as_ref()) {
        let normal = VersionKey::new(PackageFormat::Nuget, version);
        match external::nuspec(visit, &source, &id, normal.as_str()).await {
            Ok(Some(document)) => return Ok(answer::reply(StatusCode::OK, NUSPEC, document.bytes.clone())),
            Err(_) if found.is_some() => {}
            Ok(None) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let found = found.filter(|found| found.version.status.downloadable()).ok_or_else(absent)?;
    let content = open(visit, found.version)?;
    let bytes = unpack(content).await?.map_err(|error| Failure::internal(error.to_string()))?.nuspec;
    Ok(answer::reply(StatusCode::OK, NUSPEC, bytes))
}

fn open(visit: &Visit<'_>, version: &Version) -> Result<Content, Refusal> {
    let asset = version.assets.first();
    let asset = asset.ok_or_else(|| Failure::not_found(ResourceKind::PackageVersion, &version.version))?;
    let opened = visit.service.assets.open(&visit.repository.domain, &asset.digests.sha256);
    opened.map_err(|error| Failure::storage(&error).into())
}

/// What the service reads out of a package.
pub(super) struct Unpacked {
    pub(super) nuspec: Vec<u8>,
    archive: Archive,
}

/// A package that cannot be one.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackageError {
    #[error("the package cannot be read: {0}")]
    Archive(#[from] ArchiveError),
    #[error("the package has no nuspec in its root, or several")]
    Nuspec,
}

/// Reads the nuspec out of a package.
pub(super) async fn unpack(content: Content) -> Result<Result<Unpacked, PackageError>, Failure> {
    blocking(move || {
        let mut archive = Archive::open(content)?;
        let mut names = archive
            .names()
            .filter(|name| !name.contains(['/', '\\']) && name.len() > 7 && name.to_lowercase().ends_with(".nuspec"));
        let (Some(name), None) = (names.next().map(ToOwned::to_owned), names.next()) else {
            return Err(PackageError::Nuspec);
        };
        drop(names);
        let nuspec = archive.read(&name, nuspec::SIZE)?.ok_or(PackageError::Nuspec)?;
        Ok(Unpacked { nuspec, archive })
    })
    .await
}

impl Unpacked {
    /// A text file of the package, if it is there, is text and is not larger than this. What is not is passed over:
    /// no package is refused for its readme.
    pub(super) async fn text(mut self, file: String, limit: u64) -> Result<Option<String>, Failure> {
        blocking(move || {
            // Written on any system.
            let wanted = file.replace('\\', "/");
            let name = self.archive.names().find(|name| name.replace('\\', "/") == wanted).map(ToOwned::to_owned)?;
            let bytes = self.archive.read(&name, limit).ok().flatten()?;
            String::from_utf8(bytes).ok().map(|text| text.trim_start_matches('\u{feff}').to_owned())
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    spawn_blocking(work).await.map_err(|_| Failure::internal("reading the package was stopped"))
}
