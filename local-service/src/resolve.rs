//! Where a package is looked for: the repository itself, then its upstreams, depth first, in list order.
//!
//! Rules of the service: the first repository that has a version decides about it, whatever that record's status (so
//! that an archived one hides an upstream's copy; that is this service's choice); 25 repositories are looked at and no
//! more; a package whose `upstream` control is `BLOCK` in a repository is not looked for beyond that repository.
//! Control-plane reads never come here: they see one repository only.

use std::{collections::BTreeSet, sync::Arc};

use codeartifact::RepositoryName;

use crate::state::{Control, Domain, Package, PackageKey, Repository, Version};

/// Repositories looked at for one request; the requested one counts (which the service's documentation leaves open).
const SEARCHED: usize = 25;

/// Where a version was found.
pub(crate) struct Found<'a> {
    pub(crate) repository: &'a Arc<Repository>,
    pub(crate) package: &'a Arc<Package>,
    pub(crate) version: &'a Arc<Version>,
}

/// The repositories to look at for a package, in order, the requested one first.
pub(crate) fn search_order<'a>(
    domain: &'a Domain,
    first: &'a Arc<Repository>,
    package: &PackageKey,
) -> Vec<&'a Arc<Repository>> {
    let mut order = Vec::new();
    visit(domain, first, package, &mut BTreeSet::new(), &mut order);
    order
}

fn visit<'a>(
    domain: &'a Domain,
    repository: &'a Arc<Repository>,
    package: &PackageKey,
    seen: &mut BTreeSet<&'a RepositoryName>,
    order: &mut Vec<&'a Arc<Repository>>,
) {
    if order.len() == SEARCHED || !seen.insert(&repository.name) {
        return;
    }
    order.push(repository);
    let blocked =
        repository.package_like(package).is_some_and(|package| package.about.origin.upstream == Control::Block);
    if blocked {
        return;
    }
    for upstream in repository.about.upstreams.iter().filter_map(|name| domain.repository(name).ok()) {
        visit(domain, upstream, package, seen, order);
    }
}

/// The packages of one name over the search order: what lists are merged from, nearest first.
pub(crate) fn packages<'a>(
    domain: &'a Domain,
    first: &'a Arc<Repository>,
    key: &PackageKey,
    name_matches: impl Fn(&str) -> bool,
) -> Vec<&'a Arc<Package>> {
    search_order(domain, first, key)
        .into_iter()
        .filter_map(|repository| repository.package_like(key))
        .filter(|package| name_matches(&package.about.name))
        .collect()
}

/// The nearest record of a version.
pub(crate) fn version<'a>(
    domain: &'a Domain,
    first: &'a Arc<Repository>,
    key: &PackageKey,
    version: &str,
) -> Option<Found<'a>> {
    search_order(domain, first, key).into_iter().find_map(|repository| {
        let package = repository.package_like(key)?;
        let version = package.version_like(version)?;
        Some(Found { repository, package, version })
    })
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
