//! Package groups: which packages belong to which, and what they may not do.
//!
//! A package belongs to exactly one group: the one with the most specific pattern that matches it. It matches
//! strongly, to the letter, or weakly, as a look-alike; where both are as specific, the strong one counts. What
//! belongs weakly to a group is neither published nor fetched, whatever the group says: it is somebody else's package
//! in the clothes of one of ours.
//!
//! Every domain has the group `/*`. Its record is written when it is first changed, so that the domains of a folder
//! that knows no groups have it too.

mod change;
mod pattern;

use std::sync::Arc;

use codeartifact::{PackageFormat, RepositoryName};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

pub(crate) use change::{AllowedRepository, GroupUpdate, ListChange};
pub(crate) use pattern::Pattern;
use pattern::{ROOT, folded, of_package};

use super::{
    as_text,
    coordinate::{DomainKey, PackageKey, api_name, cargo_name, partition},
    model::{Domain, Millis, Package, Tags},
};

/// The groups of a domain.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    by_pattern: OrdMap<String, Arc<Group>>,
    /// The patterns that look alike, by what they are folded to.
    look_alikes: OrdMap<String, Vec<String>>,
}

/// A package group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) pattern: Pattern,
    pub(crate) about: AboutGroup,
}

/// A group's own record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AboutGroup {
    pub(crate) created: Millis,
    pub(crate) contact: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) tags: Tags,
    publish: Rule,
    external_upstream: Rule,
    internal_upstream: Rule,
}

/// What a group says about one restriction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) mode: Mode,
    /// In order; empty unless the mode is [`Mode::AllowSpecificRepositories`].
    #[serde(with = "as_text::list")]
    pub(crate) repositories: Vec<RepositoryName>,
}

/// How a group restricts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Mode {
    Allow,
    AllowSpecificRepositories,
    Block,
    /// As the parent does.
    Inherit,
}

/// What a package group can restrict for the packages in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Restriction {
    /// Publishing versions.
    Publish,
    /// Fetching versions through the repository's external connection.
    ExternalUpstream,
    /// Retaining versions of the repository's upstreams.
    InternalUpstream,
}

/// How closely a package belongs to its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Association {
    Strong,
    Weak,
}

impl Restriction {
    pub(crate) const ALL: [Self; 3] = [Self::Publish, Self::ExternalUpstream, Self::InternalUpstream];

    /// The API's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::ExternalUpstream => "EXTERNAL_UPSTREAM",
            Self::InternalUpstream => "INTERNAL_UPSTREAM",
        }
    }

    /// What is not possible where it blocks.
    const fn done(self) -> &'static str {
        match self {
            Self::Publish => "published to",
            Self::ExternalUpstream => "fetched from a public source through",
            Self::InternalUpstream => "retained from upstreams in",
        }
    }
}

impl Mode {
    pub(crate) const ALL: [Self; 4] = [Self::Allow, Self::AllowSpecificRepositories, Self::Block, Self::Inherit];

    /// The API's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::AllowSpecificRepositories => "ALLOW_SPECIFIC_REPOSITORIES",
            Self::Block => "BLOCK",
            Self::Inherit => "INHERIT",
        }
    }
}

impl Association {
    /// The API's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Strong => "STRONG",
            Self::Weak => "WEAK",
        }
    }
}

impl Rule {
    const fn new(mode: Mode) -> Self {
        Self { mode, repositories: Vec::new() }
    }
}

impl AboutGroup {
    /// A group that says of everything the same.
    fn new(created: Millis, mode: Mode) -> Self {
        Self {
            created,
            contact: None,
            description: None,
            tags: Tags::new(),
            publish: Rule::new(mode),
            external_upstream: Rule::new(mode),
            internal_upstream: Rule::new(mode),
        }
    }

    /// What it says about a restriction.
    pub(crate) fn rule(&self, restriction: Restriction) -> &Rule {
        match restriction {
            Restriction::Publish => &self.publish,
            Restriction::ExternalUpstream => &self.external_upstream,
            Restriction::InternalUpstream => &self.internal_upstream,
        }
    }

    fn rule_mut(&mut self, restriction: Restriction) -> &mut Rule {
        match restriction {
            Restriction::Publish => &mut self.publish,
            Restriction::ExternalUpstream => &mut self.external_upstream,
            Restriction::InternalUpstream => &mut self.internal_upstream,
        }
    }
}

impl Group {
    /// `arn:aws:codeartifact:REGION:ACCOUNT:package-group/DOMAIN` and the pattern, as it is.
    pub(crate) fn arn(&self, DomainKey { region, owner, name }: &DomainKey) -> String {
        format!("arn:{}:codeartifact:{region}:{owner}:package-group/{name}{}", partition(region), self.pattern)
    }

    /// Is it the one that every domain has?
    pub(crate) fn is_root(&self) -> bool {
        self.pattern.as_str() == ROOT
    }
}

impl Groups {
    /// The groups of a new domain: `/*`, which allows everything.
    pub(super) fn new(created: Millis) -> Self {
        let mut groups = Self { by_pattern: OrdMap::new(), look_alikes: OrdMap::new() };
        groups.put(Group { pattern: Pattern::root(), about: AboutGroup::new(created, Mode::Allow) });
        groups
    }

    pub(super) fn put(&mut self, group: Group) {
        let pattern = group.pattern.as_str().to_owned();
        let alike = self.look_alikes.entry(group.pattern.folded()).or_default();
        if let Err(at) = alike.binary_search(&pattern) {
            alike.insert(at, pattern.clone());
        }
        self.by_pattern.insert(pattern, Arc::new(group));
    }

