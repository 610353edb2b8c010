//! Where a new token comes from.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::control_plane::{ControlPlane, ControlPlaneError, FailureKind, aws::AwsControlPlane};
use crate::host::Host;
use crate::profile::AwsEnvironment;
use crate::token::{AuthorizationToken, Freshness, TokenScope};

/// Something that issues tokens.
pub trait TokenSource: Send + Sync {
    /// A new token for `scope`.
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError>;
}

/// No token could be issued.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The service, or the way to it.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
}

/// Tokens by `GetAuthorizationToken`, for 12 hours or as long as the service gives them.
pub struct ControlPlaneSource<'a> {
    host: &'a Host,
    control_plane: ForScope<'a>,
}

/// Gives the control plane of a scope.
type ForScope<'a> = Box<dyn Fn(&TokenScope) -> Box<dyn ControlPlane> + Send + Sync + 'a>;

impl<'a> ControlPlaneSource<'a> {
    /// Through the control plane that `control_plane` gives for a scope: its Region and override are the scope's.
    pub fn new(
        host: &'a Host,
        control_plane: impl Fn(&TokenScope) -> Box<dyn ControlPlane> + Send + Sync + 'a,
    ) -> Self {
        Self { host, control_plane: Box::new(control_plane) }
    }

    /// Through the AWS SDK, in the Region of the scope. Nothing is built before a token is asked for.
    pub fn aws(host: &'a Host, aws: &'a AwsEnvironment) -> Self {
        Self::new(host, move |scope| Box::new(AwsControlPlane::new(host, aws).in_region(scope.region.clone())))
    }
}

impl TokenSource for ControlPlaneSource<'_> {
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError> {
        // The time before the call: a token is never thought younger than it is.
        let issued = self.host.now();
        let answer = (self.control_plane)(scope).get_authorization_token(&scope.domain, Some(&scope.owner), None)?;
        let token = AuthorizationToken::new(answer.secret, issued, answer.expires);
        if token.freshness(self.host.now()) == Freshness::Expired {
            return Err(SourceError::ControlPlane(ControlPlaneError {
                operation: "GetAuthorizationToken",
                kind: FailureKind::Service,
                resource: format!("domain {} of {}", scope.domain, scope.owner),
                status: None,
                request_id: None,
                message: "the token had ended when it came: is this machine's clock right?".to_owned(),
                source: None,
            }));
        }
        Ok(token)
    }
}

/// No source: for a program that only looks into the stores.
#[derive(Debug, Clone, Copy)]
pub struct NoSource;

impl TokenSource for NoSource {
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError> {
        Err(SourceError::ControlPlane(ControlPlaneError {
            operation: "GetAuthorizationToken",
            kind: FailureKind::Unreachable,
            resource: format!("domain {} of {}", scope.domain, scope.owner),
            status: None,
            request_id: None,
            message: "this program has no way to the service".to_owned(),
            source: None,
        }))
    }
}

/// The variable with a token that AWS's documentation has people export.
pub const TOKEN_VARIABLE: &str = "CODEARTIFACT_AUTH_TOKEN";

/// The variable that says whose token that is: `DOMAIN-OWNER`.
pub const TOKEN_FOR_VARIABLE: &str = "CODEARTIFACT_AUTH_TOKEN_FOR";

/// How long a client may take a token from the environment to hold: nobody says when it ends.
const ASSUMED_LIFE: Duration = Duration::from_mins(15);

/// The token in the environment, where it says whose it is.
///
/// `CODEARTIFACT_AUTH_TOKEN` alone is not taken: AWS's documentation has people export it for clients that read it
/// themselves, and a stale one, or one of another domain, would break every build in that shell. With
/// `CODEARTIFACT_AUTH_TOKEN_FOR=DOMAIN-OWNER` beside it, it goes before all stores, for that domain only, and is never
/// stored. The embedded service never gets it: it may be AWS's.
pub(crate) fn environment_token(host: &Host, scope: &TokenScope) -> Option<AuthorizationToken> {
    let secret = host.var(TOKEN_VARIABLE)?;
    let (domain, owner) = host.var(TOKEN_FOR_VARIABLE)?.rsplit_once('-')?;
    let is_ours = domain == scope.domain.as_str() && owner == scope.owner.as_str();
    let is_local = scope.service_override.as_ref().is_some_and(crate::endpoint::ServiceOverride::is_loopback);
    if !is_ours || is_local || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let now = host.now();
    Some(AuthorizationToken::new(Zeroizing::new(secret.to_owned()), now, now + ASSUMED_LIFE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Identity;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn scope(service_override: Option<&str>) -> TokenScope {
        TokenScope {
            identity: Identity::new("profile:default"),
            domain: "my-org".parse().unwrap(),
            owner: "111122223333".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            service_override: service_override
                .map(|address| crate::endpoint::ServiceOverride::parse(address.as_bytes()).unwrap()),
        }
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    #[test]
    fn a_token_of_the_environment_must_say_whose_it_is() {
        let token = |variables: &[(&str, &str)], address| {
            let host = Host::for_test(&[], variables, "/", now());
            environment_token(&host, &scope(address)).map(|token| (token.expose().to_owned(), token.expires()))
        };
        let secret = (TOKEN_VARIABLE, "eyJ-t");
        let ours = Some(("eyJ-t".to_owned(), now() + ASSUMED_LIFE));
        assert_eq!(token(&[secret], None), None);
        assert_eq!(token(&[secret, (TOKEN_FOR_VARIABLE, "my-org-111122223333")], None), ours);
        assert_eq!(
            token(&[secret, (TOKEN_FOR_VARIABLE, "my-org-111122223333")], Some("https://vpce.example.com")),
            ours
        );
        assert_eq!(token(&[secret, (TOKEN_FOR_VARIABLE, "my-org-111122223333")], Some("http://127.0.0.1:4600")), None);
        for other in ["my-org", "org-111122223333", "my-org-111122223334", "my-org-111122223333-", "111122223333", "-"]
        {
            assert_eq!(token(&[secret, (TOKEN_FOR_VARIABLE, other)], None), None, "{other}");
        }
        assert_eq!(token(&[(TOKEN_VARIABLE, "a\nb"), (TOKEN_FOR_VARIABLE, "my-org-111122223333")], None), None);
    }

    #[test]
    fn no_source_says_so() {
        let error = NoSource.issue(&scope(None)).unwrap_err().to_string();
        assert_eq!(
            error,
            "GetAuthorizationToken on domain my-org of 111122223333 failed: this program has no way to the service"
        );
    }
}
