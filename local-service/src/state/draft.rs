//! One transition's copy of the model, with the records that it changes.
//!
//! Every change of the model goes through the methods here, so that the records written, the references counted and
//! the assets released can never disagree with the maps.

use std::{collections::BTreeMap, sync::Arc};

use imbl::OrdMap;

use super::{
    coordinate::{DomainKey, PackageKey, RepositoryKey, VersionKey},
    event::VersionEvent,
    groups::{AboutGroup, Group, Groups, Pattern},
    model::{AboutDomain, AboutPackage, AboutRepository, Domain, Millis, Package, Repository, State, Version},
    records::{RecordKey, encode},
};
use crate::{
    assets::Digest,
    failure::{Failure, ResourceKind},
};

/// A transition in the making.
pub(crate) struct Draft {
    pub(crate) state: State,
    /// The time of the transition.
    pub(crate) now: Millis,
    pub(super) changes: Changes,
    /// Nothing is told of what changes.
    silent: bool,
}

/// What a transition changes outside the model.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// New records; `None` removes.
    pub(super) records: BTreeMap<RecordKey, Option<Vec<u8>>>,
    /// Assets whose last reference went.
    pub(super) released: Vec<(DomainKey, Digest)>,
    /// Domains that went.
    pub(super) closed: Vec<DomainKey>,
    /// What is told of the changes, in their order.
    pub(super) events: Vec<VersionEvent>,
}

impl Draft {
    pub(super) fn new(state: State, now: Millis) -> Self {
        Self { state, now, changes: Changes::default(), silent: false }
    }

    /// For reading what is stored: that is no change.
    pub(super) fn loading() -> Self {
        Self { silent: true, ..Self::new(State::default(), Millis::default()) }
    }

    /// Tells of a version that was put or removed.
    fn tell(
        &mut self,
        repository: &RepositoryKey,
        package: &PackageKey,
        before: Option<&Version>,
        after: Option<&Version>,
    ) -> Result<(), Failure> {
        if !self.silent {
            let (_, found) = self.state.repository(repository)?;
            let event = found.packages.get(package).and_then(|owner| {
                VersionEvent::between(self.now, (repository, found), (package, owner), before, after)
            });
            self.changes.events.extend(event);
        }
        Ok(())
    }

    fn write(&mut self, key: RecordKey, record: Vec<u8>) {
        self.changes.records.insert(key, Some(record));
    }

    fn erase(&mut self, key: RecordKey) {
        self.changes.records.insert(key, None);
    }

    fn domain_mut(&mut self, key: &DomainKey) -> Result<&mut Domain, Failure> {
        self.state
            .domains
            .get_mut(key)
            .map(Arc::make_mut)
            .ok_or_else(|| Failure::not_found(ResourceKind::Domain, key.name.as_str()))
    }

    fn repository_mut(&mut self, key: &RepositoryKey) -> Result<&mut Repository, Failure> {
        self.domain_mut(&key.domain)?
            .repositories
            .get_mut(&key.name)
            .map(Arc::make_mut)
            .ok_or_else(|| Failure::not_found(ResourceKind::Repository, key.name.as_str()))
    }

    fn package_mut(&mut self, repository: &RepositoryKey, key: &PackageKey) -> Result<&mut Package, Failure> {
        self.repository_mut(repository)?
            .packages
            .get_mut(key)
            .map(Arc::make_mut)
            .ok_or_else(|| Failure::not_found(ResourceKind::Package, key.path()))
    }

    /// Creates a domain or replaces its own record.
    pub(super) fn put_domain(&mut self, key: &DomainKey, about: AboutDomain) {
        self.write(RecordKey::domain(key), encode(&about));
        if let Ok(domain) = self.domain_mut(key) {
            domain.about = about;
        } else {
            let domain = Domain {
                groups: Groups::new(about.created),
                about,
                repositories: OrdMap::new(),
                assets: OrdMap::new(),
                texts: OrdMap::new(),
                asset_bytes: 0,
            };
            self.state.domains.insert(key.clone(), Arc::new(domain));
        }
    }

    /// Removes a domain, which has no repositories any more.
    pub(super) fn remove_domain(&mut self, key: &DomainKey) {
        if let Some(removed) = self.state.domains.remove(key) {
            for group in removed.groups.iter() {
                self.erase(RecordKey::group(key, &group.pattern));
            }
        }
        self.erase(RecordKey::domain(key));
        self.changes.closed.push(key.clone());
    }

    /// Creates a package group or replaces its record.
    pub(super) fn put_group(&mut self, key: &DomainKey, pattern: &Pattern, about: AboutGroup) -> Result<(), Failure> {
        self.write(RecordKey::group(key, pattern), encode(&about));
        self.domain_mut(key)?.groups.put(Group { pattern: pattern.clone(), about });
        Ok(())
    }

    /// Removes a package group.
    pub(super) fn remove_group(&mut self, key: &DomainKey, pattern: &Pattern) -> Result<(), Failure> {
        self.domain_mut(key)?.groups.remove(pattern);
        self.erase(RecordKey::group(key, pattern));
        Ok(())
    }

