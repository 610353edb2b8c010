//! The Windows Credential Manager, through the keyring project's store. Bytes, not text, which Windows' own programs
//! would take as UTF-16; in parts, because an entry holds 2,560 bytes at most.

use std::collections::HashMap;

use keyring_core::{Entry, api::CredentialStoreApi as _};
use windows_native_keyring_store::Store;

use super::{StoreError, StoredToken, TokenStore, Wiped, deadline, keyring, split};
use crate::token::{AuthorizationToken, TokenScope};

const NAME: &str = "credential-manager";

/// What the keys of our entries begin with, as a pattern for the search.
const OURS: &str = "^codeartifact/";

/// The user's credentials on this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct CredentialManagerStore;

fn credential(name: &str) -> Result<Entry, StoreError> {
    // `Local`: kept over logins, and not carried to the user's other machines as the default is.
    let modifiers = HashMap::from([("target", name), ("persistence", "Local")]);
    let credential = Store::new().and_then(|store| store.build("codeartifact", "aws", Some(&modifiers)));
    credential.map_err(|error| StoreError::failed(NAME, "name a credential", error))
}

struct Credentials;

impl split::Slots for Credentials {
    fn read(&self, name: &str) -> Result<Option<Wiped>, StoreError> {
        Ok(keyring::found(NAME, "read a credential", credential(name)?.get_secret())?.map(Wiped))
    }
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        keyring::found(NAME, "write a credential", credential(name)?.set_secret(bytes)).map(|_| ())
    }
    fn remove(&self, name: &str) -> Result<bool, StoreError> {
        Ok(keyring::found(NAME, "remove a credential", credential(name)?.delete_credential())?.is_some())
    }
}

impl TokenStore for CredentialManagerStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        let key = scope.key();
        let entry = deadline::within(NAME, move || split::read(&Credentials, &key))?;
        Ok(entry.and_then(|entry| AuthorizationToken::from_entry(scope, &entry.0)))
    }

    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        let (key, entry) = (scope.key(), Wiped(token.to_entry(scope).to_vec()));
        deadline::within(NAME, move || split::write(&Credentials, &key, &entry.0))
    }

    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        let key = scope.key();
        deadline::within(NAME, move || split::remove(&Credentials, &key))
    }

    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        deadline::within(NAME, || {
            let found = Store::new().and_then(|store| store.search(&HashMap::from([("pattern", OURS)])));
            let mut tokens = Vec::new();
            for credential in keyring::found(NAME, "list credentials", found)?.unwrap_or_default() {
                let Some(mut attributes) = keyring::found(NAME, "read a credential", credential.get_attributes())?
                else {
                    continue;
                };
                let Some(name) = attributes.remove("target_name").filter(|name| !split::is_further_part(name)) else {
                    continue;
                };
                if let Some(entry) = split::read(&Credentials, &name)? {
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
