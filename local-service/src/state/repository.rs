//! Transitions of repositories and of the upstreams between them.

use std::collections::BTreeSet;

use codeartifact::{AccountId, RepositoryName};

use super::{
    coordinate::RepositoryKey,
    draft::Draft,
    model::{AboutRepository, Domain, Tags},
};
use crate::{
    external::Connection,
    failure::{Failure, ResourceKind},
    resolve,
};

/// Repositories of one domain.
const REPOSITORIES: usize = 1_000;
/// Direct upstreams of one repository.
const UPSTREAMS: usize = 10;

impl Draft {
    /// `CreateRepository`.
    pub(crate) fn create_repository(
        &mut self,
        key: &RepositoryKey,
        administrator: &AccountId,
        description: Option<String>,
        upstreams: Vec<RepositoryName>,
        tags: Tags,
    ) -> Result<(), Failure> {
        let domain = self.state.domain(&key.domain)?;
        if domain.repository(&key.name).is_ok() {
            let message = format!("repository `{}` exists already in domain `{}`", key.name, key.domain.name);
            return Err(Failure::conflict(ResourceKind::Repository, key.name.as_str(), message));
        }
        if domain.repository_count() >= REPOSITORIES {
            let message = format!("a domain has {REPOSITORIES} repositories at most");
            return Err(Failure::quota(ResourceKind::Domain, key.domain.name.as_str(), message));
        }
        check_upstreams(domain, &key.name, &upstreams)?;
        let administrator = administrator.clone();
        let about = AboutRepository {
            administrator,
            created: self.now,
            description,
            upstreams,
            tags,
            connection: None,
            policy: None,
        };
        self.put_repository(key, about)
    }

    /// `UpdateRepository`: what is given replaces the whole of what was there.
    pub(crate) fn update_repository(
        &mut self,
        key: &RepositoryKey,
        description: Option<String>,
        upstreams: Option<Vec<RepositoryName>>,
    ) -> Result<(), Failure> {
        let (domain, repository) = self.state.repository(key)?;
        let mut about = repository.about.clone();
        if let Some(upstreams) = upstreams {
            check_upstreams(domain, &key.name, &upstreams)?;
            if let Some(connection) = about.connection.filter(|_| !upstreams.is_empty()) {
                return Err(Failure::other(format!(
                    "repository `{}` has the external connection {connection}: a repository has either that or upstreams",
                    key.name
                )));
            }
            about.upstreams = upstreams;
        }
        if description.is_some() {
            about.description = description;
        }
        self.put_repository(key, about)
    }

    /// `AssociateExternalConnection`. The service limits a repository to one, and to either that or upstreams.
    pub(crate) fn connect(&mut self, key: &RepositoryKey, connection: Connection) -> Result<(), Failure> {
        let mut about = self.state.repository(key)?.1.about.clone();
        if let Some(known) = about.connection {
            return Err(Failure::other(format!(
                "repository `{}` has the external connection {known}: a repository is limited to 1",
                key.name
            )));
        }
        if !about.upstreams.is_empty() {
            return Err(Failure::other(format!(
                "repository `{}` has upstreams: a repository has either upstreams or an external connection",
                key.name
            )));
        }
        about.connection = Some(connection);
        self.put_repository(key, about)
    }

    /// `DisassociateExternalConnection`. What was fetched stays.
    pub(crate) fn disconnect(&mut self, key: &RepositoryKey, connection: Connection) -> Result<(), Failure> {
        let mut about = self.state.repository(key)?.1.about.clone();
        if about.connection != Some(connection) {
            return Err(Failure::not_found(ResourceKind::Repository, format!("{} with {connection}", key.name)));
        }
        about.connection = None;
        self.put_repository(key, about)
    }

    /// `DeleteRepository`: with its packages. It also leaves the lists of those that had it as an upstream, so that
    /// a later repository of the same name does not slip into them.
    pub(crate) fn delete_repository(&mut self, key: &RepositoryKey) -> Result<(), Failure> {
        let (domain, _) = self.state.repository(key)?;
        let downstream: Vec<_> = domain
            .repositories()
            .filter(|other| other.about.upstreams.contains(&key.name))
            .map(|other| (other.name.clone(), other.about.clone()))
            .collect();
        for (name, mut about) in downstream {
            about.upstreams.retain(|upstream| *upstream != key.name);
            self.put_repository(&RepositoryKey { domain: key.domain.clone(), name }, about)?;
        }
        self.forget_in_groups(key)?;
        self.remove_repository(key)
    }
}

/// Upstreams are of the same domain, there, each named once, and never lead back.
fn check_upstreams(domain: &Domain, name: &RepositoryName, upstreams: &[RepositoryName]) -> Result<(), Failure> {
    let mut named = BTreeSet::new();
    for upstream in upstreams {
        if upstream == name {
            return Err(Failure::other(format!("repository `{name}` cannot be its own upstream")));
        }
        if !named.insert(upstream) {
            return Err(Failure::other(format!("upstream `{upstream}` is named twice")));
        }
    }
    if upstreams.len() > UPSTREAMS {
        let message = format!("a repository has {UPSTREAMS} direct upstreams at most, {} were given", upstreams.len());
        return Err(Failure::quota(ResourceKind::Repository, name.as_str(), message));
    }
    for upstream in upstreams {
        domain.repository(upstream)?;
    }
    if resolve::reaches(domain, upstreams, name) {
        return Err(Failure::other(format!("these upstreams of repository `{name}` lead back to it")));
    }
    Ok(())
}
