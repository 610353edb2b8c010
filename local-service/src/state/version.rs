//! Transitions of versions: generic assets, status, disposal, deletion.

use std::{collections::BTreeMap, sync::Arc};

use codeartifact::PackageFormat;

use super::{
    arrival::{ASSETS, other_bytes, revision},
    coordinate::{PackageKey, RepositoryKey, VersionKey},
    draft::Draft,
    groups::Restriction,
    model::{AboutVersion, Asset, Control, Origin, OriginControls, Package, Status, Version},
};
use crate::failure::{Failure, ResourceKind};

/// One asset of a generic version.
pub(crate) struct GenericAsset {
    pub(crate) package: PackageKey,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) asset: Asset,
    /// More is to come: the version stays `Unfinished`.
    pub(crate) unfinished: bool,
}

/// What is done to versions of one package, all or nothing.
pub(crate) struct VersionChange {
    pub(crate) repository: RepositoryKey,
    pub(crate) package: PackageKey,
    pub(crate) name: String,
    pub(crate) versions: Vec<String>,
    pub(crate) expectations: Expectations,
}

/// What the versions must be like.
#[derive(Default)]
pub(crate) struct Expectations {
    pub(crate) revisions: BTreeMap<String, String>,
    pub(crate) status: Option<Status>,
}

/// `successfulVersions` and `failedVersions`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Version to revision and status.
    pub(crate) successful: BTreeMap<String, (String, &'static str)>,
    pub(crate) failed: BTreeMap<String, VersionError>,
}

/// Why one version of a request failed: the API's error codes with their documented messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VersionError {
    #[error("Version {version} already exists")]
    AlreadyExists { version: String },
    #[error("current revision: {current}, expected revision: {expected}")]
    MismatchedRevision { current: String, expected: String },
    #[error("current status: {}, expected status: {}", .current.as_str(), .expected.as_str())]
    MismatchedStatus { current: Status, expected: Status },
    #[error("Version {version} has status {} and cannot be {wanted}", .status.as_str())]
    NotAllowed { version: String, status: Status, wanted: &'static str },
    #[error("Could not find version {version}")]
    NotFound { version: String },
    #[error("Version {version} was skipped")]
    Skipped { version: String },
}

impl VersionError {
    /// The API's `errorCode`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::AlreadyExists { .. } => "ALREADY_EXISTS",
            Self::MismatchedRevision { .. } => "MISMATCHED_REVISION",
            Self::MismatchedStatus { .. } => "MISMATCHED_STATUS",
            Self::NotAllowed { .. } => "NOT_ALLOWED",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Skipped { .. } => "SKIPPED",
        }
    }
}

impl Outcome {
    /// One failure stops all: those without one of their own are reported as skipped.
    pub(super) fn all_skipped<'a>(
        failed: BTreeMap<String, VersionError>,
        versions: impl Iterator<Item = &'a String>,
    ) -> Self {
        let mut outcome = Self { failed, ..Self::default() };
        for version in versions {
            outcome.failed.entry(version.clone()).or_insert_with(|| VersionError::Skipped { version: version.clone() });
        }
        outcome
    }
}

impl Expectations {
    /// Does a version meet them, by the spelling that was asked for?
    pub(super) fn check(&self, asked: &str, version: &Version) -> Result<(), VersionError> {
        match self.revisions.get(asked) {
            Some(expected) if *expected != version.revision => {
                let (current, expected) = (version.revision.clone(), expected.clone());
                return Err(VersionError::MismatchedRevision { current, expected });
            }
            _ => {}
        }
        match self.status {
            Some(expected) if expected != version.status => {
                Err(VersionError::MismatchedStatus { current: version.status, expected })
            }
            _ => Ok(()),
        }
    }
}

impl Draft {
    /// `PublishPackageVersion`: one asset of a generic version. A version is open until an asset comes without
    /// `unfinished`; what was not said to be open is closed (this service's choice: the service documents the flag
    /// and not what a later asset does).
    pub(crate) fn publish_generic(
        &mut self,
        repository: &RepositoryKey,
        new: &GenericAsset,
    ) -> Result<Arc<Version>, Failure> {
        let (domain, found) = self.state.repository(repository)?;
        let own = found.package_like(&new.package);
        if own.is_some_and(|package| package.about.origin.publish == Control::Block) {
            let message = format!("package `{}` is closed to publishing in `{}`", new.name, repository.name);
            return Err(Failure::denied(message));
        }
        if let Some(reason) = domain.restricted(Restriction::Publish, &new.package, &new.name, &repository.name) {
            return Err(Failure::denied(reason));
        }
        let status = if new.unfinished { Status::Unfinished } else { Status::Published };
        let version = match own.and_then(|package| package.version(&new.version)) {
            None => Version {
                version: new.version.clone(),
                revision: String::new(),
                status,
                published: self.now,
                origin: Origin::Internal { repository: repository.name.clone() },
                assets: vec![new.asset.clone()],
                awaited: Vec::new(),
                about: AboutVersion::default(),
                listing: Box::default(),
                readme: None,
            },
            Some(existing) => match add_asset(existing, new, status)? {
                Some(version) => version,
                None => return Ok(Arc::clone(existing)),
            },
        };
        let version = Version { revision: revision(&version), ..version };
        self.ensure_package(repository, &new.package, &new.name, None, OriginControls::PUBLISHED)?;
        self.put_version(repository, &new.package, version.clone())?;
        Ok(Arc::new(version))
    }

