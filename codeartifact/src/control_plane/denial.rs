//! Which policy refused, as far as the service's message says it.
//!
//! AWS's messages have one form (IAM User Guide, "Troubleshoot access denied error messages"): `User: ARN is not
//! authorized to perform: ACTION on resource: ARN`, and mostly `because no TYPE policy allows the ACTION action` or
//! `with an explicit deny in a TYPE policy`. The embedded service begins alike and ends in its own words. What a message
//! does not say is guessed from the accounts in it: within one account the identity's policy decides, across accounts
//! the resource's has to agree. A message is a stranger's text: only an action of the right form is taken from it.

/// A refusal, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denial<'a> {
    /// The permission that is missing, such as `sts:GetServiceBearerToken`.
    pub(super) action: Option<&'a str>,
    /// What refused.
    pub(super) by: DeniedBy,
}

/// What refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeniedBy {
    /// No policy of the identity allows it.
    IdentityLacks,
    /// The policy of the domain or the repository does not allow it.
    ResourceLacks,
    /// A boundary of what the identity may do at all lacks it: a service control policy and its like.
    BoundaryLacks,
    /// A statement in such a policy denies it, whatever others allow.
    Denies(Policy),
    /// An account's root user asked, which cannot have tokens.
    Root,
    /// Not said; caller and resource are of one account.
    UnsaidWithinAccount,
    /// Not said; they are of two.
    UnsaidAcrossAccounts,
    /// Not said at all.
    Unsaid,
}

/// A kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Of the user or role.
    Identity,
    /// Of the domain or the repository.
    Resource,
    /// Around the identity: organisation, session, permissions boundary, VPC endpoint.
    Boundary,
}

impl<'a> Denial<'a> {
    pub(super) fn read(message: &'a str) -> Self {
        let after = |mark: &str| message.split_once(mark).map(|(_, rest)| rest);
        let word = |mark: &str| after(mark)?.split_whitespace().next();
        let action = word("not authorized to perform: ").filter(|action| is_action(action));
        Self { action, by: by(message, word("User: "), word("on resource: ")) }
    }
}

fn by(message: &str, user: Option<&str>, resource: Option<&str>) -> DeniedBy {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let policy = if says(&["identity-based", "the identity's policy"]) {
        Some(Policy::Identity)
    } else if says(&["resource-based", "the policy of domain", "the policy of repository"]) {
        Some(Policy::Resource)
    } else if says(&[
        "service control policy",
        "resource control policy",
        "session policy",
        "permissions boundary",
        "VPC endpoint policy",
    ]) {
        Some(Policy::Boundary)
    } else {
        None
    };
    match policy {
        _ if says(&["root cannot have tokens"]) => DeniedBy::Root,
        Some(policy) if says(&["explicit deny", " denies it"]) => DeniedBy::Denies(policy),
        Some(Policy::Identity) => DeniedBy::IdentityLacks,
        Some(Policy::Resource) => DeniedBy::ResourceLacks,
        Some(Policy::Boundary) => DeniedBy::BoundaryLacks,
        None => match (user.and_then(account), resource.and_then(account)) {
            (Some(caller), Some(owner)) if caller == owner => DeniedBy::UnsaidWithinAccount,
            (Some(_), Some(_)) => DeniedBy::UnsaidAcrossAccounts,
            _ => DeniedBy::Unsaid,
        },
    }
}

/// `SERVICE:Operation`, and nothing a shell or a terminal would mind.
fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, operation)| {
        let plain = |part: &str| {
            !part.is_empty() && part.len() <= 64 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        plain(service) && plain(operation)
    })
}

/// The account in an ARN, its fifth part.
fn account(arn: &str) -> Option<&str> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

impl Denial<'_> {
    /// What to do about it, for `operation`.
    pub(super) fn hint(&self, operation: &str) -> String {
        let bearer = self.action == Some("sts:GetServiceBearerToken");
        let named = match self.action {
            Some(action) => format!("`{action}`"),
            None => format!("`codeartifact:{operation}`"),
        };
        let holder = if is_of_domain(self.action, operation) { "domain" } else { "repository" };
        match self.by {
            DeniedBy::Denies(policy) => {
                let place = match policy {
                    Policy::Identity => "a policy of this identity".to_owned(),
                    Policy::Resource => format!("the policy of the {holder}"),
                    Policy::Boundary => {
                        "a policy around this identity (organisation, session, boundary, VPC endpoint)".to_owned()
                    }
                };
                format!("find the statement with `Deny` for {named} in {place}: no `Allow` elsewhere outweighs it")
            }
            DeniedBy::Root => "ask as a user or a role: an account's root user cannot have tokens".to_owned(),
            _ if bearer => format!(
                "have {named} allowed in a policy of this identity (for `sts:AWSServiceName` \
                 `codeartifact.amazonaws.com`); no policy of the domain can grant it"
            ),
            DeniedBy::IdentityLacks => format!("have {named} allowed in a policy of this identity"),
            DeniedBy::ResourceLacks => format!("have {named} allowed for this identity in the policy of the {holder}"),
            DeniedBy::BoundaryLacks => format!(
                "have {named} allowed in the policies around this identity (organisation, session, boundary, VPC endpoint)"
            ),
            DeniedBy::UnsaidWithinAccount => format!(
                "most likely no policy of this identity allows {named}; the policy of the {holder} can allow it as well"
            ),
            DeniedBy::UnsaidAcrossAccounts => format!(
                "the {holder} is another account's: {named} has to be allowed in its policy, and in a policy of this \
                 identity"
            ),
            DeniedBy::Unsaid if operation == "GetAuthorizationToken" => {
                "have `codeartifact:GetAuthorizationToken` and `sts:GetServiceBearerToken` allowed in a policy of this \
                 identity; where the domain is another account's, the first in the policy of the domain too"
                    .to_owned()
            }
            DeniedBy::Unsaid => {
                format!("have {named} allowed in a policy of this identity, or in the policy of the {holder}")
            }
        }
    }
}

