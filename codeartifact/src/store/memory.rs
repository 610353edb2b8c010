//! This process's memory.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{StoreError, StoredToken, TokenStore, Wiped};
use crate::token::{AuthorizationToken, TokenScope};

/// Keeps tokens while the process lives.
#[derive(Default)]
pub struct MemoryStore {
    entries: Mutex<BTreeMap<String, Wiped>>,
}

impl MemoryStore {
    /// Every change is one call of the map, so a panic elsewhere leaves it whole.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Wiped>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }
    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        Ok(self.entries().get(&scope.key()).and_then(|entry| AuthorizationToken::from_entry(scope, &entry.0)))
    }
    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        self.entries().insert(scope.key(), Wiped(token.to_entry(scope).to_vec()));
        Ok(())
    }
    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        self.entries().remove(&scope.key());
        Ok(())
    }
    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        Ok(self.entries().values().filter_map(|entry| AuthorizationToken::peek_entry(&entry.0)).collect())
    }
    fn is_shared(&self) -> bool {
        false
    }
}
