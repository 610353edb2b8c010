//! Transitions of package groups.

use codeartifact::RepositoryName;

use super::{AboutGroup, Group, Mode, Pattern, Restriction, Rule};
use crate::{
    failure::{Failure, ResourceKind},
    state::{
        coordinate::{DomainKey, RepositoryKey},
        draft::Draft,
        model::{State, Tags},
    },
};

/// A repository and the list it is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AllowedRepository {
    pub(crate) restriction: Restriction,
    pub(crate) repository: RepositoryName,
}

/// `UpdatePackageGroupOriginConfiguration`.
#[derive(Debug, Default)]
pub(crate) struct GroupUpdate {
    pub(crate) modes: Vec<(Restriction, Mode)>,
    pub(crate) add: Vec<AllowedRepository>,
    pub(crate) remove: Vec<AllowedRepository>,
}

/// What became of the lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ListChange {
    pub(crate) added: Vec<AllowedRepository>,
    pub(crate) removed: Vec<AllowedRepository>,
}

impl State {
    /// A package group, or the API's error for a missing one.
    pub(crate) fn group(&self, domain: &DomainKey, pattern: &Pattern) -> Result<&Group, Failure> {
        let found = self.domain(domain)?.groups.get(pattern);
        found.map(|group| &**group).ok_or_else(|| Failure::not_found(ResourceKind::PackageGroup, pattern.as_str()))
    }
}

impl Draft {
    /// `CreatePackageGroup`: a new group inherits everything.
    pub(crate) fn create_group(
        &mut self,
        domain: &DomainKey,
        pattern: &Pattern,
        contact: Option<String>,
        description: Option<String>,
        tags: Tags,
    ) -> Result<(), Failure> {
        if self.state.domain(domain)?.groups.get(pattern).is_some() {
            let message = format!("package group `{pattern}` exists already in domain `{}`", domain.name);
            return Err(Failure::conflict(ResourceKind::PackageGroup, pattern.as_str(), message));
        }
        let about = AboutGroup { contact, description, tags, ..AboutGroup::new(self.now, Mode::Inherit) };
        self.put_group(domain, pattern, about)
    }

    /// `UpdatePackageGroup`: what is given replaces what was there.
    pub(crate) fn update_group(
        &mut self,
        domain: &DomainKey,
        pattern: &Pattern,
        contact: Option<String>,
        description: Option<String>,
    ) -> Result<(), Failure> {
        let mut about = self.state.group(domain, pattern)?.about.clone();
        about.contact = contact.or(about.contact);
        about.description = description.or(about.description);
        self.put_group(domain, pattern, about)
    }

    /// `DeletePackageGroup`: its packages belong to the next wider group from then on.
    pub(crate) fn delete_group(&mut self, domain: &DomainKey, pattern: &Pattern) -> Result<(), Failure> {
        if self.state.group(domain, pattern)?.is_root() {
            return Err(Failure::other("the root package group `/*` can be changed and not deleted"));
        }
        self.remove_group(domain, pattern)
    }

    /// `UpdatePackageGroupOriginConfiguration`. Modes first: a list is there only while its mode wants one, and goes
    /// with the mode. What is on a list already, or is not, is passed over.
    pub(crate) fn update_group_origin(
        &mut self,
        domain: &DomainKey,
        pattern: &Pattern,
        update: &GroupUpdate,
    ) -> Result<ListChange, Failure> {
        let group = self.state.group(domain, pattern)?;
        let mut about = group.about.clone();
        for (restriction, mode) in &update.modes {
            if group.is_root() && *mode == Mode::Inherit {
                return Err(Failure::other("the root package group `/*` has no parent to inherit from"));
            }
            let rule = about.rule_mut(*restriction);
            if rule.mode != *mode {
                *rule = Rule::new(*mode);
            }
        }
        let found = self.state.domain(domain)?;
        let mut change = ListChange::default();
        for allowed @ AllowedRepository { restriction, repository } in &update.add {
            let rule = about.rule_mut(*restriction);
            if rule.mode != Mode::AllowSpecificRepositories {
                return Err(Failure::other(format!(
                    "`{repository}` cannot be added: {} is {} in package group `{pattern}`; set it to \
                     ALLOW_SPECIFIC_REPOSITORIES first, or with the same request",
                    restriction.as_str(),
                    rule.mode.as_str()
                )));
            }
            found.repository(repository)?;
            if let Err(at) = rule.repositories.binary_search(repository) {
                rule.repositories.insert(at, repository.clone());
                change.added.push(allowed.clone());
            }
        }
        for allowed @ AllowedRepository { restriction, repository } in &update.remove {
            let rule = about.rule_mut(*restriction);
            if let Ok(at) = rule.repositories.binary_search(repository) {
                rule.repositories.remove(at);
                change.removed.push(allowed.clone());
            }
        }
        self.put_group(domain, pattern, about)?;
        Ok(change)
    }

    /// A repository goes: its name is on no list any more, so that a later one of that name is not let in by it.
    pub(in crate::state) fn forget_in_groups(&mut self, repository: &RepositoryKey) -> Result<(), Failure> {
        let groups = self.state.domain(&repository.domain)?.groups.clone();
        for group in groups.iter() {
            let mut about = group.about.clone();
            for restriction in Restriction::ALL {
                about.rule_mut(restriction).repositories.retain(|allowed| *allowed != repository.name);
            }
            if about != group.about {
                self.put_group(&repository.domain, &group.pattern, about)?;
            }
        }
        Ok(())
    }
}
