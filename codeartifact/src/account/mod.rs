//! Account rules: by which profile, and as which role, the tokens of a domain are asked for.
//!
//! The rules are the user's own ([`settings`](crate::settings) reads them). They stand in an order, and the first one
//! that matches decides alone. What a rule asks for is part of the token's [`TokenScope`](crate::TokenScope): tokens of
//! two profiles, two roles or two lifetimes never stand in for each other.
//!
//! Who wins, and why:
//!
//! * An option (`--profile`) goes before all rules: it was typed for this very call.
//! * A rule goes before the environment (`AWS_PROFILE`, keys in variables): the rule was written for this domain, a
//!   variable is for whatever is started from this shell, and some package managers load variables from files that a
//!   project brings along. A rule that names a profile is that profile and nothing else of the SDK's chain.
//! * The service's address is never a rule's to say. A URL has to be ours as things stand without any rule, and then
//!   again as things stand for the profile of its rule.

use std::{fmt, path::Path, sync::Arc};

use crate::endpoint::{AccountId, DomainName, Endpoint, Region, RepositoryName};

mod names;

pub use names::{Lifetime, Pattern, RoleArn};

/// A value and the line it stands in, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated<T> {
    /// The value.
    pub value: T,
    /// The line.
    pub line: usize,
}

/// One rule of the user's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRule {
    /// The file it stands in.
    pub file: Arc<Path>,
    /// The line it begins in.
    pub line: usize,
    /// For domains of this account.
    pub owner: Option<AccountId>,
    /// For domains of these names.
    pub domain: Option<Pattern>,
    /// For this Region.
    pub region: Option<Stated<Region>>,
    /// For repositories of these names.
    pub repository: Option<Pattern>,
    /// Ask by this profile of the user's AWS files.
    pub profile: Option<Stated<String>>,
    /// Ask as this role, assumed by that profile, else by whoever asks without a rule.
    pub role: Option<Stated<RoleArn>>,
    /// Ask for tokens that hold so long.
    pub lifetime: Option<Stated<Lifetime>>,
}

/// What a rule is compared with: what a call is about, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The domain.
    pub domain: &'a DomainName,
    /// Its owner.
    pub owner: Option<&'a AccountId>,
    /// The Region.
    pub region: Option<&'a Region>,
    /// The repository; `None` where the call is about the domain as a whole.
    pub repository: Option<&'a RepositoryName>,
}

impl<'a> Subject<'a> {
    /// What a URL is about; `region` is the environment's, for URLs that name none.
    pub fn of(endpoint: &'a Endpoint, region: Option<&'a Region>) -> Self {
        Self {
            domain: endpoint.domain(),
            owner: Some(endpoint.owner()),
            region: endpoint.region().or(region),
            repository: Some(endpoint.repository()).filter(|_| !endpoint.is_of_domain()),
        }
    }
}

/// Why a rule does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// It is for something else.
    Other {
        /// The condition, by its key.
        key: &'static str,
        /// What the rule is for.
        wanted: String,
        /// What the call is about.
        found: String,
    },
    /// It has a condition, and what the call is about does not say.
    Unknown {
        /// The condition, by its key.
        key: &'static str,
        /// What the rule is for.
        wanted: String,
    },
    /// Its role is of another partition of AWS than the Region: no such call can be made.
    Partition {
        /// The role's partition.
        role: String,
        /// The Region.
        region: Region,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Other { key, wanted, found } => write!(f, "it is for {key} `{wanted}`, and this is `{found}`"),
            Mismatch::Unknown { key, wanted } => write!(f, "it is for {key} `{wanted}`, and none is named here"),
            Mismatch::Partition { role, region } => {
                write!(f, "its role is of partition `{role}`, and {region} is of another")
            }
        }
    }
}

impl AccountRule {
    /// `FILE:LINE`
    pub fn place(&self) -> String {
        self.place_of(self.line)
    }

    /// `FILE:LINE` of one of its parts.
    pub fn place_of(&self, line: usize) -> String {
        format!("{}:{line}", self.file.display())
    }

    /// Why the rule does not match; `None` where it does.
    pub fn mismatch(&self, subject: &Subject<'_>) -> Option<Mismatch> {
        let differs = |key, wanted: &dyn fmt::Display, found: Option<&str>, holds: bool| match found {
            Some(_) if holds => None,
            Some(found) => Some(Mismatch::Other { key, wanted: wanted.to_string(), found: found.to_owned() }),
            None => Some(Mismatch::Unknown { key, wanted: wanted.to_string() }),
        };
        if let Some(wanted) = &self.owner {
            let holds = subject.owner == Some(wanted);
            if let Some(mismatch) = differs("owner", wanted, subject.owner.map(AccountId::as_str), holds) {
                return Some(mismatch);
            }
        }
        if let Some(wanted) = &self.domain {
            let found = subject.domain.as_str();
            if let Some(mismatch) = differs("domain", wanted, Some(found), wanted.holds(found)) {
                return Some(mismatch);
            }
        }
        // Where nothing says the Region, the rule says it.
        if let (Some(wanted), Some(found)) = (&self.region, subject.region)
            && wanted.value != *found
        {
            return differs("region", &wanted.value, Some(found.as_str()), false);
        }
        if let Some(wanted) = &self.repository {
            let found = subject.repository.map(RepositoryName::as_str);
            if let Some(mismatch) = differs("repository", wanted, found, found.is_some_and(|name| wanted.holds(name))) {
                return Some(mismatch);
            }
        }
        let region = subject.region.or(self.region.as_ref().map(|region| &region.value))?;
        self.excluded(region)
    }

    /// The contradiction between the role and a Region, where there is one.
    fn excluded(&self, region: &Region) -> Option<Mismatch> {
        let role = self.role.as_ref()?.value.partition();
        let partition = region.partition()?;
        (role != partition).then(|| Mismatch::Partition { role: role.to_owned(), region: region.clone() })
    }

    /// The contradiction in the rule itself, where there is one: it would never match.
    pub(crate) fn contradiction(&self) -> Option<Mismatch> {
        self.excluded(&self.region.as_ref()?.value)
    }

    /// Whether whatever `later` matches is matched by this rule too.
    pub(crate) fn covers(&self, later: &AccountRule) -> bool {
        let pattern = |ours: &Option<Pattern>, theirs: &Option<Pattern>| match (ours, theirs) {
            (None, _) => true,
            (Some(ours), Some(theirs)) => ours.covers(theirs),
            (Some(_), None) => false,
        };
        let theirs = later.region.as_ref().map(|region| &region.value);
        let region = self.region.as_ref().is_none_or(|ours| theirs == Some(&ours.value));
        // A role keeps a rule to its partition, and leaves the others to the rules after it.
        let partition = self.role.as_ref().is_none_or(|role| {
            let later_role = later.role.as_ref().map(|role| role.value.partition());
            let later_partition = theirs.and_then(Region::partition).or(later_role);
            later_partition == Some(role.value.partition())
        });
        self.owner.as_ref().is_none_or(|owner| later.owner.as_ref() == Some(owner))
            && pattern(&self.domain, &later.domain)
            && pattern(&self.repository, &later.repository)
            && region
            && partition
    }

    /// What it asks for, as part of an identity's label.
    pub(crate) fn label(&self) -> String {
        let role = self.role.as_ref().map(|role| format!(";assumes={}", role.value)).unwrap_or_default();
        match &self.lifetime {
            Some(lifetime) => format!("{role};lifetime={}", lifetime.value.duration_seconds()),
            None => role,
        }
    }
}

#[cfg(test)]
mod tests;
