//! Tokens at rest.

use std::time::SystemTime;

use crate::token::{AuthorizationToken, TokenScope};

/// One place where tokens rest.
pub trait TokenStore {
    /// The store's name in settings and in `status`.
    fn name(&self) -> &'static str;
    /// The token of a scope; `None` where there is none. A damaged, swapped or implausible entry is `None` too.
    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError>;
    /// Keeps a token.
    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError>;
    /// Forgets a scope's token; forgetting the absent succeeds.
    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError>;
    /// What is kept, without the secrets.
    fn list(&self) -> Result<Vec<StoredToken>, StoreError>;
}

/// A token at rest, as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Whom it serves.
    pub scope: TokenScope,
    /// When it was issued.
    pub issued: SystemTime,
    /// When it ends.
    pub expires: SystemTime,
}

/// The stores in force, in order.
pub struct Stores {}

/// A store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not there on this system.
    #[error("{store} is not available: {reason}")]
    Unavailable {
        /// The store's name.
        store: &'static str,
        /// Why.
        reason: String,
    },
}
