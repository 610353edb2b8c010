//! Files of versions, and their checksums.

use std::sync::Arc;

use super::{
    checksum_reply, dated, external,
    listing::Listing,
    path::{Algorithm, File},
};
use crate::{
    external::{Fetch, fetch},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::Reply,
    resolve::{Reach, Source},
    state::{Asset, Millis, Origin, Status, Version},
};

/// Where a file is.
enum Located {
    Stored(Asset, Millis),
    /// With the public source.
    Awaited(Box<Fetch>, Millis),
}

/// The file, or a checksum of it. What comes from an upstream is kept in the addressed repository before it is sent. A
/// HEAD and a checksum keep nothing.
pub(super) async fn file(visit: &Visit<'_>, file: &File, checksum: Option<Algorithm>) -> Result<Reply, Refusal> {
    let keeps = visit.method == hyper::Method::GET && checksum.is_none();
    let (reply, published) = match (locate(visit, file, keeps).await?, checksum) {
        (Located::Stored(asset, published), None) => (visit.asset(&asset, content_type(&file.name))?, published),
        (Located::Stored(asset, published), Some(algorithm)) => (checksum_reply(&asset.digests, algorithm), published),
        (Located::Awaited(fetch, published), None) => (visit.fetch(*fetch, content_type(&file.name)).await?, published),
        (Located::Awaited(wanted, published), Some(algorithm)) => {
            let version = fetch(visit.service, &visit.repository, *wanted).await?;
            let asset = version.asset(&file.name).ok_or_else(|| absent(file))?;
            (checksum_reply(&asset.digests, algorithm), published)
        }
    };
    Ok(dated(reply, published))
}

async fn locate(visit: &Visit<'_>, file: &File, keeps: bool) -> Result<Located, Refusal> {
    let (key, name, version) = (file.coordinate.key(), file.coordinate.artifact.as_str(), file.version());
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, first, &key, name);
    let found = reach.version(version);
    if file.coordinate.is_snapshot() && (file.build.is_none() || found.is_none()) {
        return newest_build(&reach, file);
    }
    let mut problem = None;
    if !file.coordinate.is_snapshot() {
        for source in reach.sources_before(found.as_ref()) {
            match external::ingest(visit, &source, file).await {
                Ok(Some(record)) => return at_source(visit, &source, file, &record).await,
                Ok(None) => {}
                // A source that is down has nothing: what is further on counts then.
                Err(error) => problem = Some(error),
            }
        }
    }
    let Some(found) = found else { return Err(problem.unwrap_or_else(|| absent(file).into())) };
    let record = found.version;
    if !record.status.downloadable() {
        return Err(absent(file).into());
    }
    if let Some(asset) = record.asset(&file.name) {
        if keeps && found.repository.name != first.name {
            let (repository, key) = (visit.repository.clone(), key.clone());
            let (name, version) = (name.to_owned(), version.to_owned());
            let retained =
                visit.service.journal.apply(move |draft| draft.retain(&repository, &key, &name, &version)).await?;
            return stored(&retained, file);
        }
        return Ok(Located::Stored(asset.clone(), published(record)));
    }
    // Got by the record further on, after the nearer one was kept from there.
    let has = |version: &Arc<Version>| {
        version.origin == record.origin && version.status.downloadable() && version.asset(&file.name).is_some()
    };
    if reach.packages().filter_map(|package| package.version_like(version)).any(has) {
        let (repository, key) = (visit.repository.clone(), key.clone());
        let (name, version, asset) = (name.to_owned(), version.to_owned(), file.name.clone());
        let kept = visit
            .service
            .journal
            .apply(move |draft| draft.adopt(&repository, &key, &name, &version, &asset, |kept, _| kept.into()))
            .await?;
        return stored(&kept, file);
    }
    match record.origin {
        Origin::External { connection } => {
            let source = reach.sources().into_iter().find(|source| source.connection == connection);
            at_source(visit, &source.ok_or_else(|| absent(file))?, file, record).await
        }
        Origin::Internal { .. } => Err(absent(file).into()),
    }
}

/// Of a version that is from a source: the file, if it is stored, or the way to it.
async fn at_source(visit: &Visit<'_>, source: &Source, file: &File, record: &Arc<Version>) -> Result<Located, Refusal> {
    if !record.status.downloadable() || record.asset(&file.name).is_some() {
        return stored(record, file);
    }
    let fetch = external::fetch_of(visit, source, file, record).await?;
    Ok(Located::Awaited(Box::new(fetch), published(record)))
}

/// A snapshot's file by the name without a time, or by that of a build whose own record was cleaned up: the snapshot
/// version has the newest build's files.
fn newest_build(reach: &Reach<'_>, file: &File) -> Result<Located, Refusal> {
    let coordinate = &file.coordinate;
    let found = reach.version(&coordinate.version).filter(|found| found.version.status == Status::Published);
    let record = found.ok_or_else(|| absent(file))?.version;
    let name = match (&file.build, Listing::of(record).build) {
        (None, Some(build)) => {
            let plain = format!("{}-{}", coordinate.artifact, coordinate.version);
            file.name.strip_prefix(&plain).map(|rest| format!("{}-{build}{rest}", coordinate.artifact))
        }
        _ => Some(file.name.clone()),
    };
    let asset = name.and_then(|name| record.asset(&name)).ok_or_else(|| absent(file))?;
    Ok(Located::Stored(asset.clone(), published(record)))
}

fn stored(record: &Arc<Version>, file: &File) -> Result<Located, Refusal> {
    let asset = record.asset(&file.name).filter(|_| record.status.downloadable()).ok_or_else(|| absent(file))?;
    Ok(Located::Stored(asset.clone(), published(record)))
}

fn published(record: &Version) -> Millis {
    Listing::of(record).modified.unwrap_or(record.published)
}

fn absent(file: &File) -> Failure {
    Failure::not_found(ResourceKind::Asset, format!("{} {}", file.coordinate, file.name))
}

fn content_type(file: &str) -> &'static str {
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("pom" | "xml") => "application/xml",
        Some("jar" | "war" | "ear" | "aar") => "application/java-archive",
        Some("module" | "json") => "application/json",
        Some("asc") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
