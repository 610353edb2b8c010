//! Changes to what a format says of versions that are there: their assets stay.

use super::{
    arrival::revision,
    coordinate::{PackageKey, RepositoryKey},
    draft::Draft,
    model::{Status, Version},
};
use crate::failure::{Failure, ResourceKind};

impl Draft {
    /// Gives Published versions of a repository other listings, all or none. Another listing is another revision.
    pub(crate) fn relist(
        &mut self,
        repository: &RepositoryKey,
        package: &PackageKey,
        listings: Vec<(String, Box<str>)>,
    ) -> Result<(), Failure> {
        for (version, listing) in listings {
            let (_, found) = self.state.repository(repository)?;
            let existing = found
                .package_like(package)
                .and_then(|package| package.version(&version))
                .filter(|existing| existing.status == Status::Published)
                .ok_or_else(|| Failure::not_found(ResourceKind::PackageVersion, version))?;
            let mut relisted = Version { listing, ..existing.as_ref().clone() };
            relisted.revision = revision(&relisted);
            self.put_version(repository, package, relisted)?;
        }
        Ok(())
    }

    /// Forgets a word for a version; one that is not there is no error.
    pub(crate) fn remove_tag(
        &mut self,
        repository: &RepositoryKey,
        package: &PackageKey,
        tag: &str,
    ) -> Result<(), Failure> {
        let (_, found) = self.state.repository(repository)?;
        let Some(mut about) = found.package_like(package).map(|package| package.about.clone()) else { return Ok(()) };
        match about.tags.remove(tag) {
            Some(_) => self.put_package(repository, package, about),
            None => Ok(()),
        }
    }
}
