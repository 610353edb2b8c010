//! Where a package is looked for: the repository itself, then its upstreams, depth first, in list order; and where a
//! repository has an external connection, the public source after what is stored there.
//!
//! Rules of the service: the first repository that has a version decides about it, whatever that record's status (so
//! that an archived one hides an upstream's copy; that is this service's choice); 25 repositories are looked at and no
//! more; a package whose `upstream` control is `BLOCK` in a repository is not looked for beyond that repository; a
//! package group can close a repository to what it would retain or fetch. Control-plane reads never come here: they
//! see one repository only.

use std::{collections::BTreeSet, sync::Arc};

use codeartifact::{PackageFormat, RepositoryName};

use crate::{
    external::Connection,
    state::{Control, Domain, Package, PackageKey, Repository, Restriction, Version},
};

/// Repositories looked at for one request; the requested one counts (which the service's documentation leaves open).
const SEARCHED: usize = 25;

/// The repositories that are looked at for one package, in order, the requested one first.
pub(crate) struct Reach<'a> {
    steps: Vec<Step<'a>>,
    key: &'a PackageKey,
}

/// One repository of a [`Reach`].
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) repository: &'a Arc<Repository>,
    /// How many repositories further upstream it is than the requested one.
    pub(crate) depth: usize,
    /// The public source that is asked for what is not stored here.
    pub(crate) connection: Option<Connection>,
}

/// A public source, and the repository that is connected to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) connection: Connection,
    pub(crate) repository: RepositoryName,
}

/// Where a version was found.
pub(crate) struct Found<'a> {
    pub(crate) repository: &'a Arc<Repository>,
    pub(crate) package: &'a Arc<Package>,
    pub(crate) version: &'a Arc<Version>,
    position: usize,
}

impl<'a> Reach<'a> {
    /// What is looked at for the package with this key, which clients call `name`.
    pub(crate) fn new(domain: &'a Domain, first: &'a Arc<Repository>, key: &'a PackageKey, name: &str) -> Self {
        let mut search = Search { domain, key, name, seen: BTreeSet::new(), steps: Vec::new() };
        search.visit(first, 0);
        Self { steps: search.steps, key }
    }

    /// The repositories, in order.
    pub(crate) fn steps(&self) -> &[Step<'a>] {
        &self.steps
    }

    /// The packages of this key: what lists are merged from, nearest first.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &'a Arc<Package>> {
        self.steps.iter().filter_map(|step| step.repository.package_like(self.key))
    }

    /// The nearest stored record of a version.
    pub(crate) fn version(&self, version: &str) -> Option<Found<'a>> {
        self.steps.iter().enumerate().find_map(|(position, step)| {
            let package = step.repository.package_like(self.key)?;
            let version = package.version_like(version)?;
            Some(Found { repository: step.repository, package, version, position })
        })
    }

    /// The public sources, in order: what a list of versions is completed from.
    pub(crate) fn sources(&self) -> Vec<Source> {
        sources_of(&self.steps)
    }

    /// The public sources that are asked for a version before a stored record counts; all if nothing is stored.
    pub(crate) fn sources_before(&self, found: Option<&Found<'_>>) -> Vec<Source> {
        sources_of(&self.steps[..found.map_or(self.steps.len(), |found| found.position)])
    }
}

fn sources_of(steps: &[Step<'_>]) -> Vec<Source> {
    let source = |step: &Step<'_>| {
        let connection = step.connection?;
        Some(Source { connection, repository: step.repository.name.clone() })
    };
    steps.iter().filter_map(source).collect()
}

/// Why more could not be found: what was not looked at for a package, with the reason; empty if nothing was left out.
pub(crate) fn left_out(domain: &Domain, first: &Arc<Repository>, key: &PackageKey, name: &str) -> Vec<String> {
    let mut reasons = Vec::new();
    for Step { repository, .. } in Reach::new(domain, first, key, name).steps() {
        let connected = repository.about.connection.is_some_and(|connection| connection.format() == key.format);
        let is_first = repository.name == first.name;
        let restriction = if connected {
            Restriction::ExternalUpstream
        } else if is_first && !repository.about.upstreams.is_empty() {
            Restriction::InternalUpstream
        } else {
            continue;
        };
        let own = repository.package_like(key).filter(|own| own.about.origin.upstream == Control::Block);
        let reason = match own {
            Some(own) => Some(format!(
                "package `{}` takes nothing from upstream in `{}`: its origin control `upstream` is BLOCK there, which \
                 put-package-origin-configuration can change",
                own.about.name, repository.name
            )),
            None => domain.restricted(restriction, key, name, &repository.name),
        };
        reasons.extend(reason);
    }
    reasons
}

struct Search<'a, 'b> {
    domain: &'a Domain,
    key: &'a PackageKey,
    name: &'b str,
    seen: BTreeSet<&'a RepositoryName>,
    steps: Vec<Step<'a>>,
}

impl<'a> Search<'a, '_> {
    fn visit(&mut self, repository: &'a Arc<Repository>, depth: usize) {
        if self.steps.len() == SEARCHED || !self.seen.insert(&repository.name) {
            return;
        }
        let blocked =
            repository.package_like(self.key).is_some_and(|package| package.about.origin.upstream == Control::Block);
        let open = !blocked && self.key.format != PackageFormat::Generic;
        let connection = repository
            .about
            .connection
            .filter(|connection| open && connection.format() == self.key.format)
            .filter(|_| self.admits(Restriction::ExternalUpstream, repository));
        let first = self.steps.is_empty();
        self.steps.push(Step { repository, depth, connection });
        // What is found further on is retained by the requested repository, so it is its restriction that counts.
        if !open || (first && !self.admits(Restriction::InternalUpstream, repository)) {
            return;
        }
        let domain = self.domain;
        for upstream in repository.about.upstreams.iter().filter_map(|name| domain.repository(name).ok()) {
            self.visit(upstream, depth + 1);
        }
    }

    fn admits(&self, restriction: Restriction, repository: &Repository) -> bool {
        self.domain.restricted(restriction, self.key, self.name, &repository.name).is_none()
    }
}

/// All repositories that a request to `first` can reach, in order: for lists of packages. What one package's controls
/// and its groups say of them is for [`Reach`].
pub(crate) fn reachable<'a>(domain: &'a Domain, first: &'a Arc<Repository>) -> Vec<&'a Arc<Repository>> {
    let mut found: Vec<&Arc<Repository>> = Vec::new();
    let mut open = vec![first];
    while let Some(next) = open.pop() {
        if found.len() < SEARCHED && !found.iter().any(|known| known.name == next.name) {
            found.push(next);
            let upstreams = next.about.upstreams.iter().rev();
            open.extend(upstreams.filter_map(|name| domain.repository(name).ok()));
        }
    }
    found
}

/// Would `from` reach `to` by its upstreams, if it had these?
pub(crate) fn reaches(domain: &Domain, upstreams: &[RepositoryName], to: &RepositoryName) -> bool {
    let mut open: Vec<&RepositoryName> = upstreams.iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name)
            && let Ok(repository) = domain.repository(name)
        {
            open.extend(&repository.about.upstreams);
        }
    }
    false
}
