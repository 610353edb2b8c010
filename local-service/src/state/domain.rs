//! Transitions of domains.

use super::{
    coordinate::{DomainKey, partition},
    draft::Draft,
    model::{AboutDomain, Tags},
};
use crate::{
    assets::Digest,
    failure::{Failure, ResourceKind},
};

/// Domains of one account and Region.
const DOMAINS: usize = 10;

impl Draft {
    /// `CreateDomain`. Without a key of the caller's the domain has the one that AWS manages for the account.
    pub(crate) fn create_domain(
        &mut self,
        key: &DomainKey,
        encryption_key: Option<String>,
        tags: Tags,
    ) -> Result<(), Failure> {
        if self.state.domain(key).is_ok() {
            let message = format!("domain `{}` exists already in this account and Region", key.name);
            return Err(Failure::conflict(ResourceKind::Domain, key.name.as_str(), message));
        }
        let owned = self.state.domains().filter(|(other, _)| other.owner == key.owner && other.region == key.region);
        if owned.count() >= DOMAINS {
            let message = format!("an account has {DOMAINS} domains per Region at most");
            return Err(Failure::quota(ResourceKind::Domain, key.name.as_str(), message));
        }
        let encryption_key = encryption_key.unwrap_or_else(|| managed_key(key));
        self.put_domain(key, AboutDomain { created: self.now, encryption_key, tags, policy: None });
        Ok(())
    }

    /// `DeleteDomain`: repositories must go first.
    pub(crate) fn delete_domain(&mut self, key: &DomainKey) -> Result<(), Failure> {
        let repositories = self.state.domain(key)?.repository_count();
        if repositories > 0 {
            let message = format!(
                "domain `{}` still has {repositories} {}; delete {} first",
                key.name,
                if repositories == 1 { "repository" } else { "repositories" },
                if repositories == 1 { "it" } else { "them" },
            );
            return Err(Failure::conflict(ResourceKind::Domain, key.name.as_str(), message));
        }
        self.remove_domain(key);
        Ok(())
    }
}

/// The ARN of the key that AWS manages: the same for every domain of an account and Region, as there.
fn managed_key(DomainKey { region, owner, .. }: &DomainKey) -> String {
    let digits = Digest::of(format!("aws/codeartifact/{region}/{owner}").as_bytes()).to_string();
    let id = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]].join("-");
    format!("arn:{}:kms:{region}:{owner}:key/{id}", partition(region))
}
