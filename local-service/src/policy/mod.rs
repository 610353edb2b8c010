//! Who may do what: policies of domains, repositories and identities, and the decision that comes of them.
//!
//! Every call of an operation and every data-plane request is one or more [`Demand`]s: a principal, an action, a
//! resource. The decision, in this order:
//!
//! 1. A `Deny` of any policy that is looked at decides: the domain's (for everything in the domain), the
//!    repository's (for it and its packages), the identity's.
//! 2. A principal of the account that owns the resource - the domain's owner, or the repository's administrator - may
//!    do what its identity's policy allows, and without such a policy everything; or what the resource's policy allows
//!    it by name. A statement that names the whole account leaves it to the identity's policy.
//! 3. A principal of another account needs both: its identity's policy, if it has one, and the policy of the resource.
//!
//! Chosen here: the policy of the resource is the domain's for what is asked of the domain, and the repository's for
//! the repository and its packages; an `Allow` in a domain's policy opens no repository. (Newer documentation says
//! that it does if its `Resource` covers it.) Changing or deleting a resource's policy does not look at that policy,
//! and no policy grants it to another account: nobody is locked out, and nobody lets himself in. Groups are no
//! principals. Policy variables are refused when the policy is put. An operator that is not known here fails an
//! `Allow` and not a `Deny`.

mod condition;
mod document;
mod pattern;
mod principal;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use codeartifact::AccountId;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub(crate) use document::{AttachedTo, Document, DocumentError};
pub(crate) use principal::{Principal, PrincipalArn};

use self::{document::Opinion, principal::Meant};
use crate::{
    failure::Failure,
    state::{AboutDomain, AboutRepository, DomainKey, Millis, RepositoryKey, Tags, partition},
};

/// A request's circumstances that conditions look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circumstances {
    /// Where it came from.
    pub(crate) source: IpAddr,
    /// Did it come over TLS?
    pub(crate) secure: bool,
    pub(crate) now: Millis,
}

/// A resource's ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Exactly(String),
    /// One that begins so, a package of which the name is not known yet: what may be allowed is, until it is known.
    Under(String),
    /// All that begin so: what may be denied is.
    All(String),
}

/// One question: may this principal do this to that?
pub(crate) struct Demand<'a> {
    pub(crate) principal: &'a Principal,
    /// `SERVICE:NAME`.
    pub(crate) action: &'a str,
    pub(crate) target: &'a Target,
    /// The Region of the request.
    pub(crate) region: &'a str,
    pub(crate) circumstances: Circumstances,
    pub(crate) place: Place<'a>,
}

/// Where the resource is: whose it is, and which policies are about it.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The principal's own account.
    Account,
    /// A domain, or what is in it beside repositories.
    Domain(&'a DomainKey, &'a AboutDomain),
    /// A repository, or a package in it; one that is not there has its domain's owner and no policy.
    Repository(&'a RepositoryKey, &'a AboutDomain, Option<&'a AboutRepository>),
}

