//! `CopyPackageVersions`: records move, bytes do not - the domain stores them once.

use std::{collections::BTreeMap, sync::Arc};

use codeartifact::{PackageFormat, RepositoryName};

use super::{
    arrival::tags_of,
    coordinate::{DomainKey, PackageKey, RepositoryKey},
    draft::Draft,
    model::{Domain, Origin, OriginControls, Package, Repository, Status, Version},
    package::same_spelling,
    version::{Expectations, Outcome, VersionError, not_allowed},
};
use crate::{
    failure::{Failure, ResourceKind},
    resolve::Reach,
};

/// A copy of versions of one package between two repositories of one domain.
pub(crate) struct Copy {
    pub(crate) domain: DomainKey,
    pub(crate) source: RepositoryName,
    pub(crate) destination: RepositoryName,
    pub(crate) package: PackageKey,
    pub(crate) name: String,
    pub(crate) selection: Selection,
    pub(crate) overwrite: bool,
    pub(crate) from_upstream: bool,
}

/// Which versions: by name alone, or each with the revision it must have.
pub(crate) enum Selection {
    Versions(Vec<String>),
    Revisions(BTreeMap<String, String>),
}

impl Draft {
    /// Copies all versions or none. What is there already, identical, is reported neither way.
    pub(crate) fn copy_versions(&mut self, copy: &Copy) -> Result<Outcome, Failure> {
        let domain = Arc::clone(self.state.domain(&copy.domain)?);
        let source = domain.repository(&copy.source)?;
        let destination = domain.repository(&copy.destination)?;
        let package = source_package(&domain, source, copy)?;
        let existing = destination.package_like(&copy.package);
        if let Some(existing) = existing {
            same_spelling(existing, &copy.name)?;
        }
        let (versions, revisions): (Vec<String>, _) = match &copy.selection {
            Selection::Versions(versions) => (versions.clone(), BTreeMap::new()),
            Selection::Revisions(revisions) => (revisions.keys().cloned().collect(), revisions.clone()),
        };
        let expectations = Expectations { revisions, status: None };

        let mut failed = BTreeMap::new();
        let mut wanted = Vec::new();
        let mut present = Vec::new();
        for version in &versions {
            match find(&domain, source, &package, copy, version, &expectations)
                .and_then(|found| Ok((judge(existing, &found, copy.overwrite)?, found)))
            {
                Ok((Verdict::Copy, found)) => wanted.push(found),
                Ok((Verdict::Present, _)) => present.push(version),
                Err(error) => drop(failed.insert(version.clone(), error)),
            }
        }
        if !failed.is_empty() {
            let rest = versions.iter().filter(|version| !present.contains(version));
            return Ok(Outcome::all_skipped(failed, rest));
        }
        let mut outcome = Outcome::default();
        let to = RepositoryKey { domain: copy.domain.clone(), name: copy.destination.clone() };
        for version in wanted {
            // A copied internal version is as good as one published here.
            let origin = match version.origin {
                Origin::Internal { .. } => OriginControls::PUBLISHED,
                Origin::External { .. } => OriginControls::RETAINED,
            };
            self.ensure_package(&to, &copy.package, &copy.name, package.about.display_name.clone(), origin)?;
            // All words that mean the version go with it, and mean it at the destination from then on.
            let tags = tags_of(&package, &version.version);
            self.set_tags(&to, &copy.package, &tags, &version.version)?;
            outcome.successful.insert(version.version.clone(), (version.revision.clone(), version.status.as_str()));
            self.put_version(&to, &copy.package, version.as_ref().clone())?;
        }
        Ok(outcome)
    }
}

/// The package must be in the source, or - where upstreams are searched too - somewhere in its graph.
fn source_package(domain: &Domain, source: &Arc<Repository>, copy: &Copy) -> Result<Arc<Package>, Failure> {
    let nearest = if searches_upstream(copy) {
        Reach::new(domain, source, &copy.package, &copy.name).packages().find(|package| package.about.name == copy.name)
    } else {
        source.package(&copy.package, &copy.name)
    };
    nearest.cloned().ok_or_else(|| {
        let id = format!("{}/{}/{}", copy.package.format, copy.package.namespace, copy.name);
        Failure::not_found(ResourceKind::Package, id)
    })
}

/// Generic versions are never resolved from upstreams.
fn searches_upstream(copy: &Copy) -> bool {
    copy.from_upstream && copy.package.format != PackageFormat::Generic
}

fn find(
    domain: &Domain,
    source: &Arc<Repository>,
    package: &Package,
    copy: &Copy,
    version: &str,
    expectations: &Expectations,
) -> Result<Arc<Version>, VersionError> {
    let found = if searches_upstream(copy) {
        Reach::new(domain, source, &copy.package, &copy.name)
            .version(version)
            .filter(|found| found.package.about.name == copy.name && found.package.version(version).is_some())
            .map(|found| found.version)
    } else {
        package.version(version)
    };
    let found = found.ok_or_else(|| VersionError::NotFound { version: version.to_owned() })?;
    expectations.check(version, found)?;
    match found.status {
        Status::Published | Status::Unlisted => Ok(Arc::clone(found)),
        Status::Unfinished | Status::Archived | Status::Disposed => Err(not_allowed(found, "copied")),
    }
}

enum Verdict {
    Copy,
    Present,
}

/// The revision names the content: the same one is the same version. A disposed one has lost its content.
fn judge(existing: Option<&Arc<Package>>, new: &Version, overwrite: bool) -> Result<Verdict, VersionError> {
    let Some(there) = existing.and_then(|package| package.version_like(&new.version)) else {
        return Ok(Verdict::Copy);
    };
    match there.status {
        Status::Disposed if overwrite => Err(not_allowed(there, "overwritten")),
        Status::Disposed => Err(VersionError::AlreadyExists { version: new.version.clone() }),
        _ if there.revision == new.revision => Ok(Verdict::Present),
        _ if overwrite => Ok(Verdict::Copy),
        _ => Err(VersionError::AlreadyExists { version: new.version.clone() }),
    }
}
