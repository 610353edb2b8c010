//! Where a new token comes from.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::control_plane::{ControlPlane, ControlPlaneError, FailureKind, aws::AwsControlPlane};
use crate::host::Host;
use crate::profile::{AwsEnvironment, SignIn};
use crate::token::{AuthorizationToken, Freshness, TokenScope};

/// Something that issues tokens.
pub trait TokenSource: Send + Sync {
    /// A new token for `scope`.
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError>;

    /// Has the user see to what [`TokenSource::issue`] failed for, if there is a user and it is something that they can
    /// see to; whether it is worth asking again. `begun` is called when it is certain that somebody is asked, which may
    /// take [`LONGEST_MENDING`].
    fn mend(&self, _scope: &TokenScope, _error: &SourceError, _begun: &dyn Fn()) -> bool {
        false
    }
}

/// The longest that a person is waited for.
pub const LONGEST_MENDING: Duration = Duration::from_mins(5);

/// Asks whoever sits at a terminal to sign in.
pub trait OfferSignIn: Send + Sync {
    /// Whether anybody can be asked for this one.
    fn is_possible(&self, sign_in: &SignIn) -> bool;
    /// Asks, and runs the command; whether it succeeded. At most [`LONGEST_MENDING`].
    fn offer(&self, sign_in: &SignIn) -> bool;
}

/// No token could be issued.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The service, or the way to it.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
}

/// Tokens by `GetAuthorizationToken`, for 12 hours or as long as the service or an account rule gives them.
pub struct ControlPlaneSource<'a> {
    host: &'a Host,
    service: ForScope<'a>,
    /// Whose sign-ins are offered, and by whom.
    offer: Option<(&'a AwsEnvironment, &'a dyn OfferSignIn)>,
}

/// Gives whom to ask for a scope's token, and for how long.
type ForScope<'a> = Box<dyn Fn(&TokenScope) -> Result<Asked, ControlPlaneError> + Send + Sync + 'a>;

/// Whom to ask, and for how long.
struct Asked {
    control_plane: Box<dyn ControlPlane>,
    /// `durationSeconds`; `None` is the service's 12 hours.
    lifetime_seconds: Option<u32>,
}

impl<'a> ControlPlaneSource<'a> {
    /// Through the control plane that `control_plane` gives for a scope: its Region and override are the scope's.
    pub fn new(
        host: &'a Host,
        control_plane: impl Fn(&TokenScope) -> Box<dyn ControlPlane> + Send + Sync + 'a,
    ) -> Self {
        let service =
            move |scope: &TokenScope| Ok(Asked { control_plane: control_plane(scope), lifetime_seconds: None });
        Self { host, service: Box::new(service), offer: None }
    }

    /// Through the AWS SDK, in the Region of the scope and as its identity: that of the environment, or that of the
    /// account rule the scope was made by. Nothing is built before a token is asked for.
    pub fn aws(host: &'a Host, aws: &'a AwsEnvironment) -> Self {
        let service = move |scope: &TokenScope| {
            // No other identity may ask in its stead: the token would be kept under the wrong name.
            let aws = aws.of_identity(&scope.identity).ok_or_else(|| {
                failure(
                    scope,
                    FailureKind::NoIdentity,
                    "neither the environment nor an account rule leads to its identity",
                )
            })?;
            let lifetime = aws.rule.as_ref().and_then(|rule| rule.lifetime.as_ref());
            Ok(Asked {
                lifetime_seconds: lifetime.map(|lifetime| lifetime.value.duration_seconds()),
                control_plane: Box::new(AwsControlPlane::new(host, &aws).in_region(scope.region.clone())),
            })
        };
        Self { host, service: Box::new(service), offer: None }
    }
}

impl<'a> ControlPlaneSource<'a> {
    /// The same, offering a sign-in of `aws` that has ended.
    #[must_use]
    pub fn offering(self, aws: &'a AwsEnvironment, offer: &'a dyn OfferSignIn) -> Self {
        Self { offer: Some((aws, offer)), ..self }
    }
}

fn failure(scope: &TokenScope, kind: FailureKind, message: &str) -> ControlPlaneError {
    ControlPlaneError {
        operation: "GetAuthorizationToken",
        kind,
        resource: format!("domain {} of {}", scope.domain, scope.owner),
        status: None,
        request_id: None,
        message: message.to_owned(),
        source: None,
    }
}

impl TokenSource for ControlPlaneSource<'_> {
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError> {
        // The time before the call: a token is never thought younger than it is.
        let issued = self.host.now();
        let Asked { control_plane, lifetime_seconds } = (self.service)(scope)?;
        let answer = control_plane.get_authorization_token(&scope.domain, Some(&scope.owner), lifetime_seconds)?;
        let token = AuthorizationToken::new(answer.secret, issued, answer.expires);
        if token.freshness(self.host.now()) == Freshness::Expired {
            let message = "the token had ended when it came: is this machine's clock right?";
            return Err(failure(scope, FailureKind::Clock, message).into());
        }
        Ok(token)
    }

    fn mend(&self, scope: &TokenScope, error: &SourceError, begun: &dyn Fn()) -> bool {
        let SourceError::ControlPlane(error) = error;
        let Some((aws, offer)) = self.offer.filter(|_| error.kind == FailureKind::SignInEnded) else { return false };
        let sign_in = aws.of_identity(&scope.identity).and_then(|aws| aws.sign_in());
        sign_in.filter(|sign_in| offer.is_possible(sign_in)).is_some_and(|sign_in| {
            begun();
            offer.offer(&sign_in)
        })
    }
}

/// No source: for a program that only looks into the stores.
#[derive(Debug, Clone, Copy)]
pub struct NoSource;

impl TokenSource for NoSource {
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError> {
        Err(failure(scope, FailureKind::Unreachable, "this program has no way to the service").into())
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
pub fn environment_token(host: &Host, scope: &TokenScope) -> Option<AuthorizationToken> {
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
