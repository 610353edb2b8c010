//! The Linux kernel's keyrings: in memory only, shared by the user's processes, gone at reboot.
//!
//! A token is a key of type `user` in the user's persistent keyring (`persistent-keyring(7)`: in the kernel for three days
//! after its last use, whoever logs out), which all the user's sessions share; the kernel drops the key at the token's
//! end. The keyring is reached through the process's own keyring, which ends with the process. The session keyring is
//! left alone: the keyring project's store goes through it, and where a process has none (services, cron, containers) it
//! makes one in passing and then cannot use the other one that it began with (`linux-keyutils-keyring-store` 1.0.0). A
//! kernel without persistent keyrings has the user keyring instead.
//!
//! There is no deadline and no thread here: the calls (get a keyring, search, link, read) are answered by the kernel at
//! once. What could wait, `request_key` with its call to a user program, is never made. Container runtimes forbid these
//! calls (EPERM, or ENOSYS in some): then the store is unavailable. A used-up quota counts as absent.

use std::{fs, time::SystemTime};

use keyring_core::api::CredentialApi as _;
use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};
use linux_keyutils_keyring_store::Cred;

use super::{StoreError, StoredToken, TokenStore, Wiped};
use crate::token::{AuthorizationToken, TokenScope};

const NAME: &str = "kernel";

/// The kernel's keyrings.
#[derive(Debug)]
pub struct KernelStore {
    now: SystemTime,
}

impl KernelStore {
    /// `now` decides how long the kernel keeps what is saved.
    pub fn new(now: SystemTime) -> Self {
        Self { now }
    }
}

/// The keyring of our keys, with the right to use it: a process possesses what its own keyring links to.
fn keyring() -> Result<KeyRing, KeyError> {
    match KeyRing::get_persistent(KeyRingIdentifier::Process) {
        Err(KeyError::OperationNotSupported) => {
            KeyRing::from_special_id(KeyRingIdentifier::Process, true)?.link_keyring_id(KeyRingIdentifier::User)?;
            KeyRing::from_special_id(KeyRingIdentifier::User, false)
        }
        result => result,
    }
}

/// A key by its description. What the keyring project's store calls the session is the keyring that it works in.
fn key(description: &str) -> Result<Cred, StoreError> {
    let keyring = keyring().map_err(|error| problem("find the keyring", error.into()))?;
    Ok(Cred { session: keyring, persistent: None, description: description.to_owned(), specifiers: None })
}

/// The bytes of a key of ours.
pub(super) fn read(description: &str) -> Result<Option<Wiped>, StoreError> {
    match key(description)?.get_secret() {
        Ok(bytes) => Ok(Some(Wiped(bytes))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(error) => match Trouble::from(error) {
            // Reading links the key anew, for which there may be no room.
            Trouble::Kernel(KeyError::QuotaExceeded) => Ok(None),
            trouble => Err(problem("read a key", trouble)),
        },
    }
}

/// Keeps bytes as a key of ours, over what is there, until the keyring ends.
pub(super) fn write(description: &str, bytes: &[u8]) -> Result<(), StoreError> {
    key(description)?.set_secret(bytes).map_err(|error| problem("add a key", error.into()))
}

/// The scopes that keys in reach or out of it are named after. By `/proc/keys`: the library's way to list a keyring
/// (0.2.5) panics where any program's key in it has a description of 500 bytes or more.
fn scopes() -> Result<Vec<TokenScope>, StoreError> {
    // Fails where keyrings cannot be used at all, which an empty list would hide.
    key("")?;
    let keys = fs::read("/proc/keys").map_err(StoreError::io(NAME, "read /proc/keys"))?;
    Ok(String::from_utf8_lossy(&keys).lines().filter_map(description).filter_map(TokenScope::from_key).collect())
}

/// What went wrong: the kernel's answer, where it can be told.
enum Trouble {
    Kernel(KeyError),
    Other(keyring_core::Error),
}

impl From<KeyError> for Trouble {
    fn from(error: KeyError) -> Self {
        Trouble::Kernel(error)
    }
}

impl From<keyring_core::Error> for Trouble {
    fn from(error: keyring_core::Error) -> Self {
        let kernel = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<KeyError>()).copied();
        kernel.map_or(Trouble::Other(error), Trouble::Kernel)
    }
}

/// `ENOSYS`: the kernel was built without keyrings, or a sandbox pretends so.
const NO_SUCH_CALL: i32 = rustix::io::Errno::NOSYS.raw_os_error();

