//! The SDK's errors in our words.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_codeartifact::{
    Error as Typed,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
    types::ResourceType,
};

use super::super::{ControlPlaneError, FailureKind, one_line};
use crate::endpoint::ServiceOverride;
use crate::profile::AwsEnvironment;

/// The call that is made, for what is said of its failure.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) operation: &'static str,
    pub(super) resource: &'a str,
    /// Who asks.
    pub(super) caller: &'a Caller,
}

/// Who asks, as far as the settings say.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The profile in force.
    pub(super) profile: String,
    /// The command that renews the sign-in, where there is one.
    sign_in: Option<String>,
    /// Whether the settings name any source of credentials.
    has_source: bool,
    /// The service's address, where the settings name another than AWS's own.
    service: Option<ServiceOverride>,
}

impl Caller {
    pub(super) fn new(aws: &AwsEnvironment) -> Self {
        let sign_in = aws.sign_in().map(|sign_in| sign_in.command());
        let has_source = aws.identity.as_str() != "default";
        let service = aws.service_override.clone();
        Self { profile: aws.profile.clone(), sign_in, has_source, service }
    }
}

/// A failure and, where something is missing, what the service says it is.
pub(super) struct Failure {
    pub(super) error: ControlPlaneError,
    missing: Option<ResourceType>,
}

impl Failure {
    /// Whether what is missing is a package or a version of it: not a fault, where one looks for it.
    pub(super) fn is_absent_version(&self) -> bool {
        matches!(self.missing, Some(ResourceType::Package | ResourceType::PackageVersion))
    }
}

impl From<Failure> for ControlPlaneError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// Codes by which AWS says that it does not know who is asking (the API references' common errors). The service's own
/// `AccessDeniedException` says that it knows and refuses.
const IDENTITY_CODES: [&str; 8] = [
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Codes by which AWS says that temporary credentials have ended.
const EXPIRED_CODES: [&str; 2] = ["ExpiredToken", "ExpiredTokenException"];

/// Codes by which AWS says that the time of a signature is not its own.
const CLOCK_CODES: [&str; 4] =
    ["RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed", "RequestTimeTooSkewedException"];

/// The kind of failure to identify the caller; `None` where it is another.
fn identity_failure(code: &str, message: &str) -> Option<FailureKind> {
    // `Signature expired: 20261122T120000Z is now earlier than ...`, `Signature not yet current: ... is still later than
    // ...`: the code is that of a wrong signature.
    let is_of_time = || message.starts_with("Signature expired") || message.starts_with("Signature not yet current");
    if EXPIRED_CODES.contains(&code) {
        Some(FailureKind::Expired)
    } else if CLOCK_CODES.contains(&code) {
        Some(FailureKind::Clock)
    } else if IDENTITY_CODES.contains(&code) {
        Some(if is_of_time() { FailureKind::Clock } else { FailureKind::NoIdentity })
    } else {
        None
    }
}

impl Call<'_> {
    /// A failure without an answer.
    pub(super) fn failure(&self, kind: FailureKind, message: impl Into<String>) -> ControlPlaneError {
        ControlPlaneError {
            operation: self.operation,
            kind,
            resource: self.resource.to_owned(),
            status: None,
            request_id: None,
            message: message.into(),
            source: None,
        }
    }

    /// What the SDK says of a call, in our words.
    pub(super) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + RequestId + StdError + Send + Sync + Into<Typed> + 'static,
    {
        if let Some(identity) = find::<CredentialsError>(&error) {
            let message = no_identity(identity, self.caller);
            let kind = if self.caller.sign_in.is_some() { FailureKind::SignInEnded } else { FailureKind::NoIdentity };
            let error = self.failure(kind, message).with_source(attempts(identity));
            return Failure { error, missing: None };
        }
        let status = error.raw_response().map(|response| response.status().as_u16());
        let error = match error {
            SdkError::ServiceError(answer) => return self.answered(answer.raw().status().as_u16(), answer.into_err()),
            SdkError::TimeoutError(_) => {
                self.failure(FailureKind::Unreachable, "the service did not answer in time").caused_by(error)
            }
            SdkError::DispatchFailure(ref failure) if failure.is_timeout() => {
                self.failure(FailureKind::Unreachable, "the service did not answer in time").caused_by(error)
            }
            SdkError::DispatchFailure(_) => {
                let place = self.caller.service.as_ref().map(|service| format!(" at {service}")).unwrap_or_default();
                let message = format!("the service could not be reached{place}");
                self.failure(FailureKind::Unreachable, message).caused_by(error)
            }
            // The SDK's word for an answer that could not be read to its end; one that can be read and means nothing
            // is a service error without a code.
            SdkError::ResponseError(_) => {
                self.failure(FailureKind::Unreachable, "the answer broke off").caused_by(error)
            }
            _ => self.failure(FailureKind::Invalid, "the request cannot be made").caused_by(error),
        };
        Failure { error: ControlPlaneError { status, ..error }, missing: None }
    }

    fn answered<E>(&self, status: u16, error: E) -> Failure
    where
        E: ProvideErrorMetadata + RequestId + Into<Typed>,
    {
        let code = error.code().map(one_line);
        let message = error.message().map(one_line);
        let request_id = error.request_id().map(one_line);
        let mut missing = None;
        let error: Typed = error.into();
        let kind = match &error {
            Typed::AccessDeniedException(_) => FailureKind::Denied,
            Typed::ConflictException(_) => FailureKind::Conflict,
            Typed::InternalServerException(_) => FailureKind::Service,
            Typed::ResourceNotFoundException(inner) => {
                missing = inner.resource_type().cloned();
                FailureKind::NotFound
            }
            Typed::ServiceQuotaExceededException(_) => FailureKind::Quota,
            Typed::ThrottlingException(_) => FailureKind::Throttled,
            Typed::ValidationException(_) => FailureKind::Invalid,
            _ => match code.as_deref() {
                Some(code) if identity_failure(code, message.as_deref().unwrap_or_default()).is_some() => {
                    identity_failure(code, message.as_deref().unwrap_or_default()).unwrap_or(FailureKind::NoIdentity)
                }
                Some("AccessDenied") => FailureKind::Denied,
                Some("Throttling" | "TooManyRequestsException" | "RequestLimitExceeded") => FailureKind::Throttled,
                // A status without the service's error: a proxy, a portal or a load balancer between.
                None if status < 500 && status != 429 => FailureKind::Unreachable,
                _ => by_status(status),
            },
        };
        let is_foreign = code.is_none();
        let is_of_identity = matches!(kind, FailureKind::NoIdentity | FailureKind::Expired | FailureKind::Clock);
        let message = match (code, message) {
            (_, Some(message)) if !message.is_empty() && !is_of_identity => message,
            (Some(code), message) if is_of_identity => {
                let said = message.filter(|message| !message.is_empty()).unwrap_or(code);
                let whose = named(&self.caller.profile);
                match kind {
                    FailureKind::Expired => format!("the AWS credentials of {whose} have expired: {said}"),
                    FailureKind::Clock => format!("AWS does not accept the time of this machine's clock: {said}"),
                    _ => format!("AWS does not accept the credentials of {whose}: {said}"),
                }
            }
            (Some(code), _) => code,
            (None, _) if (300..400).contains(&status) => "the answer is a redirect, which is not followed".to_owned(),
            (None, _) => "the answer is not the service's: is there a proxy or a portal in between?".to_owned(),
        };
        // The typed errors say nothing that is not said by now; the SDK's trouble with a foreign answer does.
        let source = is_foreign.then(|| error.into());
        let error = ControlPlaneError { status: Some(status), request_id, source, ..self.failure(kind, message) };
        Failure { error, missing }
    }
}

