//! Failures as the user meets them: a kind (and with it the exit code), causes and hints. The conversions from the
//! libraries' errors are here and nowhere else: they choose kind and hint.

use std::fmt;

use codeartifact::{
    AuthorizeError, ControlPlaneError, EndpointError, SourceError, StoreError, control_plane::FailureKind,
    profile::ProfileError, settings::SettingsError, token::ScopeError,
};
use local_service::StartError;
use serde_json::json;

use crate::configure::ConfigureError;
use crate::proxy::InstanceError;
use crate::publish::{FailureClass, PublishError};
use crate::quickstart::QuickstartError;

/// Who can do something about a failure. Each kind has its exit code, a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request is not possible: a conflict, a faulty file, a missing confirmation.
    User,
    /// The command line is not right.
    Usage,
    /// No AWS identity, or an expired one.
    Identity,
    /// A policy says no.
    Denied,
    /// The service, or the way to it.
    Service,
    /// What was looked at is not as it should be.
    Findings,
    /// A defect of this program.
    Internal,
    /// A program that was to be started is there and cannot be run.
    NotRun,
    /// A program that was to be started is not there.
    NoProgram,
}

/// Exit code: done.
pub(crate) const DONE: u8 = 0;
/// Exit code: the request is not possible.
pub(crate) const NOT_POSSIBLE: u8 = 1;
/// Exit code: the command line is not right.
pub(crate) const USAGE: u8 = 2;
/// Exit code: no AWS identity, or an expired one.
pub(crate) const NO_IDENTITY: u8 = 3;
/// Exit code: a policy says no.
pub(crate) const DENIED: u8 = 4;
/// Exit code: the service failed or could not be reached.
pub(crate) const SERVICE: u8 = 5;
/// Exit code: there are differences or findings.
pub(crate) const FINDINGS: u8 = 6;
/// Exit code: a defect of this program (what a panic ends with).
pub(crate) const DEFECT: u8 = 101;

/// Exit code of `exec`, as shells have it: the program cannot be run.
pub(crate) const NOT_RUN: u8 = 126;
/// Exit code of `exec`, as shells have it: the program is not there.
pub(crate) const NO_PROGRAM: u8 = 127;

impl Kind {
    /// The exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Kind::User => NOT_POSSIBLE,
            Kind::Usage => USAGE,
            Kind::Identity => NO_IDENTITY,
            Kind::Denied => DENIED,
            Kind::Service => SERVICE,
            Kind::Findings => FINDINGS,
            Kind::Internal => DEFECT,
            Kind::NotRun => NOT_RUN,
            Kind::NoProgram => NO_PROGRAM,
        }
    }

    /// The word for it in JSON.
    const fn word(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Usage => "usage",
            Kind::Identity => "identity",
            Kind::Denied => "denied",
            Kind::Service => "service",
            Kind::Findings => "findings",
            Kind::Internal => "internal",
            Kind::NotRun => "not-run",
            Kind::NoProgram => "no-program",
        }
    }
}

/// Why a command failed: what kind of failure, the error and its causes, and what to do next.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    source: anyhow::Error,
    hints: Vec<String>,
}

impl CommandError {
    /// A failure of a kind. Prefer the conversions below where a library's error is at hand.
    pub(crate) fn new(kind: Kind, source: impl Into<anyhow::Error>) -> Self {
        Self { kind, source: source.into(), hints: Vec::new() }
    }

    /// The request is not possible.
    pub(crate) fn user(source: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::User, source)
    }

    /// The command line is not right.
    pub(crate) fn usage(source: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::Usage, source)
    }

    /// A defect of this program.
    pub(crate) fn internal(source: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::Internal, source)
    }

    /// The same with a next step. Names that come from a repository or a service pass through [`inert`] first: a hint
    /// is something people paste into a shell.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with next steps, where there are any.
    #[must_use]
    fn hints_of<T: Into<String>>(mut self, hints: impl IntoIterator<Item = T>) -> Self {
        self.hints.extend(hints.into_iter().map(Into::into));
        self
    }

    /// The same as the cause of a broader failure.
    #[must_use]
    pub(crate) fn context(mut self, text: impl fmt::Display + Send + Sync + 'static) -> Self {
        self.source = self.source.context(text);
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.kind.code()
    }

    /// The next steps.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The error and its causes, outermost first; a cause that only repeats the line before it is left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for cause in self.source.chain() {
            let line = cause.to_string();
            if lines.last().is_none_or(|last| !last.ends_with(&line)) {
                lines.push(line);
            }
        }
        lines
    }

    /// The failure as one JSON value.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut lines = self.lines();
        let causes = lines.split_off(1);
        json!({ "error": {
            "kind": self.kind.word(),
            "code": self.code(),
            "message": lines.pop(),
            "causes": causes,
            "hints": self.hints,
        }})
    }
}

