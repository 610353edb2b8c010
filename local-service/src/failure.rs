//! Why the service refuses or fails, in the words of its API model: status, type, resource, reason.

use std::{fmt, time::Duration};

use hyper::StatusCode;

/// A refused or failed operation. Its `Display` is the `message` member of the answer.
///
/// The variants are the exceptions of the API model; which condition gives which one follows the model where it
/// says so, and is this service's choice where it does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// 403.
    #[error("{message}")]
    AccessDenied { message: String },
    /// 409: it exists, or is not in the state that the request needs.
    #[error("{message}")]
    Conflict { resource: Resource, message: String },
    /// 404.
    #[error("{resource} does not exist")]
    NotFound { resource: Resource },
    /// 402: a structural quota is used up.
    #[error("{message}")]
    Quota { resource: Resource, message: String },
    /// 400: the request breaks a rule.
    #[error("{message}")]
    Validation { reason: Reason, message: String },
    /// 507: the disk is full. Everything stored before is still served.
    #[error("the disk that holds the data folder is full; nothing of this request was stored")]
    StorageFull,
    /// 500.
    #[error("{message}")]
    Internal { message: String },
    /// Scripted by a fault rule.
    #[error("{message}")]
    Scripted { status: StatusCode, kind: String, retry_after: Option<Duration>, message: String },
}

/// What a failure is about: the API's `resourceType` and `resourceId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: ResourceKind,
    pub(crate) id: String,
}

/// What a failure can be about: the API's `resourceType` enumeration, and package groups, for which it has no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    Domain,
    Repository,
    Package,
    PackageVersion,
    Asset,
    PackageGroup,
}

/// The API's `reason` of a validation failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    CannotParse,
    EncryptionKeyError,
    FieldValidationFailed,
    UnknownOperation,
    Other,
}

impl Failure {
    /// A field breaks its rule.
    pub(crate) fn field(message: impl Into<String>) -> Self {
        Self::Validation { reason: Reason::FieldValidationFailed, message: message.into() }
    }

    /// The fields are valid by themselves and not together, or not in this state.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Validation { reason: Reason::Other, message: message.into() }
    }

    pub(crate) fn not_found(kind: ResourceKind, id: impl Into<String>) -> Self {
        Self::NotFound { resource: Resource { kind, id: id.into() } }
    }

    pub(crate) fn conflict(kind: ResourceKind, id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Conflict { resource: Resource { kind, id: id.into() }, message: message.into() }
    }

    pub(crate) fn quota(kind: ResourceKind, id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Quota { resource: Resource { kind, id: id.into() }, message: message.into() }
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::AccessDenied { message: message.into() }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::Internal { message: message.into() }
    }

    /// A failed read or write of the data folder. Paths stay out of the message: it goes to clients.
    pub(crate) fn storage(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::StorageFull,
            kind => Self::internal(format!("the data folder failed: {kind}")),
        }
    }

    /// The HTTP status of the API model.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::AccessDenied { .. } => StatusCode::FORBIDDEN,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::Quota { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::Validation { .. } => StatusCode::BAD_REQUEST,
            Self::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Scripted { status, .. } => *status,
        }
    }

    /// The exception's name, for `x-amzn-ErrorType`.
    pub(crate) fn exception(&self) -> &str {
        match self {
            Self::AccessDenied { .. } => "AccessDeniedException",
            Self::Conflict { .. } => "ConflictException",
            Self::NotFound { .. } => "ResourceNotFoundException",
            Self::Quota { .. } => "ServiceQuotaExceededException",
            Self::Validation { .. } => "ValidationException",
            Self::StorageFull | Self::Internal { .. } => "InternalServerException",
            Self::Scripted { kind, .. } => kind,
        }
    }

    /// The resource that the failure is about.
    pub(crate) fn resource(&self) -> Option<&Resource> {
        match self {
            Self::Conflict { resource, .. } | Self::NotFound { resource } | Self::Quota { resource, .. } => {
                Some(resource)
            }
            Self::AccessDenied { .. }
            | Self::Validation { .. }
            | Self::StorageFull
            | Self::Internal { .. }
            | Self::Scripted { .. } => None,
        }
    }
}

impl ResourceKind {
    /// Its name: the API's word, if it has one.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Repository => "repository",
            Self::Package => "package",
            Self::PackageVersion => "package-version",
            Self::Asset => "asset",
            Self::PackageGroup => "package group",
        }
    }

    /// The API's `resourceType`.
    pub(crate) const fn api_type(self) -> Option<&'static str> {
        match self {
            Self::PackageGroup => None,
            Self::Domain | Self::Repository | Self::Package | Self::PackageVersion | Self::Asset => Some(self.as_str()),
        }
    }
}

impl Reason {
    /// The API's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::CannotParse => "CANNOT_PARSE",
            Self::EncryptionKeyError => "ENCRYPTION_KEY_ERROR",
            Self::FieldValidationFailed => "FIELD_VALIDATION_FAILED",
            Self::UnknownOperation => "UNKNOWN_OPERATION",
            Self::Other => "OTHER",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.as_str(), self.id)
    }
}