impl ControlPlaneError {
    fn with_source(self, source: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source, ..self }
    }

    /// The SDK's cause, without its own first line, which says what `message` says.
    fn caused_by<E: StdError + Send + Sync + 'static>(self, error: SdkError<E, HttpResponse>) -> Self {
        self.with_source(error.into_source().ok())
    }
}

fn by_status(status: u16) -> FailureKind {
    match status {
        401 => FailureKind::NoIdentity,
        402 => FailureKind::Quota,
        403 => FailureKind::Denied,
        404 => FailureKind::NotFound,
        409 => FailureKind::Conflict,
        429 => FailureKind::Throttled,
        400..500 => FailureKind::Invalid,
        _ => FailureKind::Service,
    }
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

fn named(profile: &str) -> String {
    format!("profile `{}`", one_line(profile))
}

/// What the chain of identities tried, in one line: the SDK's own text has several, and its outer errors say nothing.
fn attempts(error: &CredentialsError) -> Option<Box<dyn StdError + Send + Sync>> {
    let texts: Vec<String> = std::iter::successors(error.source(), |&error| error.source())
        .map(|error| {
            let text = error.to_string();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            one_line(&lines.join("; ").replace(":; ", ": "))
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(": ").into())
}

/// Why there is no identity, and the command that gives one.
fn no_identity(error: &CredentialsError, who: &Caller) -> String {
    let profile = one_line(&who.profile);
    match (&who.sign_in, error) {
        (Some(command), _) => {
            format!("the sign-in of profile `{profile}` has ended or was not made; renew it: {command}")
        }
        (None, CredentialsError::InvalidConfiguration(_)) => {
            format!("the AWS settings of profile `{profile}` cannot be used")
        }
        (None, CredentialsError::ProviderTimedOut(_)) => {
            format!("profile `{profile}` gave no AWS credentials in time")
        }
        (None, _) if !who.has_source => {
            format!(
                "there are no AWS credentials (looked in the environment, profile `{profile}`, web identity, container \
                 and instance)"
            )
        }
        (None, _) => format!("profile `{profile}` gave no AWS credentials"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_ended_and_of_another_time_are_told_apart() {
        let early = "Signature not yet current: 20261123T020000Z is still later than 20261123T010500Z";
        let late = "Signature expired: 20261122T120000Z is now earlier than 20261122T235500Z";
        for (code, message, kind) in [
            (
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
                FailureKind::NoIdentity,
            ),
            ("SignatureDoesNotMatch", "The request signature we calculated does not match", FailureKind::NoIdentity),
            ("ExpiredTokenException", "The security token included in the request is expired", FailureKind::Expired),
            ("ExpiredToken", "", FailureKind::Expired),
            ("RequestExpired", "", FailureKind::Clock),
            ("SignatureDoesNotMatch", late, FailureKind::Clock),
            ("InvalidSignatureException", late, FailureKind::Clock),
            ("InvalidSignatureException", early, FailureKind::Clock),
        ] {
            assert_eq!(identity_failure(code, message), Some(kind), "{code}: {message}");
        }
        assert_eq!(identity_failure("AccessDeniedException", late), None);
    }
}