/// A name as it may stand in a hint: itself where a shell reads it as one plain word, else the placeholder.
pub(crate) fn inert<'a>(name: &'a str, placeholder: &'a str) -> &'a str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@+".contains(&byte);
    let is_word = !name.is_empty() && name.len() <= 256 && !name.starts_with('-') && name.bytes().all(plain);
    if is_word { name } else { placeholder }
}

impl From<ControlPlaneError> for CommandError {
    fn from(error: ControlPlaneError) -> Self {
        let kind = match error.kind {
            FailureKind::NoIdentity | FailureKind::SignInEnded | FailureKind::Expired | FailureKind::Clock => {
                Kind::Identity
            }
            FailureKind::Denied => Kind::Denied,
            FailureKind::NotFound | FailureKind::Conflict | FailureKind::Invalid | FailureKind::Quota => Kind::User,
            FailureKind::Throttled | FailureKind::Unreachable | FailureKind::Service => Kind::Service,
        };
        let hint = error.hint();
        Self::new(kind, error).hint(hint)
    }
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::ControlPlane(error) => error.into(),
        }
    }
}

impl From<AuthorizeError> for CommandError {
    fn from(error: AuthorizeError) -> Self {
        let hint = error.hint();
        let kind = match error {
            AuthorizeError::Source(error) => return error.into(),
            AuthorizeError::Scope(error) => return error.into(),
            AuthorizeError::Lock(_) => Kind::User,
            AuthorizeError::Busy { .. } => Kind::Service,
        };
        Self::new(kind, error).hints_of(hint)
    }
}

impl From<ConfigureError> for CommandError {
    fn from(error: ConfigureError) -> Self {
        let hint = error.hint();
        Self::user(error).hints_of(hint)
    }
}

impl From<PublishError> for CommandError {
    fn from(error: PublishError) -> Self {
        let hints = error.hints();
        let kind = match error {
            PublishError::ControlPlane(error) => return error.into(),
            PublishError::Authorize(error) => return error.into(),
            PublishError::Endpoint(error) => return error.into(),
            ref error => match error.class() {
                FailureClass::User => Kind::User,
                FailureClass::Identity => Kind::Identity,
                FailureClass::Denied => Kind::Denied,
                FailureClass::Service => Kind::Service,
                FailureClass::Internal => Kind::Internal,
            },
        };
        Self::new(kind, error).hints_of(hints)
    }
}

impl From<QuickstartError> for CommandError {
    fn from(error: QuickstartError) -> Self {
        let hints = error.hints();
        let kind = match error {
            QuickstartError::ServiceRefused { .. }
            | QuickstartError::ServiceUnreachable { .. }
            | QuickstartError::NoService { .. } => Kind::Service,
            QuickstartError::NoProgram | QuickstartError::Signals { .. } | QuickstartError::OtherOutput { .. } => {
                Kind::Internal
            }
            QuickstartError::Interrupted
            | QuickstartError::NotStarted { .. }
            | QuickstartError::CommandFailed { .. }
            | QuickstartError::NoHelper { .. }
            | QuickstartError::TokensLeft { .. }
            | QuickstartError::File { .. } => Kind::User,
        };
        Self::new(kind, error).hints_of(hints)
    }
}

impl From<InstanceError> for CommandError {
    fn from(error: InstanceError) -> Self {
        let hint = match &error {
            InstanceError::NoFolder => Some("set HOME".to_owned()),
            InstanceError::Folder(error) => Some(error.hint()),
            InstanceError::Listen { .. } => {
                Some("another program has it: take another port with `--listen`".to_owned())
            }
            InstanceError::Runs { .. } | InstanceError::Elsewhere { .. } => {
                Some("stop it first: `cargo codeartifact proxy --stop`".to_owned())
            }
            InstanceError::Stays { .. } => Some("wait for what it serves, and say it again".to_owned()),
            InstanceError::NotStarted { .. } => Some("see why: `cargo codeartifact proxy`".to_owned()),
            InstanceError::System { .. } | InstanceError::Mute { .. } => None,
        };
        Self::user(error).hints_of(hint)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let hint = error.hint();
        Self::user(error).hint(hint)
    }
}

impl From<EndpointError> for CommandError {
    fn from(error: EndpointError) -> Self {
        let next = match error {
            EndpointError::Invalid { .. } => "compare with what `aws codeartifact get-repository-endpoint` answers",
            EndpointError::OtherService { .. } => {
                "set or unset `AWS_ENDPOINT_URL_CODEARTIFACT`, which decides between them"
            }
        };
        Self::user(error).hint(next)
    }
}

