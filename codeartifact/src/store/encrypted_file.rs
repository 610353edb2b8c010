//! Files that are of no use without a key that is on no disk: for machines without a desktop, by the user's choice.
//!
//! The key, 32 random bytes, rests in the kernel's keyring, as tokens of the `kernel` store do, and takes no more of the
//! user's quota of keys however many tokens there are. It is gone at a reboot, or when it was not used for three days:
//! what was encrypted with it is unreadable then, counts as absent and is fetched anew. Where the kernel has no keyrings
//! for us, as in most containers, the store is unavailable: a key in a file beside the tokens would only look like
//! safety, so none is made.
//!
//! ```text
//! "CAE1"        magic and version
//! [u8; 24]      nonce, random
//! ...           the entry (see `token::entry`) under XChaCha20-Poly1305, and its tag of 16 bytes
//! ```
//!
//! Authenticated with it: the magic and the file's name, which is a digest of the scope. An entry that was moved, cut or
//! changed is none.

use std::{path::PathBuf, time::SystemTime};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use super::{StoreError, StoredToken, TokenStore, Wiped, folder::Entries, kernel};
use crate::token::{AuthorizationToken, TokenScope};

const NAME: &str = "encrypted-file";

const MAGIC: &[u8; 4] = b"CAE1";
const NONCE: usize = 24;
const KEY: usize = 32;

/// The description of the key in the kernel's keyring: no scope's, and versioned.
const KEY_NAME: &str = "codeartifact-file-key/1";

/// Encrypted files in one folder.
#[derive(Debug)]
pub struct EncryptedFileStore {
    entries: Entries,
    /// The description of the key.
    key: String,
}

impl EncryptedFileStore {
    /// Keeps tokens in `folder`, which is made at the first save; `None` where the user has no state folder.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { entries: Entries::new(NAME, ".sealed", folder), key: KEY_NAME.to_owned() }
    }

    /// The same with a key of another name, for tests.
    #[must_use]
    pub fn with_key_name(self, name: &str) -> Self {
        Self { key: name.to_owned(), ..self }
    }

    fn cipher(&self) -> Result<Option<XChaCha20Poly1305>, StoreError> {
        let key = kernel::read(&self.key).map_err(of_key)?;
        Ok(key.and_then(|key| XChaCha20Poly1305::new_from_slice(&key.0).ok()))
    }

    /// The key, made where there is none. Of two that make one at once, both read back the one that stayed.
    fn cipher_or_new(&self) -> Result<XChaCha20Poly1305, StoreError> {
        if let Some(cipher) = self.cipher()? {
            return Ok(cipher);
        }
        let mut key = Zeroizing::new([0; KEY]);
        random(&mut *key)?;
        kernel::write(&self.key, &*key).map_err(of_key)?;
        self.cipher()?.ok_or_else(|| StoreError::Unavailable {
            store: NAME,
            reason: "the kernel's keyring does not keep its key".to_owned(),
        })
    }
}

/// The kernel's trouble with the key is this store's.
fn of_key(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { reason, .. } => StoreError::Unavailable {
            store: NAME,
            reason: format!("its key rests in the kernel's keyring, and {reason}"),
        },
        error => StoreError::failed(NAME, "use its key", error),
    }
}

fn random(bytes: &mut [u8]) -> Result<(), StoreError> {
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())
            .map_err(|error| StoreError::failed(NAME, "get random bytes", error))?;
    }
    Ok(())
}

fn authenticated(name: &str) -> Vec<u8> {
    [MAGIC, name.as_bytes()].concat()
}

fn sealed(cipher: &XChaCha20Poly1305, name: &str, entry: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut nonce = [0; NONCE];
    random(&mut nonce)?;
    let payload = Payload { msg: entry, aad: &authenticated(name) };
    let text = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| StoreError::failed(NAME, "encrypt a token", "it is too long"))?;
    Ok([MAGIC.as_slice(), &nonce, &text].concat())
}

fn opened(cipher: &XChaCha20Poly1305, name: &str, sealed: &[u8]) -> Option<Wiped> {
    let (nonce, text) = sealed.strip_prefix(MAGIC)?.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: text, aad: &authenticated(name) };
    cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(Wiped)
}

impl TokenStore for EncryptedFileStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        let name = self.entries.name_of(scope);
        let Some(cipher) = self.cipher()? else { return Ok(None) };
        let Some(bytes) = self.entries.read(&name)? else { return Ok(None) };
        Ok(opened(&cipher, &name, &bytes.0).and_then(|entry| AuthorizationToken::from_entry(scope, &entry.0)))
    }

    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        let name = self.entries.name_of(scope);
        let bytes = sealed(&self.cipher_or_new()?, &name, &token.to_entry(scope))?;
        self.entries.write(&name, &bytes)
    }

    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        self.entries.remove(&self.entries.name_of(scope))
    }

    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        let Some(cipher) = self.cipher()? else { return Ok(Vec::new()) };
        let mut tokens = Vec::new();
        for name in self.entries.names()? {
            let entry = self.entries.read(&name)?.and_then(|bytes| opened(&cipher, &name, &bytes.0));
            tokens.extend(entry.and_then(|entry| AuthorizationToken::peek_entry(&entry.0)));
        }
        tokens.sort_by(|a: &StoredToken, b| a.scope.cmp(&b.scope));
        Ok(tokens)
    }

    fn purge(&self, now: SystemTime) -> Result<(), StoreError> {
        let cipher = self.cipher()?;
        self.entries.retain(|name, bytes| {
            let entry = cipher.as_ref().and_then(|cipher| opened(cipher, name, bytes));
            let token = entry.and_then(|entry| AuthorizationToken::peek_entry(&entry.0));
            token.is_some_and(|token| token.expires > now)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(byte: u8) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new_from_slice(&[byte; KEY]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_under_its_key_and_name_only() {
        let bytes = sealed(&cipher(1), "a.sealed", b"secret").unwrap();
        assert_eq!(opened(&cipher(1), "a.sealed", &bytes).unwrap().0, b"secret");
        assert!(opened(&cipher(2), "a.sealed", &bytes).is_none(), "another key");
        assert!(opened(&cipher(1), "b.sealed", &bytes).is_none(), "moved");
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
        assert_ne!(bytes, sealed(&cipher(1), "a.sealed", b"secret").unwrap(), "a nonce of its own each time");
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_found() {
        let bytes = sealed(&cipher(1), "a", b"secret").unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(opened(&cipher(1), "a", &changed).is_none(), "{at} {bit}");
            }
            assert!(opened(&cipher(1), "a", &bytes[..at]).is_none(), "cut to {at}");
        }
        assert!(opened(&cipher(1), "a", &[bytes.as_slice(), b"x"].concat()).is_none(), "longer");
    }
}
