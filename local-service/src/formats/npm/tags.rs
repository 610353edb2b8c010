//! `npm dist-tag`: words for versions. Shown merged, changed in the addressed repository only.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde_json::json;

use super::{
    name::{Name, is_tag},
    packument::{Layers, not_found},
};
use crate::{
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::{Reply, answer},
    state::Status,
};

/// Bytes of a version in quotation marks.
const VERSION: u64 = 1024;

pub(super) async fn list(visit: &Visit<'_>, name: &Name) -> Result<Reply, Refusal> {
    let layers = Layers::gather(visit, name).await?;
    let tags = layers.look(|view| (!view.records.is_empty()).then(|| view.tags.clone())).await;
    Ok(answer::json(StatusCode::OK, &json!(tags.ok_or_else(|| not_found(name))?)))
}

/// The tag means the version from now on. The version must be one that clients see, in the addressed repository.
pub(super) async fn set(visit: &mut Visit<'_>, name: &Name, tag: &str) -> Result<Reply, Refusal> {
    let body = visit.payload.read_all(VERSION).await?;
    let version: String = serde_json::from_slice(&body)
        .map_err(|_| Refusal::Invalid("the body is not a version in quotation marks".to_owned()))?;
    if !is_tag(tag) {
        return Err(Refusal::Invalid(format!("`{tag}` is no tag: it must be a word, and no version or range")));
    }
    let (repository, key, base) = (visit.repository.clone(), name.key(), name.base().to_owned());
    let tags = [tag.to_owned()];
    visit
        .service
        .journal
        .apply(move |draft| {
            let package = draft.state.package(&repository, &key, &base)?;
            if package.version(&version).is_none_or(|found| found.status != Status::Published) {
                return Err(Failure::not_found(ResourceKind::PackageVersion, version));
            }
            draft.set_tags(&repository, &key, &tags, &version)
        })
        .await?;
    Ok(answer::json(StatusCode::OK, &json!({ "ok": true })))
}

/// The addressed repository has the tag no more; an upstream's stays.
pub(super) async fn remove(visit: &Visit<'_>, name: &Name, tag: &str) -> Result<Reply, Refusal> {
    let (repository, key, base, tag) = (visit.repository.clone(), name.key(), name.base().to_owned(), tag.to_owned());
    visit
        .service
        .journal
        .apply(move |draft| {
            let package = draft.state.package(&repository, &key, &base)?;
            let tags: BTreeMap<String, String> = package.about.tags.clone();
            if !tags.contains_key(&tag) {
                return Err(Failure::not_found(ResourceKind::Package, format!("{base}@{tag}")));
            }
            draft.remove_tag(&repository, &key, &tag)
        })
        .await?;
    Ok(answer::json(StatusCode::OK, &json!({ "ok": true })))
}
