//! Transitions of resource policies.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    coordinate::{DomainKey, RepositoryKey},
    draft::Draft,
    model::Millis,
};
use crate::{
    failure::{Failure, ResourceKind},
    policy::{AttachedTo, Document},
};

/// A resource policy, as it was put.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// Names this state of it: another one with every put.
    pub(crate) revision: String,
    /// JSON, to the byte.
    pub(crate) document: String,
    /// Read when it is first asked.
    #[serde(skip)]
    read: OnceLock<Document>,
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision && self.document == other.document
    }
}

impl Eq for Policy {}

impl Policy {
    /// `document` was read before and found valid.
    fn new(document: String, replaced: Option<&Self>, now: Millis) -> Self {
        let mut hash = Sha256::new();
        hash.update(replaced.map_or("", |policy| &policy.revision));
        hash.update(now.to_be_bytes());
        hash.update(&document);
        Self { revision: STANDARD.encode(hash.finalize()), document, read: OnceLock::new() }
    }

    /// What it says. One that cannot be read allows nothing to anybody.
    pub(crate) fn read(&self) -> &Document {
        self.read.get_or_init(|| Document::parse(&self.document, AttachedTo::Resource).unwrap_or_default())
    }
}

impl Draft {
    /// `PutDomainPermissionsPolicy`: replaces the policy, if it is still the expected one.
    pub(crate) fn put_domain_policy(
        &mut self,
        key: &DomainKey,
        document: String,
        expected: Option<&str>,
    ) -> Result<Policy, Failure> {
        let mut about = self.state.domain(key)?.about.clone();
        check(about.policy.as_ref(), expected, ResourceKind::Domain, key.name.as_str())?;
        let policy = Policy::new(document, about.policy.as_ref(), self.now);
        about.policy = Some(policy.clone());
        self.put_domain(key, about);
        Ok(policy)
    }

    /// `DeleteDomainPermissionsPolicy`: what it was.
    pub(crate) fn delete_domain_policy(&mut self, key: &DomainKey, expected: Option<&str>) -> Result<Policy, Failure> {
        let mut about = self.state.domain(key)?.about.clone();
        let absent = || Failure::not_found(ResourceKind::Domain, key.name.as_str());
        let policy = about.policy.take().ok_or_else(absent)?;
        check(Some(&policy), expected, ResourceKind::Domain, key.name.as_str())?;
        self.put_domain(key, about);
        Ok(policy)
    }

    /// `PutRepositoryPermissionsPolicy`, the same for a repository.
    pub(crate) fn put_repository_policy(
        &mut self,
        key: &RepositoryKey,
        document: String,
        expected: Option<&str>,
    ) -> Result<Policy, Failure> {
        let mut about = self.state.repository(key)?.1.about.clone();
        check(about.policy.as_ref(), expected, ResourceKind::Repository, key.name.as_str())?;
        let policy = Policy::new(document, about.policy.as_ref(), self.now);
        about.policy = Some(policy.clone());
        self.put_repository(key, about)?;
        Ok(policy)
    }

    /// `DeleteRepositoryPermissionsPolicy`.
    pub(crate) fn delete_repository_policy(
        &mut self,
        key: &RepositoryKey,
        expected: Option<&str>,
    ) -> Result<Policy, Failure> {
        let mut about = self.state.repository(key)?.1.about.clone();
        let absent = || Failure::not_found(ResourceKind::Repository, key.name.as_str());
        let policy = about.policy.take().ok_or_else(absent)?;
        check(Some(&policy), expected, ResourceKind::Repository, key.name.as_str())?;
        self.put_repository(key, about)?;
        Ok(policy)
    }
}

/// A revision that is given must be the present one. Where there is no policy there is no revision to expect; a put
/// that expects one is a conflict, too.
fn check(policy: Option<&Policy>, expected: Option<&str>, kind: ResourceKind, name: &str) -> Result<(), Failure> {
    let Some(expected) = expected else { return Ok(()) };
    let current = policy.map(|policy| policy.revision.as_str());
    if current == Some(expected) {
        return Ok(());
    }
    let message = match current {
        Some(current) => format!("current policy revision: {current}, expected policy revision: {expected}"),
        None => format!("there is no policy, expected policy revision: {expected}"),
    };
    Err(Failure::conflict(kind, name, message))
}