    /// `UpdatePackageVersionsStatus`.
    pub(crate) fn set_status(&mut self, change: &VersionChange, target: Status) -> Result<Outcome, Failure> {
        let allowed = |version: &Version| match version.status {
            Status::Disposed => Err(not_allowed(version, "given another status")),
            _ => Ok(()),
        };
        self.change(change, allowed, |version| Some(Version { status: target, ..version.clone() }), target.as_str())
    }

    /// `DisposePackageVersions`: the record stays, the assets go for good.
    pub(crate) fn dispose(&mut self, change: &VersionChange) -> Result<Outcome, Failure> {
        let allowed = |version: &Version| match version.status {
            Status::Disposed => Err(not_allowed(version, "disposed again")),
            _ => Ok(()),
        };
        let disposed = |version: &Version| {
            Some(Version { status: Status::Disposed, assets: Vec::new(), awaited: Vec::new(), ..version.clone() })
        };
        self.change(change, allowed, disposed, Status::Disposed.as_str())
    }

    /// `DeletePackageVersions`: the package stays, and the version may be published anew.
    pub(crate) fn delete_versions(&mut self, change: &VersionChange) -> Result<Outcome, Failure> {
        self.change(change, |_| Ok(()), |_| None, "Deleted")
    }

    /// Checks all versions, and changes all or none.
    fn change(
        &mut self,
        change: &VersionChange,
        allowed: impl Fn(&Version) -> Result<(), VersionError>,
        next: impl Fn(&Version) -> Option<Version>,
        status: &'static str,
    ) -> Result<Outcome, Failure> {
        let package = Arc::clone(self.state.package(&change.repository, &change.package, &change.name)?);
        let mut failed = BTreeMap::new();
        let mut found = Vec::new();
        for version in &change.versions {
            match check(&package, version, &change.expectations, &allowed) {
                Ok(current) => found.push(current),
                Err(error) => drop(failed.insert(version.clone(), error)),
            }
        }
        if !failed.is_empty() {
            return Ok(Outcome::all_skipped(failed, change.versions.iter()));
        }
        let mut outcome = Outcome::default();
        for current in found {
            if let Some(next) = next(current) {
                self.put_version(&change.repository, &change.package, next)?;
            } else {
                let key = VersionKey::new(change.package.format, &current.version);
                self.remove_version(&change.repository, &change.package, &key)?;
            }
            outcome.successful.insert(current.version.clone(), (current.revision.clone(), status));
        }
        Ok(outcome)
    }
}

fn check<'a>(
    package: &'a Package,
    version: &str,
    expectations: &Expectations,
    allowed: impl Fn(&Version) -> Result<(), VersionError>,
) -> Result<&'a Arc<Version>, VersionError> {
    let current = package.version(version).ok_or_else(|| VersionError::NotFound { version: version.to_owned() })?;
    expectations.check(version, current)?;
    allowed(current)?;
    Ok(current)
}

pub(super) fn not_allowed(version: &Version, wanted: &'static str) -> VersionError {
    VersionError::NotAllowed { version: version.version.clone(), status: version.status, wanted }
}

/// The version with one more asset, or with its last one; `None` if nothing changes.
fn add_asset(existing: &Version, new: &GenericAsset, status: Status) -> Result<Option<Version>, Failure> {
    debug_assert_eq!(new.package.format, PackageFormat::Generic, "only generic versions grow asset by asset");
    let stored = existing.asset(&new.asset.name);
    if let Some(stored) = stored
        && stored.digests.sha256 != new.asset.digests.sha256
    {
        return Err(other_bytes(existing, stored, &new.asset));
    }
    if existing.status != Status::Unfinished {
        if stored.is_some() && existing.status == Status::Published {
            return Ok(None);
        }
        let message =
            format!("version {} has status {} and takes no asset", existing.version, existing.status.as_str());
        return Err(Failure::conflict(ResourceKind::PackageVersion, &existing.version, message));
    }
    let mut version = Version { status, ..existing.clone() };
    if stored.is_none() {
        if version.assets.len() >= ASSETS {
            let message = format!("a version has {ASSETS} assets at most");
            return Err(Failure::quota(ResourceKind::PackageVersion, &existing.version, message));
        }
        version.assets.push(new.asset.clone());
        version.assets.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok((version != *existing).then_some(version))
}
