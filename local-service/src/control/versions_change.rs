//! Changing several versions of one package at once, all or nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    answer,
    call::Call,
    validate::{STATUSES, choice},
};
use crate::{
    failure::Failure,
    state::{Copy, Expectations, PackageKey, Selection, Status, VersionChange},
};

/// Exactly one of `versions` and `versionRevisions` selects.
pub(super) async fn copy(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let source = call.repository_name("source-repository")?;
    let destination = call.repository_name("destination-repository")?;
    let (format, namespace, name) = call.coordinate()?;
    let selection = match (call.versions()?, call.version_revisions()?) {
        (Some(versions), None) => Selection::Versions(versions),
        (None, Some(revisions)) => Selection::Revisions(revisions.into_iter().collect()),
        (Some(_), Some(_)) => return Err(Failure::other("give `versions` or `versionRevisions`, not both")),
        (None, None) => return Err(Failure::other("one of `versions` and `versionRevisions` is needed")),
    };
    if source == destination {
        return Err(Failure::other("source and destination are the same repository"));
    }
    let package = PackageKey::new(format, namespace.as_deref().unwrap_or_default(), &name);
    let overwrite = call.boolean("allowOverwrite")?;
    let from_upstream = call.boolean("includeFromUpstream")?;
    let copy = Copy { domain, source, destination, package, name, selection, overwrite, from_upstream };
    let outcome = call.apply(move |draft| draft.copy_versions(&copy)).await?;
    Ok(answer::outcome(&outcome))
}

pub(super) async fn delete(call: &Call) -> Result<Value, Failure> {
    let change = change(call, false)?;
    let outcome = call.apply(move |draft| draft.delete_versions(&change)).await?;
    Ok(answer::outcome(&outcome))
}

pub(super) async fn dispose(call: &Call) -> Result<Value, Failure> {
    let change = change(call, true)?;
    let outcome = call.apply(move |draft| draft.dispose(&change)).await?;
    Ok(answer::outcome(&outcome))
}

pub(super) async fn update_status(call: &Call) -> Result<Value, Failure> {
    let target = call.text("targetStatus")?.ok_or_else(|| Failure::field("`targetStatus` is missing"))?;
    let target = match choice("targetStatus", target, STATUSES)? {
        Some(target @ (Status::Published | Status::Unlisted | Status::Archived)) => target,
        Some(Status::Disposed) => {
            return Err(Failure::other("Disposed is no target status: DisposePackageVersions disposes"));
        }
        Some(Status::Unfinished) | None => {
            return Err(Failure::other("the target status must be Published, Unlisted or Archived"));
        }
    };
    let change = change(call, true)?;
    let outcome = call.apply(move |draft| draft.set_status(&change, target)).await?;
    Ok(answer::outcome(&outcome))
}

/// `versions`, and `versionRevisions` - which here accompanies it, with the same keys - and `expectedStatus`.
fn change(call: &Call, with_revisions: bool) -> Result<VersionChange, Failure> {
    let named = call.package()?;
    let versions = call.versions()?.ok_or_else(|| Failure::field("`versions` is missing"))?;
    let status = call.expected_status()?;
    let revisions: BTreeMap<_, _> = match call.version_revisions()? {
        Some(revisions) if with_revisions => revisions.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    if !revisions.is_empty() && !revisions.keys().eq(versions.iter().collect::<BTreeSet<_>>()) {
        return Err(Failure::other("`versionRevisions` must name exactly the versions of `versions`"));
    }
    Ok(VersionChange {
        repository: named.repository,
        package: named.key,
        name: named.name,
        versions,
        expectations: Expectations { revisions, status },
    })
}