impl Demand<'_> {
    /// The value of a condition key, if this request has it.
    fn value_of(&self, key: &str) -> Option<String> {
        let circumstances = &self.circumstances;
        match key {
            "aws:principalarn" => Some(self.principal.arn.condition_value()),
            "aws:principalaccount" => Some(self.principal.arn.account().to_string()),
            "aws:principalorgid" => self.principal.organization.clone(),
            "aws:sourceip" => Some(circumstances.source.to_canonical().to_string()),
            "aws:securetransport" => Some(circumstances.secure.to_string()),
            "aws:epochtime" => Some((circumstances.now / 1000).to_string()),
            "aws:currenttime" => {
                let nanos = i128::from(circumstances.now) * 1_000_000;
                OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()
            }
            "aws:requestedregion" => Some(self.region.to_owned()),
            "aws:resourceaccount" => self.place.owner().map(AccountId::to_string),
            "sts:awsservicename" if self.action == BEARER => Some("codeartifact.amazonaws.com".to_owned()),
            _ => {
                let tag = key.strip_prefix("aws:resourcetag/")?;
                let (_, value) = self.place.tags()?.iter().find(|(known, _)| known.to_lowercase() == tag)?;
                Some(value.clone())
            }
        }
    }

    /// Nothing, or the refusal that says what is lacking and where.
    pub(crate) fn decide(&self) -> Result<(), Failure> {
        let own_account = self.place.is_of(self.principal.arn.account());
        // What nearly every request is: the owner's, with no policy anywhere.
        if own_account && self.principal.policy.is_none() && !self.place.has_policy() {
            return Ok(());
        }
        let identity = self.principal.policy.as_ref().map(|policy| policy.opinion(self));
        let identity_allows = identity.as_ref().is_none_or(|opinion| opinion.allowed.is_some());
        let (domain, repository) = self.resource_opinions();
        let denied = |opinion: &Option<Opinion>| opinion.as_ref().and_then(|opinion| opinion.denied.clone());
        for (statement, whose) in [
            (denied(&domain), self.domain_policy()),
            (denied(&repository), self.repository_policy()),
            (denied(&identity), "the identity's policy".to_owned()),
        ] {
            if let Some(statement) = statement {
                return Err(self.refusal(&format!("statement {statement} of {whose} denies it")));
            }
        }
        let (own, whose) = match self.place {
            Place::Account | Place::Domain(..) => (domain, self.domain_policy()),
            Place::Repository(..) => (repository, self.repository_policy()),
        };
        let allowed = own.as_ref().and_then(|opinion| opinion.allowed);
        if own_account {
            return if identity_allows || allowed == Some(Meant::Itself) {
                Ok(())
            } else {
                Err(self.refusal("the identity's policy does not allow it"))
            };
        }
        if changes_policy(self.action) {
            return Err(self.refusal("no policy can grant this to another account than the owner's"));
        }
        if allowed.is_none() {
            let lacking = if own.is_some() {
                format!("{whose} has no statement that allows it")
            } else {
                format!("{whose} is needed to allow it to another account, and there is none")
            };
            return Err(self.refusal(&lacking));
        }
        if identity_allows { Ok(()) } else { Err(self.refusal("the identity's policy does not allow it")) }
    }

    /// What the policies of domain and repository say, as far as they are looked at.
    fn resource_opinions(&self) -> (Option<Opinion>, Option<Opinion>) {
        let (domain, repository) = match self.place {
            Place::Domain(_, domain) if !changes_policy(self.action) => (domain.policy.as_ref(), None),
            Place::Account | Place::Domain(..) => (None, None),
            Place::Repository(_, domain, about) => {
                let own = about.filter(|_| !changes_policy(self.action));
                (domain.policy.as_ref(), own.and_then(|about| about.policy.as_ref()))
            }
        };
        (domain.map(|policy| policy.read().opinion(self)), repository.map(|policy| policy.read().opinion(self)))
    }

    fn refusal(&self, reason: &str) -> Failure {
        let resource = match self.target {
            Target::Exactly(arn) => arn.clone(),
            Target::Under(beginning) | Target::All(beginning) => format!("{beginning}*"),
        };
        let Self { principal, action, .. } = self;
        Failure::denied(format!(
            "User: {} is not authorized to perform: {action} on resource: {resource}: {reason}",
            principal.arn
        ))
    }

    fn domain_policy(&self) -> String {
        match self.place {
            Place::Account => "no policy".to_owned(),
            Place::Domain(key, _) => format!("the policy of domain `{}`", key.name),
            Place::Repository(key, ..) => format!("the policy of domain `{}`", key.domain.name),
        }
    }

    fn repository_policy(&self) -> String {
        match self.place {
            Place::Repository(key, ..) => format!("the policy of repository `{}`", key.name),
            _ => "no policy".to_owned(),
        }
    }
}

impl Place<'_> {
    /// Is it the account's own, so that the account needs no policy?
    fn is_of(&self, account: &AccountId) -> bool {
        match self {
            Self::Account => true,
            Self::Domain(key, _) => key.owner == *account,
            Self::Repository(key, _, about) => {
                key.domain.owner == *account || about.is_some_and(|about| about.administrator == *account)
            }
        }
    }

    fn has_policy(&self) -> bool {
        match self {
            Self::Account => false,
            Self::Domain(_, domain) => domain.policy.is_some(),
            Self::Repository(_, domain, about) => {
                domain.policy.is_some() || about.is_some_and(|about| about.policy.is_some())
            }
        }
    }

    fn owner(&self) -> Option<&AccountId> {
        match self {
            Self::Account => None,
            Self::Domain(key, _) => Some(&key.owner),
            Self::Repository(key, ..) => Some(&key.domain.owner),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        match self {
            Self::Account => None,
            Self::Domain(_, domain) => Some(&domain.tags),
            Self::Repository(_, _, about) => about.map(|about| &about.tags),
        }
    }
}

/// What an identity's policy must allow beside the token itself.
pub(crate) const BEARER: &str = "sts:GetServiceBearerToken";

/// Putting and deleting the policies themselves.
fn changes_policy(action: &str) -> bool {
    matches!(
        action,
        "codeartifact:PutDomainPermissionsPolicy"
            | "codeartifact:DeleteDomainPermissionsPolicy"
            | "codeartifact:PutRepositoryPermissionsPolicy"
            | "codeartifact:DeleteRepositoryPermissionsPolicy"
    )
}

/// `arn:aws:codeartifact:REGION:ACCOUNT:package/DOMAIN/REPOSITORY/FORMAT/NAMESPACE/NAME`, or the beginning of it that
/// is known.
pub(crate) fn package_arn(repository: &RepositoryKey, rest: &str) -> String {
    let DomainKey { region, owner, name } = &repository.domain;
    format!("arn:{}:codeartifact:{region}:{owner}:package/{name}/{}/{rest}", partition(region), repository.name)
}
