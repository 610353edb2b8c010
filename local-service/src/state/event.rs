//! What is told of a change: one record per version that a transition changes, derived from the version before and
//! after it, and kept in the same transaction.

use codeartifact::{AccountId, PackageFormat, RepositoryName};
use serde::{Deserialize, Serialize};

use super::{
    as_text,
    coordinate::{DomainKey, PackageKey, RepositoryKey},
    model::{Millis, Package, Repository, Status, Version},
};

/// A change of one version in one repository.
///
/// The service documents the members and not every value. Chosen here: a deleted version has the state and revision
/// that it had last, its assets count as removed, and its status as unchanged; a new version counts as one whose
/// metadata and status changed; a change that none of these members shows (that a source lists another asset, say) is
/// not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionEvent {
    pub(crate) time: Millis,
    pub(crate) domain: DomainKey,
    #[serde(with = "as_text")]
    pub(crate) repository: RepositoryName,
    #[serde(with = "as_text")]
    pub(crate) administrator: AccountId,
    #[serde(with = "as_text")]
    pub(crate) format: PackageFormat,
    pub(crate) namespace: Option<String>,
    /// As the API spells it.
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) status: Status,
    pub(crate) revision: String,
    pub(crate) changes: VersionChanges,
    pub(crate) operation: OperationType,
}

/// The members of the event's `changes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionChanges {
    pub(crate) assets_added: usize,
    pub(crate) assets_removed: usize,
    pub(crate) metadata_updated: bool,
    /// Assets that have other bytes under their name.
    pub(crate) assets_updated: usize,
    pub(crate) status_changed: bool,
}

/// The event's `operationType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OperationType {
    Created,
    Updated,
    Deleted,
}

impl VersionEvent {
    /// What is told when a version of a package becomes another, if anything.
    pub(super) fn between(
        time: Millis,
        (key, repository): (&RepositoryKey, &Repository),
        (package, found): (&PackageKey, &Package),
        before: Option<&Version>,
        after: Option<&Version>,
    ) -> Option<Self> {
        let (operation, shown) = match (before, after) {
            (None, None) => return None,
            (None, Some(after)) => (OperationType::Created, after),
            (Some(_), Some(after)) => (OperationType::Updated, after),
            (Some(before), None) => (OperationType::Deleted, before),
        };
        let changes = VersionChanges::between(before, after);
        if changes == VersionChanges::default() && operation == OperationType::Updated {
            return None;
        }
        Some(Self {
            time,
            domain: key.domain.clone(),
            repository: key.name.clone(),
            administrator: repository.about.administrator.clone(),
            format: package.format,
            namespace: Some(package.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            package: found.about.name.clone(),
            version: shown.version.clone(),
            status: shown.status,
            revision: shown.revision.clone(),
            changes,
            operation,
        })
    }
}

impl VersionChanges {
    fn between(before: Option<&Version>, after: Option<&Version>) -> Self {
        let (Some(before), Some(after)) = (before, after) else {
            let assets = |version: Option<&Version>| version.map_or(0, |version| version.assets.len());
            return Self {
                assets_added: assets(after),
                assets_removed: assets(before),
                metadata_updated: after.is_some(),
                assets_updated: 0,
                status_changed: after.is_some(),
            };
        };
        let digest = |version: &Version, name: &str| version.asset(name).map(|asset| asset.digests.sha256);
        let mut changes = Self {
            metadata_updated: (&before.about, &before.listing, &before.readme, &before.version)
                != (&after.about, &after.listing, &after.readme, &after.version),
            status_changed: before.status != after.status,
            ..Self::default()
        };
        for asset in &after.assets {
            match digest(before, &asset.name) {
                None => changes.assets_added += 1,
                Some(stored) if stored != asset.digests.sha256 => changes.assets_updated += 1,
                Some(_) => {}
            }
        }
        changes.assets_removed = before.assets.iter().filter(|asset| after.asset(&asset.name).is_none()).count();
        changes
    }
}
