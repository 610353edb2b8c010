//! Maven's snapshots: every deployment is a build, a version of its own; the snapshot version shows the newest one.

use std::sync::Arc;

use super::{
    arrival::{ASSETS, NewVersion, revision},
    coordinate::{PackageKey, RepositoryKey},
    draft::Draft,
    model::{Asset, Origin, Status, Version},
};
use crate::failure::{Failure, ResourceKind};

/// A build that its snapshot is to show from now on.
#[derive(Debug, Clone)]
pub(crate) struct NewSnapshot {
    pub(crate) package: PackageKey,
    pub(crate) name: String,
    /// `BASE-SNAPSHOT`.
    pub(crate) version: String,
    /// `BASE-TIME-NUMBER`.
    pub(crate) build: String,
    /// Beside those of the build.
    pub(crate) asset: Asset,
}

impl Draft {
    /// Makes a snapshot version show a build that is there: it has the build's assets then, and is `Published`; the
    /// build itself is `Unlisted`. `listing` makes the snapshot's listing of the build's.
    pub(crate) fn publish_snapshot(
        &mut self,
        repository: &RepositoryKey,
        new: NewSnapshot,
        listing: impl FnOnce(&Version) -> Result<Box<str>, Failure>,
    ) -> Result<(), Failure> {
        let NewSnapshot { package, name, version, build, asset } = new;
        let existing = self.admit(repository, &NewVersion::new(package.clone(), name, version.as_str()))?;
        if let Some(existing) = existing.filter(|existing| existing.status != Status::Published) {
            let message = format!("version {version} has status {}", existing.status.as_str());
            return Err(Failure::conflict(ResourceKind::PackageVersion, version, message));
        }
        let (_, found) = self.state.repository(repository)?;
        let found = found.package_like(&package).and_then(|package| package.version(&build)).map(Arc::clone);
        let build = found
            .filter(|build| matches!(build.status, Status::Unfinished | Status::Unlisted | Status::Published))
            .ok_or_else(|| Failure::not_found(ResourceKind::PackageVersion, build))?;
        let mut assets = build.assets.clone();
        assets.retain(|known| known.name != asset.name);
        assets.push(asset);
        assets.sort_by(|a, b| a.name.cmp(&b.name));
        if assets.len() > ASSETS {
            let message = format!("a version has {ASSETS} assets at most");
            return Err(Failure::quota(ResourceKind::PackageVersion, version, message));
        }
        let mut snapshot = Version {
            version,
            revision: String::new(),
            status: Status::Published,
            published: self.now,
            origin: Origin::Internal { repository: repository.name.clone() },
            assets,
            awaited: Vec::new(),
            about: build.about.clone(),
            listing: listing(&build)?,
            readme: None,
        };
        snapshot.revision = revision(&snapshot);
        if build.status != Status::Unlisted {
            self.put_version(repository, &package, Version { status: Status::Unlisted, ..build.as_ref().clone() })?;
        }
        self.put_version(repository, &package, snapshot)
    }
}
