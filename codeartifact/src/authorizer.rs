//! The deep module: from an endpoint to a token that holds, whatever it takes.

use crate::endpoint::Endpoint;
use crate::source::SourceError;
use crate::store::StoreError;
use crate::token::AuthorizationToken;

/// What clients see: one method.
pub trait Authorize {
    /// A token for the domain of `endpoint`, good for at least the request that follows.
    fn token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError>;
}

/// Store, then one flight to the source for any number of processes, then store again.
#[derive(Debug)]
pub struct Authorizer {}

/// No token.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The source has none.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store the user insists on cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}
