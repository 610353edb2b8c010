//! Generic assets by a plain address: `GET generic/REPOSITORY/NAMESPACE/NAME/VERSION/ASSET`.
//!
//! A convenience of this service: the real one has no protocol for the format, and serves its assets by
//! `GetPackageVersionAsset` only. As there, upstreams are never searched, and publishing is the API's.

use codeartifact::PackageFormat;
use hyper::Method;

use super::{Refusal, Visit};
use crate::{
    failure::{Failure, ResourceKind},
    http::Reply,
    state::PackageKey,
};

/// Answers a request for an asset.
pub(super) fn serve(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let [namespace, name, version, asset] = visit.path[..] else { return Err(Refusal::NoSuchPath) };
    if visit.method != Method::GET && visit.method != Method::HEAD {
        return Err(Refusal::Method);
    }
    let absent = || Failure::not_found(ResourceKind::Asset, asset);
    let state = visit.service.journal.snapshot();
    let key = PackageKey::new(PackageFormat::Generic, namespace, name);
    let package = state.package(&visit.repository, &key, name)?;
    let found = package.version(version).filter(|version| version.status.downloadable()).ok_or_else(absent)?;
    visit.asset(found.asset(asset).ok_or_else(absent)?, "application/octet-stream")
}