    /// Creates a repository or replaces its own record.
    pub(super) fn put_repository(&mut self, key: &RepositoryKey, about: AboutRepository) -> Result<(), Failure> {
        self.write(RecordKey::repository(key), encode(&about));
        let repositories = &mut self.domain_mut(&key.domain)?.repositories;
        if let Some(repository) = repositories.get_mut(&key.name) {
            Arc::make_mut(repository).about = about;
        } else {
            let repository = Repository { name: key.name.clone(), about, packages: OrdMap::new() };
            repositories.insert(key.name.clone(), Arc::new(repository));
        }
        Ok(())
    }

    /// Removes a repository with its packages. The service tells of versions that are deleted and not of repositories:
    /// nothing is told of the versions that go with one.
    pub(super) fn remove_repository(&mut self, key: &RepositoryKey) -> Result<(), Failure> {
        let packages: Vec<PackageKey> = self.repository_mut(key)?.packages.keys().cloned().collect();
        let silent = std::mem::replace(&mut self.silent, true);
        for package in &packages {
            self.remove_package(key, package)?;
        }
        self.silent = silent;
        self.domain_mut(&key.domain)?.repositories.remove(&key.name);
        self.erase(RecordKey::repository(key));
        Ok(())
    }

    /// Creates a package or replaces its own record.
    pub(super) fn put_package(
        &mut self,
        repository: &RepositoryKey,
        key: &PackageKey,
        about: AboutPackage,
    ) -> Result<(), Failure> {
        self.write(RecordKey::package(repository, key), encode(&about));
        let packages = &mut self.repository_mut(repository)?.packages;
        if let Some(package) = packages.get_mut(key) {
            Arc::make_mut(package).about = about;
        } else {
            packages.insert(key.clone(), Arc::new(Package { key: key.clone(), about, versions: OrdMap::new() }));
        }
        Ok(())
    }

    /// Removes a package with its versions.
    pub(super) fn remove_package(&mut self, repository: &RepositoryKey, key: &PackageKey) -> Result<(), Failure> {
        let versions: Vec<VersionKey> = self.package_mut(repository, key)?.versions.keys().cloned().collect();
        for version in &versions {
            self.remove_version(repository, key, version)?;
        }
        self.repository_mut(repository)?.packages.remove(key);
        self.erase(RecordKey::package(repository, key));
        Ok(())
    }

    /// Creates a version of a package that is there, or replaces it.
    pub(super) fn put_version(
        &mut self,
        repository: &RepositoryKey,
        package: &PackageKey,
        version: Version,
    ) -> Result<(), Failure> {
        let key = VersionKey::new(package.format, &version.version);
        self.write(RecordKey::version(repository, package, &key), encode(&version));
        let version = Arc::new(version);
        let replaced = self.package_mut(repository, package)?.versions.insert(key, Arc::clone(&version));
        // New references first: an asset that both have never counts as released.
        self.domain_mut(&repository.domain)?.refer(&version);
        self.tell(repository, package, replaced.as_deref(), Some(&version))?;
        if let Some(replaced) = replaced {
            self.release(&repository.domain, &replaced)?;
        }
        Ok(())
    }

    /// Removes a version.
    pub(super) fn remove_version(
        &mut self,
        repository: &RepositoryKey,
        package: &PackageKey,
        key: &VersionKey,
    ) -> Result<(), Failure> {
        if let Some(removed) = self.package_mut(repository, package)?.versions.remove(key) {
            self.erase(RecordKey::version(repository, package, key));
            self.tell(repository, package, Some(&removed), None)?;
            self.release(&repository.domain, &removed)?;
        }
        Ok(())
    }

    /// Stores a text that a version put next refers to.
    pub(super) fn put_text(&mut self, domain: &DomainKey, text: &str) -> Digest {
        let digest = Digest::of(text.as_bytes());
        self.write(RecordKey::text(domain, &digest), text.as_bytes().to_vec());
        digest
    }

    fn release(&mut self, key: &DomainKey, version: &Version) -> Result<(), Failure> {
        let (assets, texts) = self.domain_mut(key)?.release(version);
        self.changes.released.extend(assets.into_iter().map(|digest| (key.clone(), digest)));
        for digest in texts {
            self.erase(RecordKey::text(key, &digest));
        }
        Ok(())
    }
}

impl Domain {
    /// Counts the references of a version that was put.
    pub(super) fn refer(&mut self, version: &Version) {
        for asset in &version.assets {
            let references = self.assets.entry(asset.digests.sha256).or_default();
            *references += 1;
            if *references == 1 {
                self.asset_bytes += asset.size;
            }
        }
        if let Some(digest) = version.readme {
            *self.texts.entry(digest).or_default() += 1;
        }
    }

    /// Uncounts them; returns the assets and the texts that nothing refers to any more.
    fn release(&mut self, version: &Version) -> (Vec<Digest>, Vec<Digest>) {
        let mut assets = Vec::new();
        for asset in &version.assets {
            let digest = asset.digests.sha256;
            let references = self.assets.get_mut(&digest).expect("a version in the model has counted its assets");
            *references -= 1;
            if *references == 0 {
                self.assets.remove(&digest);
                self.asset_bytes -= asset.size;
                assets.push(digest);
            }
        }
        let mut texts = Vec::new();
        if let Some(digest) = version.readme {
            let references = self.texts.get_mut(&digest).expect("a version in the model has counted its readme");
            *references -= 1;
            if *references == 0 {
                self.texts.remove(&digest);
                texts.push(digest);
            }
        }
        (assets, texts)
    }
}
