//! Why there is no token, where that has nothing to do with the service.

use std::{cell::RefCell, error::Error, io};

use codeartifact::control_plane::FailureKind;
use codeartifact::{AuthorizationToken, Authorize, AuthorizeError, ControlPlaneError, Endpoint, SourceError};

/// A refusal in the words that protocols know, with the cause below.
pub(crate) fn refusal(endpoint: &Endpoint, cause: impl Error + Send + Sync + 'static) -> AuthorizeError {
    AuthorizeError::Source(SourceError::ControlPlane(ControlPlaneError {
        operation: "GetAuthorizationToken",
        kind: FailureKind::Unreachable,
        resource: format!("domain {} of {}", endpoint.domain(), endpoint.owner()),
        status: None,
        request_id: None,
        message: "the service was not asked".to_owned(),
        source: Some(Box::new(cause)),
    }))
}

/// Refuses every token for one reason.
pub(crate) struct Refusing(RefCell<Box<dyn Error + Send + Sync>>);

impl Refusing {
    pub(crate) fn new(cause: impl Error + Send + Sync + 'static) -> Self {
        Self(RefCell::new(Box::new(cause)))
    }
}

impl Authorize for Refusing {
    fn token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        // The first refusal takes the cause with it, whole; later ones have its text.
        let text = self.0.borrow().to_string();
        let cause = self.0.replace(Box::new(io::Error::other(text)));
        Err(refusal(endpoint, Cause(cause)))
    }

    fn new_token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        self.token_for(endpoint)
    }
}

/// A boxed error is none itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(#[source] Box<dyn Error + Send + Sync>);