fn problem(operation: &'static str, trouble: Trouble) -> StoreError {
    let reason = match trouble {
        Trouble::Kernel(KeyError::PermissionDenied) => "the system forbids keyring calls (EPERM), as containers do",
        Trouble::Kernel(KeyError::Unknown(NO_SUCH_CALL) | KeyError::OperationNotSupported) => {
            "this kernel has no keyrings"
        }
        Trouble::Kernel(KeyError::QuotaExceeded) => "the user's quota of keys is used up (EDQUOT)",
        Trouble::Kernel(error) => return StoreError::failed(NAME, operation, error),
        Trouble::Other(error) => return StoreError::failed(NAME, operation, error),
    };
    StoreError::Unavailable { store: NAME, reason: reason.to_owned() }
}

impl TokenStore for KernelStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        Ok(read(&scope.key())?.and_then(|entry| AuthorizationToken::from_entry(scope, &entry.0)))
    }

    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        let description = scope.key();
        let key = key(&description)?;
        key.set_secret(&token.to_entry(scope)).map_err(|error| problem("add a key", error.into()))?;
        // At least a second: zero would mean for ever. Without it the entry's own end still counts.
        let seconds = token.expires().duration_since(self.now).unwrap_or_default().as_secs().max(1);
        if let Ok(saved) = key.session.search(&description) {
            let _ = saved.set_timeout(usize::try_from(seconds).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        match key(&scope.key())?.delete_credential() {
            Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
            Err(error) => Err(problem("invalidate a key", error.into())),
        }
    }

    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        let mut tokens: Vec<StoredToken> = Vec::new();
        for scope in scopes()? {
            // Keys out of reach, in other keyrings of the user, are seen too.
            if let Some(entry) = read(&scope.key())? {
                tokens.extend(AuthorizationToken::peek_entry(&entry.0).filter(|token| token.scope == scope));
            }
        }
        tokens.sort_by(|a, b| a.scope.cmp(&b.scope));
        tokens.dedup();
        Ok(tokens)
    }

    /// What has ended the kernel drops itself.
    fn purge(&self, _now: SystemTime) -> Result<(), StoreError> {
        for scope in scopes()? {
            if read(&scope.key())?.is_some_and(|entry| AuthorizationToken::from_entry(&scope, &entry.0).is_none()) {
                self.forget(&scope)?;
            }
        }
        Ok(())
    }
}

/// The description in a line of `/proc/keys`, `ID FLAGS USAGE EXPIRY PERM UID GID user DESCRIPTION: BYTES`.
fn description(line: &str) -> Option<&str> {
    let mut rest = line;
    let mut kind = "";
    for _ in 0..8 {
        let (word, after) = rest.trim_start().split_once(' ')?;
        (kind, rest) = (word, after);
    }
    if kind != "user" {
        return None;
    }
    let rest = rest.trim_start();
    Some(rest.rsplit_once(": ").map_or(rest, |(description, _)| description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_system_are_said_in_words() {
        let library = |error: KeyError| Trouble::from(keyring_core::Error::PlatformFailure(error.into()));
        for (trouble, text) in [
            (Trouble::from(KeyError::PermissionDenied), "the system forbids keyring calls (EPERM), as containers do"),
            (library(KeyError::Unknown(NO_SUCH_CALL)), "this kernel has no keyrings"),
            (library(KeyError::QuotaExceeded), "the user's quota of keys is used up (EDQUOT)"),
        ] {
            assert_eq!(problem("add a key", trouble).to_string(), format!("kernel is not available: {text}"));
        }
        assert_eq!(problem("add a key", library(KeyError::OutOfMemory)).to_string(), "kernel failed to add a key");
    }

    #[test]
    fn descriptions_are_found_in_proc_keys() {
        for (line, found) in [
            (
                "0a5b07f2 I--Q---     1  12h 3f010000     0     0 user      codeartifact:v1: 4096",
                Some("codeartifact:v1"),
            ),
            ("0a5b07f2 I--Q---     1 perm 3f010000     0     0 user      a b: c: 3", Some("a b: c")),
            ("0a5b07f2 I--Q---     1 perm 3f010000     0     0 user      a", Some("a")),
            ("1c6fd2a1 I--Q---     4 perm 1f3f0000     0 65534 keyring   _uid.0: empty", None),
            ("", None),
        ] {
            assert_eq!(description(line), found, "{line}");
        }
    }
}
