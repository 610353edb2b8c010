//! Who calls, and which statements of a resource policy mean them.

use std::{fmt, sync::Arc};

use codeartifact::AccountId;

use super::Document;

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) arn: PrincipalArn,
    /// The organization that its account is in.
    pub(crate) organization: Option<String>,
    /// What it may do by itself. Without one it may do everything that its account may.
    pub(crate) policy: Option<Arc<Document>>,
    /// Nobody said who this is: it is the account's root, and may fetch tokens all the same.
    pub(crate) assumed: bool,
}

/// The ARN of a root, a user, a role, or a session of a role or of a federated user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PrincipalArn {
    text: String,
    account: AccountId,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Root,
    User,
    /// The name without its path.
    Role(String),
    /// The role of the session.
    AssumedRole(String),
    FederatedUser,
}

/// Why a text names nobody who can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrincipalError {
    #[error("IAM groups cannot be principals: name the roles or users that are in it")]
    Group,
    #[error("wildcards are allowed in place of a whole principal only")]
    Wildcard,
    #[error(
        "it is not the ARN of an account's root, a user, a role, a role's session (`assumed-role/ROLE/SESSION`) or a \
         federated user"
    )]
    Form,
}

/// A principal as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Everyone,
    Account(AccountId),
    Arn(PrincipalArn),
    /// A service of AWS: none of them calls here.
    Service,
}

/// How a policy means a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meant {
    Not,
    /// As one of its account, which leaves it to the identity's own policy within the account.
    ByAccount,
    Itself,
}

