//! Transitions of packages as a whole.

use std::sync::Arc;

use super::{
    coordinate::{PackageKey, RepositoryKey},
    draft::Draft,
    model::{AboutPackage, OriginControls, Package, State},
};
use crate::failure::{Failure, ResourceKind};

impl State {
    /// A package by exactly its published spelling, or the API's error for a missing one.
    pub(crate) fn package(
        &self,
        repository: &RepositoryKey,
        key: &PackageKey,
        name: &str,
    ) -> Result<&Arc<Package>, Failure> {
        let (_, found) = self.repository(repository)?;
        found.package(key, name).ok_or_else(|| {
            Failure::not_found(ResourceKind::Package, format!("{}/{}/{name}", key.format, key.namespace))
        })
    }
}

impl Draft {
    /// `PutPackageOriginConfiguration`: also for a package that has no version yet, which it creates.
    pub(crate) fn put_origin_controls(
        &mut self,
        repository: &RepositoryKey,
        key: &PackageKey,
        name: &str,
        origin: OriginControls,
    ) -> Result<(), Failure> {
        let (_, found) = self.state.repository(repository)?;
        let about = match found.package_like(key) {
            Some(package) => {
                same_spelling(package, name)?;
                AboutPackage { origin, ..package.about.clone() }
            }
            None => AboutPackage::new(name, None, origin),
        };
        self.put_package(repository, key, about)
    }

    /// `DeletePackage`: the package, its versions and its origin configuration.
    pub(crate) fn delete_package(
        &mut self,
        repository: &RepositoryKey,
        key: &PackageKey,
        name: &str,
    ) -> Result<OriginControls, Failure> {
        let origin = self.state.package(repository, key, name)?.about.origin;
        self.remove_package(repository, key)?;
        Ok(origin)
    }

    /// Makes the package if it is not there; its origin controls follow from how its first version arrives.
    pub(super) fn ensure_package(
        &mut self,
        repository: &RepositoryKey,
        key: &PackageKey,
        name: &str,
        display_name: Option<String>,
        origin: OriginControls,
    ) -> Result<(), Failure> {
        let (_, found) = self.state.repository(repository)?;
        match found.package_like(key) {
            Some(package) => same_spelling(package, name),
            None => self.put_package(repository, key, AboutPackage::new(name, display_name, origin)),
        }
    }
}

/// A name has one spelling in a repository: clients that see both could not tell them apart.
pub(super) fn same_spelling(package: &Package, name: &str) -> Result<(), Failure> {
    if package.about.name == name {
        return Ok(());
    }
    let message = format!("`{name}` is the name of package `{}` in another spelling", package.about.name);
    Err(Failure::conflict(ResourceKind::Package, package.key.path(), message))
}