    pub(super) fn remove(&mut self, pattern: &Pattern) {
        self.by_pattern.remove(pattern.as_str());
        let folded = pattern.folded();
        if let Some(alike) = self.look_alikes.get_mut(&folded) {
            alike.retain(|other| other != pattern.as_str());
            if alike.is_empty() {
                self.look_alikes.remove(&folded);
            }
        }
    }

    /// The group of a pattern.
    pub(crate) fn get(&self, pattern: &Pattern) -> Option<&Arc<Group>> {
        self.by_pattern.get(pattern.as_str())
    }

    /// All groups, by pattern.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.by_pattern.values()
    }

    fn root(&self) -> &Arc<Group> {
        self.by_pattern.get(ROOT).expect("every domain has the group /*")
    }

    /// The group with the next wider pattern; `/*` has none.
    pub(crate) fn parent(&self, group: &Group) -> Option<&Arc<Group>> {
        group.pattern.wider().find_map(|pattern| self.by_pattern.get(&pattern))
    }

    /// The group that decides about a restriction of a group: itself, or the nearest ancestor that does not inherit.
    pub(crate) fn deciding<'a>(&'a self, group: &'a Arc<Group>, restriction: Restriction) -> &'a Arc<Group> {
        let mut deciding = group;
        while deciding.about.rule(restriction).mode == Mode::Inherit {
            deciding = self.parent(deciding).expect("the root group does not inherit");
        }
        deciding
    }

    /// The group of a package, which need not exist. The name is the one the API knows the package by.
    pub(crate) fn associated(&self, format: PackageFormat, namespace: &str, name: &str) -> (&Arc<Group>, Association) {
        if self.by_pattern.len() == 1 {
            return (self.root(), Association::Strong);
        }
        let strong = of_package(format, namespace, name).find_map(|pattern| self.by_pattern.get(&pattern));
        let strong = strong.unwrap_or_else(|| self.root());
        let (namespace, name) = (folded(namespace), folded(name));
        let weak = of_package(format, &namespace, &name).find_map(|pattern| self.look_alikes.get(&pattern)?.first());
        let weak = weak.and_then(|pattern| self.by_pattern.get(pattern));
        match weak {
            Some(weak) if weak.pattern.rank() > strong.pattern.rank() => (weak, Association::Weak),
            _ => (strong, Association::Strong),
        }
    }

    /// The packages of a domain that belong to a group, by key and spelling, each once however many repositories
    /// have it.
    pub(crate) fn packages<'a>(
        &'a self,
        domain: &'a Domain,
        group: &'a Pattern,
    ) -> impl Iterator<Item = (String, &'a Arc<Package>, Association)> + 'a {
        let mut all = std::collections::BTreeMap::new();
        for package in domain.repositories().flat_map(|repository| repository.packages()) {
            all.entry(format!("{}\0{}", package.key.sort_key(), package.about.name)).or_insert(package);
        }
        all.into_iter().filter_map(move |(key, package)| {
            let (found, association) = self.associated(package.key.format, &package.key.namespace, &package.about.name);
            (found.pattern == *group).then_some((key, package, association))
        })
    }

    /// The groups as they were with one more.
    pub(crate) fn with(&self, pattern: Pattern) -> Self {
        let mut groups = self.clone();
        if groups.get(&pattern).is_none() {
            groups.put(Group { pattern, about: AboutGroup::new(Millis::default(), Mode::Inherit) });
        }
        groups
    }
}

impl Domain {
    /// Why a repository may not do that with a package, if it may not. `name` is the package's name as clients spell
    /// it.
    pub(crate) fn restricted(
        &self,
        restriction: Restriction,
        package: &PackageKey,
        name: &str,
        repository: &RepositoryName,
    ) -> Option<String> {
        let groups = &self.groups;
        let name = api_name(package.format, name);
        let (group, association) = groups.associated(package.format, &package.namespace, &name);
        if association == Association::Weak && !one_crate(package.format, &group.pattern, &name) {
            return Some(format!(
                "package `{name}` looks like the packages of package group `{}` and is none of them: what is weakly \
                 associated with a group is neither published nor fetched; if it is wanted, create a package group \
                 for exactly this name",
                group.pattern
            ));
        }
        let deciding = groups.deciding(group, restriction);
        let rule = deciding.about.rule(restriction);
        match rule.mode {
            Mode::Allow | Mode::Inherit => return None,
            Mode::AllowSpecificRepositories if rule.repositories.binary_search(repository).is_ok() => return None,
            Mode::AllowSpecificRepositories | Mode::Block => {}
        }
        let (done, restriction, mode, pattern) =
            (restriction.done(), restriction.as_str(), rule.mode.as_str(), &deciding.pattern);
        let inherited = if Arc::ptr_eq(deciding, group) {
            String::new()
        } else {
            format!(", from which the package's group `{}` inherits", group.pattern)
        };
        let next = match rule.mode {
            Mode::AllowSpecificRepositories => "the repository can be added to the list",
            _ => "the restriction can be changed",
        };
        Some(format!(
            "package `{name}` cannot be {done} `{repository}`: {restriction} is {mode} in package group \
             `{pattern}`{inherited}; {next} with update-package-group-origin-configuration"
        ))
    }
}

/// Crates whose names differ in case, or in `-` and `_`, are one crate to cargo, and its index is asked in lower case:
/// none of them is another's look-alike.
fn one_crate(format: PackageFormat, pattern: &Pattern, name: &str) -> bool {
    let pattern = pattern.map_name(cargo_name);
    format == PackageFormat::Cargo && of_package(format, "", &cargo_name(name)).any(|matching| matching == pattern)
}

#[cfg(test)]
mod tests;