impl PrincipalArn {
    pub(crate) fn parse(text: &str) -> Result<Self, PrincipalError> {
        if text.contains(['*', '?']) {
            return Err(PrincipalError::Wildcard);
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", "aws" | "aws-cn" | "aws-us-gov", service @ ("iam" | "sts"), "", account, resource] =
            parts.as_slice()
        else {
            return Err(PrincipalError::Form);
        };
        let account = account.parse().map_err(|_| PrincipalError::Form)?;
        if *service == "iam" && resource.starts_with("group/") {
            return Err(PrincipalError::Group);
        }
        let segments: Vec<&str> = resource.split('/').collect();
        let allowed = |character: char| character.is_ascii_alphanumeric() || "+=,.@_-".contains(character);
        if segments.iter().any(|segment| segment.is_empty() || !segment.chars().all(allowed)) {
            return Err(PrincipalError::Form);
        }
        let kind = match (*service, segments.as_slice()) {
            ("iam", ["root"]) => Kind::Root,
            ("iam", ["user", _, ..]) => Kind::User,
            ("iam", ["role", .., role]) => Kind::Role((*role).to_owned()),
            ("sts", ["assumed-role", role, _]) => Kind::AssumedRole((*role).to_owned()),
            ("sts", ["federated-user", _]) => Kind::FederatedUser,
            _ => return Err(PrincipalError::Form),
        };
        Ok(Self { text: text.to_owned(), account, kind })
    }

    /// The root of an account.
    pub(crate) fn root(account: &AccountId) -> Self {
        Self { text: format!("arn:aws:iam::{account}:root"), account: account.clone(), kind: Kind::Root }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn account(&self) -> &AccountId {
        &self.account
    }

    /// The word for it in audit trails.
    pub(crate) const fn identity_type(&self) -> &'static str {
        match self.kind {
            Kind::Root => "Root",
            Kind::User => "IAMUser",
            Kind::Role(_) => "Role",
            Kind::AssumedRole(_) => "AssumedRole",
            Kind::FederatedUser => "FederatedUser",
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.kind == Kind::Root
    }

    /// What `aws:PrincipalArn` holds: the role in place of its session. A session does not say its role's path.
    pub(crate) fn condition_value(&self) -> String {
        match &self.kind {
            Kind::AssumedRole(role) => {
                let partition = self.text.split(':').nth(1).unwrap_or("aws");
                format!("arn:{partition}:iam::{}:role/{role}", self.account)
            }
            _ => self.text.clone(),
        }
    }
}

impl fmt::Display for PrincipalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Principal {
    /// The root of an account, of which nothing else is known.
    pub(crate) fn of_account(account: &AccountId) -> Self {
        Self { arn: PrincipalArn::root(account), organization: None, policy: None, assumed: true }
    }
}

impl Named {
    /// A value of `Principal.AWS`.
    pub(super) fn parse(text: &str) -> Result<Self, PrincipalError> {
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if let Ok(account) = text.parse::<AccountId>() {
            return Ok(Self::Account(account));
        }
        let arn = PrincipalArn::parse(text)?;
        Ok(if arn.is_root() { Self::Account(arn.account) } else { Self::Arn(arn) })
    }

    pub(super) fn means(&self, principal: &PrincipalArn) -> Meant {
        match self {
            Self::Everyone => Meant::Itself,
            Self::Service => Meant::Not,
            Self::Account(account) if *account != principal.account => Meant::Not,
            Self::Account(_) if principal.is_root() => Meant::Itself,
            Self::Account(_) => Meant::ByAccount,
            Self::Arn(named) if named == principal => Meant::Itself,
            // A role means its sessions.
            Self::Arn(named) => match (&named.kind, &principal.kind) {
                (Kind::Role(role), Kind::AssumedRole(session_of))
                    if role == session_of && named.account == principal.account =>
                {
                    Meant::Itself
                }
                _ => Meant::Not,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_roots_users_roles_and_sessions() {
        for good in [
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/ana",
            "arn:aws:iam::111122223333:user/teams/blue/ana@acme",
            "arn:aws:iam::111122223333:role/publisher",
            "arn:aws:iam::111122223333:role/service-role/publisher",
            "arn:aws:sts::111122223333:assumed-role/publisher/build-7",
            "arn:aws:sts::111122223333:federated-user/ana",
            "arn:aws-cn:iam::111122223333:user/ana",
        ] {
            assert_eq!(PrincipalArn::parse(good).unwrap().as_str(), good);
        }
        for (bad, error) in [
            ("arn:aws:iam::111122223333:group/package-publishers", PrincipalError::Group),
            ("arn:aws:iam::111122223333:role/*", PrincipalError::Wildcard),
            ("arn:aws:iam::*:root", PrincipalError::Wildcard),
            ("", PrincipalError::Form),
            ("ana", PrincipalError::Form),
            ("arn:aws:iam::1111:root", PrincipalError::Form),
            ("arn:aws:iam::111122223333:roots", PrincipalError::Form),
            ("arn:aws:iam::111122223333:root/x", PrincipalError::Form),
            ("arn:aws:iam::111122223333:user/", PrincipalError::Form),
            ("arn:aws:iam::111122223333:user/a b", PrincipalError::Form),
            ("arn:aws:sts::111122223333:assumed-role/publisher", PrincipalError::Form),
            ("arn:aws:s3:::bucket", PrincipalError::Form),
            ("arn:other:iam::111122223333:root", PrincipalError::Form),
        ] {
            assert_eq!(PrincipalArn::parse(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn every_form_means_whom_it_should() {
        let user = "arn:aws:iam::444455556666:user/ana";
        let role = "arn:aws:iam::444455556666:role/ci/publisher";
        let session = "arn:aws:sts::444455556666:assumed-role/publisher/build-7";
        let root = "arn:aws:iam::444455556666:root";
        for (named, principal, expected) in [
            ("*", user, Meant::Itself),
            ("444455556666", user, Meant::ByAccount),
            ("444455556666", root, Meant::Itself),
            (root, user, Meant::ByAccount),
            (root, root, Meant::Itself),
            ("111122223333", user, Meant::Not),
            ("arn:aws:iam::111122223333:root", root, Meant::Not),
            (user, user, Meant::Itself),
            ("arn:aws:iam::444455556666:user/bob", user, Meant::Not),
            ("arn:aws:iam::111122223333:user/ana", user, Meant::Not),
            (role, role, Meant::Itself),
            (role, session, Meant::Itself),
            (session, session, Meant::Itself),
            (session, role, Meant::Not),
            ("arn:aws:sts::444455556666:assumed-role/publisher/build-8", session, Meant::Not),
            ("arn:aws:iam::444455556666:role/reader", session, Meant::Not),
            ("arn:aws:iam::111122223333:role/publisher", session, Meant::Not),
            ("arn:aws:iam::444455556666:user/publisher", session, Meant::Not),
        ] {
            let means = Named::parse(named).unwrap().means(&PrincipalArn::parse(principal).unwrap());
            assert_eq!(means, expected, "{named} and {principal}");
        }
        assert_eq!(Named::Service.means(&PrincipalArn::parse(user).unwrap()), Meant::Not);
    }
}
