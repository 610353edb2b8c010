//! The macOS login keychain, through the keyring project's store.
//!
//! The system may ask the user whether a program may read what another one wrote; our programs share the items, and a
//! dialogue nobody answers ends at the deadline.

use std::collections::HashMap;

use apple_native_keyring_store::keychain::Store;
use keyring_core::{Entry, api::CredentialStoreApi as _};

use super::{StoreError, StoredToken, TokenStore, Wiped, deadline, keyring};
use crate::token::{AuthorizationToken, TokenScope};

const NAME: &str = "keychain";

/// The service attribute of our items; the account is the scope's key.
const SERVICE: &str = "codeartifact";

/// The login keychain.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeychainStore;

fn item(key: &str) -> Result<Entry, StoreError> {
    let item = Store::new().and_then(|store| store.build(SERVICE, key, None));
    item.map_err(|error| StoreError::failed(NAME, "name an item", error))
}

impl TokenStore for KeychainStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        let key = scope.key();
        let entry = deadline::within(NAME, move || {
            Ok(keyring::found(NAME, "read an item", item(&key)?.get_secret())?.map(Wiped))
        })?;
        Ok(entry.and_then(|entry| AuthorizationToken::from_entry(scope, &entry.0)))
    }

    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        let (key, entry) = (scope.key(), Wiped(token.to_entry(scope).to_vec()));
        deadline::within(NAME, move || {
            keyring::found(NAME, "write an item", item(&key)?.set_secret(&entry.0)).map(|_| ())
        })
    }

    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        let key = scope.key();
        deadline::within(NAME, move || {
            keyring::found(NAME, "remove an item", item(&key)?.delete_credential()).map(|_| ())
        })
    }

    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        deadline::within(NAME, || {
            let items = Store::new().and_then(|store| store.search(&HashMap::from([("service", SERVICE)])));
            let mut tokens = Vec::new();
            for item in keyring::found(NAME, "list items", items)?.unwrap_or_default() {
                if let Some(entry) = keyring::found(NAME, "read an item", item.get_secret())?.map(Wiped) {
                    tokens.extend(AuthorizationToken::peek_entry(&entry.0));
                }
            }
            tokens.sort_by(|a: &StoredToken, b| a.scope.cmp(&b.scope));
            Ok(tokens)
        })
    }

    fn is_slow(&self) -> bool {
        true
    }
}
