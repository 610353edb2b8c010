//! Maven repositories, for Maven, Gradle, sbt and whoever sends files: `GROUP/AS/PATH/ARTIFACT/VERSION/FILE`.
//!
//! What the service documents:
//!
//! - A version that is uploaded is `Unfinished` until the artifact's `maven-metadata.xml` that names it is. A checksum
//!   that does not match is refused, and the metadata then, too; a checksum of what is not there is not found.
//!   Checksums are computed, whatever was sent.
//! - `maven-metadata.xml` is made from what is published, over all upstreams; what was uploaded is an asset of the
//!   version and never served as it was.
//! - A snapshot's deployment is a build: a version of its own, `Unfinished` at first. With the snapshot's own
//!   metadata the snapshot version shows it and is `Published`, and the build is `Unlisted`. Snapshots without a
//!   timestamp are not taken, and snapshots are never fetched from public sources.
//! - `Last-Modified` is the time that the public source gives for the POM.
//!
//! What is chosen here where it is silent, or where it does more:
//!
//! - Of a public source, the POM comes with the version and every other file when a client asks for it: the service
//!   brings jar, sources and javadoc at once, but a source has no list of its files, and what may not be there is not
//!   listed as if it were.
//! - Versions are in Maven's own order, and `latest` and `release` are the last of it, with and without snapshots.
//!   `lastUpdated` is the youngest time of what is listed, so that the same list has the same bytes and checksums.
//! - A right checksum that is sent later makes good for a wrong one.
//! - A snapshot version is never kept from an upstream, only its builds are: else the next build would not be seen. The
//!   newest build may be asked for as `ARTIFACT-BASE-SNAPSHOT.EXTENSION`, too.
//! - A group's `maven-metadata.xml` (which `mvn PREFIX:goal` asks for) has the plugins that are published, with the
//!   prefixes that follow from their names, and those that public sources list. An uploaded one changes nothing.
//! - What a POM inherits is not looked up: its own values are shown.

mod document;
mod download;
mod external;
mod index;
mod listing;
mod order;
mod path;
mod pom;
mod publish;
mod xml;

use std::time::{Duration, UNIX_EPOCH};

use hyper::{Method, StatusCode, header};

pub(crate) use publish::Announced;

use self::{
    listing::Listing,
    path::{Algorithm, Place},
};
use super::{Dependency, License, Refusal, Subject, Visit};
use crate::{
    assets::Digests,
    http::{Reply, answer, header_value},
    state::{Millis, Version},
};

/// What a request is called in counters and fault rules.
pub(crate) fn request_name(method: &Method, path: &[&str]) -> &'static str {
    let put = method == Method::PUT;
    match path::read(path) {
        None => "maven:unknown",
        Some((Place::File(_), None)) if put => "maven:publish",
        Some((Place::File(_), Some(_))) if put => "maven:publish-checksum",
        Some((_, None)) if put => "maven:publish-metadata",
        Some((_, Some(_))) if put => "maven:publish-metadata-checksum",
        Some((Place::File(_), None)) => "maven:download",
        Some((Place::File(_), Some(_))) => "maven:checksum",
        Some((_, None)) => "maven:metadata",
        Some((_, Some(_))) => "maven:metadata-checksum",
    }
}

/// Artifact and version that a path names.
pub(crate) fn subject(path: &[&str]) -> Option<Subject> {
    match path::read(path)?.0 {
        Place::File(path::File { coordinate, .. }) | Place::Snapshot(coordinate) => {
            Some(Subject::of(&coordinate.artifact, Some(&coordinate.version)).within(&coordinate.group))
        }
        Place::Index(folders) => {
            let (artifact, group) = folders.split_last()?;
            Some(Subject::of(artifact, None).within(&path::joined(group)))
        }
    }
}

/// Answers a request for a Maven repository.
pub(crate) async fn serve(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let path = visit.path.clone();
    let (place, checksum) = path::read(&path).ok_or(Refusal::NoSuchPath)?;
    if visit.method == Method::PUT {
        return match (&place, checksum) {
            (Place::File(file), None) => publish::file(visit, file).await,
            (Place::File(file), Some(algorithm)) => publish::checksum(visit, file, algorithm).await,
            (Place::Snapshot(coordinate), None) => publish::snapshot(visit, coordinate).await,
            (Place::Index(folders), None) => publish::index(visit, folders).await,
            (Place::Snapshot(_) | Place::Index(_), Some(algorithm)) => {
                publish::metadata_checksum(visit, algorithm).await
            }
        };
    }
    if visit.method != Method::GET && visit.method != Method::HEAD {
        return Err(Refusal::Method);
    }
    match &place {
        Place::File(file) => download::file(visit, file, checksum).await,
        Place::Snapshot(coordinate) => index::snapshot(visit, coordinate, checksum).await,
        Place::Index(folders) => index::index(visit, folders, checksum).await,
    }
}

/// The dependencies in a version's POM, its parent among them.
pub(crate) fn dependencies(version: &Version) -> Vec<Dependency> {
    let kind = |kind: &str| match kind {
        "parent" => "parent",
        "runtime" => "runtime",
        "test" => "test",
        "provided" => "provided",
        "system" => "system",
        "optional" => "optional",
        _ => "compile",
    };
    let needed = Listing::of(version).dependencies.into_iter();
    needed
        .map(|needed| Dependency {
            namespace: Some(needed.group),
            package: needed.artifact,
            kind: kind(&needed.kind),
            requirement: needed.version,
        })
        .collect()
}

/// The licences in a version's POM.
pub(crate) fn licenses(version: &Version) -> Vec<License> {
    Listing::of(version).licenses.into_iter().map(|named| License { name: named.name, url: named.url }).collect()
}

/// A checksum as its file has it.
fn checksum_of(digests: &Digests, algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::Md5 => digests.md5.to_string(),
        Algorithm::Sha1 => digests.sha1.to_string(),
        Algorithm::Sha256 => digests.sha256.to_string(),
        Algorithm::Sha512 => digests.sha512.to_string(),
    }
}

fn checksum_reply(digests: &Digests, algorithm: Algorithm) -> Reply {
    answer::reply(StatusCode::OK, "text/plain; charset=utf-8", checksum_of(digests, algorithm))
}

/// With the time that a version was first published.
fn dated(mut reply: Reply, millis: Millis) -> Reply {
    // The last second that a header can name.
    let seconds = (millis / 1_000).min(253_402_300_799);
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    reply.headers_mut().insert(header::LAST_MODIFIED, header_value(&date));
    reply
}
