//! No store.

use super::{StoreError, StoredToken, TokenStore};
use crate::token::{AuthorizationToken, TokenScope};

/// Keeps nothing, by the user's choice: every process asks for a token of its own.
#[derive(Debug, Clone, Copy)]
pub struct NoStore;

impl TokenStore for NoStore {
    fn name(&self) -> &'static str {
        "none"
    }
    fn load(&self, _scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        Ok(None)
    }
    fn save(&self, _scope: &TokenScope, _token: &AuthorizationToken) -> Result<(), StoreError> {
        Ok(())
    }
    fn forget(&self, _scope: &TokenScope) -> Result<(), StoreError> {
        Ok(())
    }
    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        Ok(Vec::new())
    }
    fn is_shared(&self) -> bool {
        false
    }
}

/// A store of another operating system, named in settings that serve several machines.
pub(super) struct Absent {
    store: &'static str,
    reason: &'static str,
}

impl Absent {
    pub(super) fn new(store: &'static str, reason: &'static str) -> Self {
        Self { store, reason }
    }

    fn unavailable<T>(&self) -> Result<T, StoreError> {
        Err(StoreError::Unavailable { store: self.store, reason: self.reason.to_owned() })
    }
}

impl TokenStore for Absent {
    fn name(&self) -> &'static str {
        self.store
    }
    fn load(&self, _scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        self.unavailable()
    }
    fn save(&self, _scope: &TokenScope, _token: &AuthorizationToken) -> Result<(), StoreError> {
        self.unavailable()
    }
    fn forget(&self, _scope: &TokenScope) -> Result<(), StoreError> {
        // Nothing can be there.
        Ok(())
    }
    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        self.unavailable()
    }
    fn is_shared(&self) -> bool {
        false
    }
}
