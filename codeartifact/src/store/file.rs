//! A file of mode 0600 for each scope, in a folder of mode 0700. The token is in clear text: never a default.

use std::{path::PathBuf, time::SystemTime};

use super::{StoreError, StoredToken, TokenStore, folder::Entries};
use crate::token::{AuthorizationToken, TokenScope};

const NAME: &str = "file";

/// Files in one folder.
#[derive(Debug)]
pub struct FileStore(Entries);

impl FileStore {
    /// Keeps tokens in `folder`, which is made at the first save; `None` where the user has no state folder.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(Entries::new(NAME, ".token", folder))
    }
}

impl TokenStore for FileStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        let entry = self.0.read(&self.0.name_of(scope))?;
        Ok(entry.and_then(|entry| AuthorizationToken::from_entry(scope, &entry.0)))
    }

    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        self.0.write(&self.0.name_of(scope), &token.to_entry(scope))
    }

    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        self.0.remove(&self.0.name_of(scope))
    }

    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        let mut tokens = Vec::new();
        for name in self.0.names()? {
            if let Some(bytes) = self.0.read(&name)? {
                tokens.extend(AuthorizationToken::peek_entry(&bytes.0));
            }
        }
        tokens.sort_by(|a: &StoredToken, b| a.scope.cmp(&b.scope));
        Ok(tokens)
    }

    fn purge(&self, now: SystemTime) -> Result<(), StoreError> {
        self.0.retain(|_, entry| AuthorizationToken::peek_entry(entry).is_some_and(|token| token.expires > now))
    }
}
