//! Releases: which there are, what one is, its source archive.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    Method, StatusCode,
    header::{self, HeaderValue},
};
use semver::Version as SemVer;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Package, listing::Listing};
use crate::{
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::{Reply, answer, header_value},
    resolve::Reach,
    state::{Status, Version, VersionKey},
};

const ARCHIVE: &str = "application/zip";

/// The published releases, the highest first. A stored record of any status hides what is further away.
fn published(visit: &Visit<'_>, package: Package<'_>) -> Result<Vec<(SemVer, Arc<Version>)>, Refusal> {
    let key = package.key();
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, first, &key, key.name());
    let mut nearest: BTreeMap<&VersionKey, &Arc<Version>> = BTreeMap::new();
    for (version_key, version) in reach.packages().flat_map(|package| package.versions()) {
        nearest.entry(version_key).or_insert(version);
    }
    let listed = nearest.into_values().filter(|version| version.status == Status::Published);
    let mut listed: Vec<_> =
        listed.filter_map(|version| Some((SemVer::parse(&version.version).ok()?, Arc::clone(version)))).collect();
    listed.sort_by(|a, b| b.0.cmp(&a.0));
    Ok(listed)
}

/// The nearest record of a release that can be downloaded.
pub(super) fn find(visit: &Visit<'_>, package: Package<'_>, version: &str) -> Result<Option<Arc<Version>>, Refusal> {
    let key = package.key();
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let found = Reach::new(domain, first, &key, key.name()).version(version).map(|found| Arc::clone(found.version));
    Ok(found.filter(|version| version.status.downloadable()))
}

fn address(visit: &Visit<'_>, package: Package<'_>, version: &str) -> String {
    let key = package.key();
    format!("{}/{}/{}/{version}", visit.base_url, key.namespace, key.name())
}

/// The releases with their addresses.
pub(super) fn list(visit: &Visit<'_>, package: Package<'_>) -> Result<Reply, Refusal> {
    let listed = published(visit, package)?;
    let Some((_, latest)) = listed.first() else {
        return Err(Failure::not_found(ResourceKind::Package, package.key().path()).into());
    };
    let releases: Map<String, Value> = listed
        .iter()
        .map(|(_, version)| (version.version.clone(), json!({ "url": address(visit, package, &version.version) })))
        .collect();
    let mut reply = answer::json(StatusCode::OK, &json!({ "releases": releases }));
    let link = format!("<{}>; rel=\"latest-version\"", address(visit, package, &latest.version));
    reply.headers_mut().insert(header::LINK, header_value(&link));
    Ok(reply)
}

/// What one release is.
pub(super) fn describe(visit: &Visit<'_>, package: Package<'_>, version: &str) -> Result<Reply, Refusal> {
    let absent = || Failure::not_found(ResourceKind::PackageVersion, version);
    let record = find(visit, package, version)?.ok_or_else(absent)?;
    let asset = record.assets.first().ok_or_else(absent)?;
    let listing = Listing::of(&record.listing);
    let mut resource =
        json!({ "name": "source-archive", "type": ARCHIVE, "checksum": asset.digests.sha256.to_string() });
    if let (Some(signature), Some(format)) = (&listing.signature, &listing.signature_format) {
        resource["signing"] = json!({ "signatureBase64Encoded": signature, "signatureFormat": format });
    }
    let key = package.key();
    let metadata = if listing.metadata.is_object() { listing.metadata } else { json!({}) };
    let published_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(record.published) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok());
    let body = json!({
        "id": format!("{}.{}", key.namespace, key.name()),
        "version": record.version,
        "resources": [resource],
        "metadata": metadata,
        "publishedAt": published_at,
    });
    let mut reply = answer::json(StatusCode::OK, &body);
    let links = neighbours(visit, package, version)?;
    if !links.is_empty() {
        reply.headers_mut().insert(header::LINK, header_value(&links.join(", ")));
    }
    Ok(reply)
}

/// Links to the latest release, and to those before and after this one.
fn neighbours(visit: &Visit<'_>, package: Package<'_>, version: &str) -> Result<Vec<String>, Refusal> {
    let listed = published(visit, package)?;
    let at = listed.iter().position(|(_, other)| other.version == version);
    let link = |found: Option<&(SemVer, Arc<Version>)>, relation: &str| {
        found.map(|(_, version)| format!("<{}>; rel=\"{relation}\"", address(visit, package, &version.version)))
    };
    let successor = at.and_then(|at| at.checked_sub(1)).and_then(|at| listed.get(at));
    let predecessor = at.and_then(|at| listed.get(at + 1));
    let links = [
        link(listed.first(), "latest-version"),
        link(successor, "successor-version"),
        link(predecessor, "predecessor-version"),
    ];
    Ok(links.into_iter().flatten().collect())
}

/// The source archive. One that comes from an upstream is kept in the addressed repository before it is sent. A HEAD
/// retains nothing.
pub(super) async fn archive(visit: &Visit<'_>, package: Package<'_>, version: &str) -> Result<Reply, Refusal> {
    let absent = || Failure::not_found(ResourceKind::PackageVersion, version);
    let key = package.key();
    let mut record = find(visit, package, version)?.ok_or_else(absent)?;
    if visit.method != Method::HEAD {
        let state = visit.service.journal.snapshot();
        let (_, first) = state.repository(&visit.repository)?;
        let own = first.package_like(&key).and_then(|package| package.version_like(version));
        if own.is_none() {
            let (repository, key, version) = (visit.repository.clone(), key.clone(), version.to_owned());
            let retain = move |draft: &mut crate::state::Draft| draft.retain(&repository, &key, key.name(), &version);
            let retained = visit.service.journal.apply(retain).await?;
            record = Some(retained).filter(|retained| retained.status.downloadable()).ok_or_else(absent)?;
        }
    }
    let asset = record.assets.first().ok_or_else(absent)?;
    let listing = Listing::of(&record.listing);
    let mut reply = visit.asset(asset, ARCHIVE)?;
    let headers = reply.headers_mut();
    let digest = format!("sha-256={}", STANDARD.encode(asset.digests.sha256.as_bytes()));
    headers.insert("digest", header_value(&digest));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, immutable"));
    let disposition = format!("attachment; filename=\"{}\"", asset.name);
    headers.insert(header::CONTENT_DISPOSITION, header_value(&disposition));
    if let (Some(signature), Some(format)) = (&listing.signature, &listing.signature_format) {
        headers.insert("x-swift-package-signature-format", header_value(format));
        headers.insert("x-swift-package-signature", HeaderValue::from_str(signature).unwrap_or(header_value("")));
    }
    Ok(reply)
}