/// Whether the policy of the domain decides, and not the repository's (the service's permissions reference).
fn is_of_domain(action: Option<&str>, operation: &str) -> bool {
    let operation = action.and_then(|action| action.strip_prefix("codeartifact:")).unwrap_or(operation);
    matches!(
        operation,
        "CreateDomain"
            | "CreateRepository"
            | "DescribeDomain"
            | "GetAuthorizationToken"
            | "GetDomainPermissionsPolicy"
            | "ListRepositoriesInDomain"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform: \
                         codeartifact:GetAuthorizationToken on resource: \
                         arn:aws:codeartifact:us-east-1:111122223333:domain/my-org";

    fn by_of(rest: &str) -> DeniedBy {
        let message = format!("{START}{rest}");
        let denial = Denial::read(&message);
        assert_eq!(denial.action, Some("codeartifact:GetAuthorizationToken"));
        denial.by
    }

    #[test]
    fn the_policy_that_refused_is_told_by_the_words_of_both_services() {
        for (rest, by) in [
            (
                " because no identity-based policy allows the codeartifact:GetAuthorizationToken action",
                DeniedBy::IdentityLacks,
            ),
            (
                " because no resource-based policy allows the codeartifact:GetAuthorizationToken action",
                DeniedBy::ResourceLacks,
            ),
            (
                " because no service control policy allows the codeartifact:GetAuthorizationToken action",
                DeniedBy::BoundaryLacks,
            ),
            (" with an explicit deny in an identity-based policy", DeniedBy::Denies(Policy::Identity)),
            (" with an explicit deny in a resource-based policy", DeniedBy::Denies(Policy::Resource)),
            (" with an explicit deny in a permissions boundary", DeniedBy::Denies(Policy::Boundary)),
            (": the identity's policy does not allow it", DeniedBy::IdentityLacks),
            (": the policy of domain `my-org` has no statement that allows it", DeniedBy::ResourceLacks),
            (
                ": the policy of domain `my-org` is needed to allow it to another account, and there is none",
                DeniedBy::ResourceLacks,
            ),
            (": statement 1 of the policy of repository `team` denies it", DeniedBy::Denies(Policy::Resource)),
            (": statement 1 of the identity's policy denies it", DeniedBy::Denies(Policy::Identity)),
            (": an account's root cannot have tokens", DeniedBy::Root),
            ("", DeniedBy::UnsaidWithinAccount),
        ] {
            assert_eq!(by_of(rest), by, "{rest}");
        }
        let across = START.replace("us-east-1:111122223333", "us-east-1:444455556666");
        assert_eq!(Denial::read(&across).by, DeniedBy::UnsaidAcrossAccounts);
        assert_eq!(Denial::read("no"), Denial { action: None, by: DeniedBy::Unsaid });
    }

    #[test]
    fn the_next_step_names_permission_and_place() {
        let hint = |message: &str| Denial::read(message).hint("GetAuthorizationToken");
        let bearer = START.replace("codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken");
        assert!(hint(&bearer).starts_with("have `sts:GetServiceBearerToken` allowed in a policy of this identity"));
        assert_eq!(
            hint(&format!("{START} because no resource-based policy allows it")),
            "have `codeartifact:GetAuthorizationToken` allowed for this identity in the policy of the domain"
        );
        assert!(hint("no").contains("`sts:GetServiceBearerToken`"));
        let read = "User: x is not authorized to perform: codeartifact:ReadFromRepository on resource: y: the policy of \
                    repository `team` has no statement that allows it";
        assert_eq!(
            Denial::read(read).hint("CopyPackageVersions"),
            "have `codeartifact:ReadFromRepository` allowed for this identity in the policy of the repository"
        );
    }

    #[test]
    fn nothing_of_a_strangers_text_reaches_a_hint_but_an_action() {
        for action in ["$(touch x):a", "a:b;c", "a:`b`", "a", ":", "a:", "a:b:c", "\u{1b}[31m:a"] {
            let message = format!("User: x is not authorized to perform: {action} on resource: y");
            assert_eq!(Denial::read(&message).action, None, "{action}");
            assert!(!Denial::read(&message).hint("DescribeDomain").contains(action) || action.len() < 3, "{action}");
        }
    }
}