impl From<ProfileError> for CommandError {
    fn from(error: ProfileError) -> Self {
        Self::user(error)
    }
}

impl From<crate::project::ProjectError> for CommandError {
    fn from(error: crate::project::ProjectError) -> Self {
        let hint = error.hint();
        Self::user(error).hints_of(hint)
    }
}

impl From<crate::promote::SpecError> for CommandError {
    fn from(error: crate::promote::SpecError) -> Self {
        Self::usage(error).hint(
            "a version is `FORMAT:[NAMESPACE/]NAME@VERSION`, such as `cargo:anvil@1.2.0`, `npm:@scope/name@1.0.0` or \
             `maven:com.example/app@2.1`",
        )
    }
}

impl From<crate::trust::UserFileError> for CommandError {
    fn from(error: crate::trust::UserFileError) -> Self {
        Self::user(error)
    }
}

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        Self::user(error)
    }
}

impl From<ScopeError> for CommandError {
    fn from(error: ScopeError) -> Self {
        let hint = match &error {
            ScopeError::Account { .. } => ScopeError::ACCOUNT_HINT,
            ScopeError::NoRegion { .. } => "give `--region REGION`, or set `AWS_REGION`",
            ScopeError::OtherOverride { .. } => "give the URL of a repository of the service in force",
        };
        Self::user(error).hint(hint)
    }
}

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        let hint = match &error {
            StartError::Listen { .. } => Some("take a free port: `--listen 127.0.0.1:0`"),
            StartError::InUse { .. } => Some("stop the other one, or name another folder with `--data`"),
            StartError::NotOurs { .. } => Some("name a new or an empty folder with `--data`"),
            StartError::Schema { .. } => Some("use the version that wrote it, or name a new folder with `--data`"),
            StartError::Damaged { .. } | StartError::Key { .. } => {
                Some("restore the folder from a copy, or name a new one with `--data`")
            }
            StartError::Audit { .. } => Some("name another file with `--audit`, or `--audit off`"),
            StartError::Tls(_) => Some("name another folder with `--tls`, and let clients trust its `ca.pem`"),
            StartError::NotLoopback { .. }
            | StartError::Folder { .. }
            | StartError::Faults(_)
            | StartError::Thread(_) => None,
        };
        Self::user(error).hints_of(hint)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn failed(kind: FailureKind) -> ControlPlaneError {
        ControlPlaneError {
            operation: "GetAuthorizationToken",
            kind,
            resource: "domain my-org of 111122223333".into(),
            status: Some(503),
            request_id: Some("r-1".into()),
            message: "no".into(),
            source: Some("connection reset".into()),
        }
    }

    #[test]
    fn every_failure_of_the_service_has_its_exit_code() {
        for (kind, code) in [
            (FailureKind::NoIdentity, 3),
            (FailureKind::Denied, 4),
            (FailureKind::NotFound, 1),
            (FailureKind::Conflict, 1),
            (FailureKind::Invalid, 1),
            (FailureKind::Quota, 1),
            (FailureKind::Throttled, 5),
            (FailureKind::Unreachable, 5),
            (FailureKind::Service, 5),
        ] {
            let error = CommandError::from(failed(kind));
            assert_eq!(error.code(), code, "{kind:?}");
        }
        assert_eq!((Kind::User.code(), Kind::Usage.code(), Kind::Internal.code(), DONE), (1, 2, 101, 0));
    }

    #[test]
    fn a_denial_names_operation_resource_and_permission() {
        let lines = CommandError::from(failed(FailureKind::Denied)).lines();
        for part in [
            "GetAuthorizationToken",
            "domain my-org of 111122223333",
            "status 503, request id r-1",
            "codeartifact:GetAuthorizationToken",
            "sts:GetServiceBearerToken",
        ] {
            assert!(lines[0].contains(part), "{part} in {lines:?}");
        }
        assert_eq!(lines[1], "connection reset");
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        let error = CommandError::user(anyhow!("b").context("a: b").context("c"));
        assert_eq!(error.lines(), ["c", "a: b"]);
    }

    #[test]
    fn a_name_stands_in_a_hint_only_if_a_shell_reads_one_plain_word() {
        for name in ["my-repo", "npm:@scope/name@1.0.0", "a.b_c+d", "cargo:anvil@1.0.0+build"] {
            assert_eq!(inert(name, "NAME"), name);
        }
        for name in ["", "-rf", "a b", "$(x)", "a;b", "`x`", "a'b", "a\nb", "é", "~", "a*", "!x", &"a".repeat(257)] {
            assert_eq!(inert(name, "NAME"), "NAME");
        }
    }
}
