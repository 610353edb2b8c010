//! Where a new token comes from.

use crate::control_plane::ControlPlaneError;
use crate::token::{AuthorizationToken, TokenScope};

/// Something that issues tokens.
pub trait TokenSource {
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
