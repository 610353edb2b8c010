//! Tokens at rest: one trait, the systems' keyrings behind it, and the order in which they are asked.
//!
//! | name | where | why it is there |
//! | --- | --- | --- |
//! | `kernel` | the Linux kernel's keyrings | 0.3 ms, never touches a disk, gone at reboot; first on Linux |
//! | `secret-service` | the desktop's keyring | survives a reboot; asked when the kernel has nothing |
//! | `keychain` | macOS | the system's own place |
//! | `credential-manager` | Windows | the system's own place; entries are split below its limit |
//! | `encrypted-file` | mode 0600 in the state folder, its key in the kernel's keyrings | unreadable after a reboot: only where the user's settings say so |
//! | `file` | mode 0600 in the state folder | clear text: only where the user's settings say so |
//! | `memory` | this process | tests and single runs |
//! | `none` | nowhere | a new token for every process |
//!
//! Containers often have neither of the first two; then nothing is kept unless the user chose `file`, and
//! [`Stores::list`] says so. A store that is absent, locked, slow or broken never fails a caller: the next one is asked.

use std::{
    fmt, fs, io,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use crate::host::Host;
use crate::private_folder::FolderError;
use crate::settings::{StoreName, UserSettings};
use crate::token::{AuthorizationToken, Freshness, TokenScope};

mod breaker;
#[cfg(windows)]
mod credential_manager;
#[cfg(any(target_os = "macos", windows, test))]
mod deadline;
#[cfg(target_os = "linux")]
mod encrypted_file;
mod file;
mod folder;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "macos")]
mod keychain;
#[cfg(any(target_os = "macos", windows))]
mod keyring;
mod memory;
mod none;
#[cfg(target_os = "linux")]
mod secret_service;
#[cfg(any(windows, test))]
mod split;

use breaker::Breaker;
#[cfg(target_os = "linux")]
pub use encrypted_file::EncryptedFileStore;
pub use file::FileStore;
#[cfg(target_os = "linux")]
pub use kernel::KernelStore;
pub use memory::MemoryStore;
pub use none::NoStore;
#[cfg(target_os = "linux")]
pub use secret_service::SecretServiceStore;

/// One place where tokens rest.
pub trait TokenStore: Send + Sync {
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
    /// Removes what has ended at `now` and what is damaged, of entries that are ours. A store that sees to that itself has
    /// nothing to do.
    fn purge(&self, _now: SystemTime) -> Result<(), StoreError> {
        Ok(())
    }
    /// Where the store is asked, if that differs from session to session.
    fn place(&self) -> String {
        String::new()
    }
    /// From now on all calls together may take so long, where the store is slow. A store that is not told takes up to
    /// [`DEADLINE`] for each.
    fn give(&self, _patience: Duration) {}
    /// Whether another process does the work, which may take up to [`DEADLINE`].
    fn is_slow(&self) -> bool {
        false
    }
    /// Whether other processes of the user find what is kept here.
    fn is_shared(&self) -> bool {
        true
    }
}

/// The longest that one call of a store may take.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// The endings of the notes that flights leave in the runtime folder.
pub(crate) const NOTE_ENDING: &str = ".note";
/// The ending of the file whose time is that of the newest token kept for a scope.
pub(crate) const SEEN_ENDING: &str = ".seen";

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

/// What one store keeps, or why that cannot be said.
#[derive(Debug)]
pub struct StoreListing {
    /// The store's name.
    pub store: &'static str,
    /// Its tokens.
    pub tokens: Result<Vec<StoredToken>, StoreError>,
}

/// What [`Stores::load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// The token, not expired.
    pub token: Option<AuthorizationToken>,
    /// The store it came from.
    pub from: Option<&'static str>,
    /// Stores that could not be asked.
    pub problems: Vec<StoreError>,
}

/// What [`Stores::save_first`] did.
pub(crate) struct Saved {
    /// Other processes find the token.
    pub(crate) is_shared: bool,
    /// The places of the slow stores that are left for after the answer.
    pub(crate) left: Vec<usize>,
}

/// The stores in force, in order.
pub struct Stores {
    stores: Vec<Box<dyn TokenStore>>,
    /// Where notes about stores that missed their deadline are kept for other processes.
    notes: Option<PathBuf>,
}

impl Stores {
    /// The stores of the user's settings, else the system's usual ones. Opens nothing yet.
    pub fn new(host: &Host, settings: &UserSettings) -> Self {
        Self::opened(host, settings.stores())
    }

    /// The same, followed by all others of this system: tokens may rest where the settings said so earlier.
    pub fn everywhere(host: &Host, settings: &UserSettings) -> Self {
        let chosen = settings.stores();
        let earlier = StoreName::persistent().iter().filter(|name| !chosen.contains(name));
        Self::opened(host, &chosen.iter().chain(earlier).copied().collect::<Vec<_>>())
    }

    fn opened(host: &Host, names: &[StoreName]) -> Self {
        let stores = names.iter().map(|name| open(*name, host)).collect();
        Self { stores, notes: host.runtime_dir() }
    }

    /// The same without the Secret Service, for a program that is started for every build and hands over to another what
    /// it does not find: the D-Bus library alone would triple its size. Opens nothing yet.
    pub fn without_bus(host: &Host, settings: &UserSettings) -> Self {
        let names = settings.stores().iter().filter(|name| **name != StoreName::SecretService);
        let stores = names.filter_map(|name| open_in_process(*name, host)).collect();
        Self { stores, notes: host.runtime_dir() }
    }

    /// Just these, in order.
    pub fn of(stores: Vec<Box<dyn TokenStore>>) -> Self {
        Self { stores, notes: None }
    }

    /// What waits for the slow stores from here on waits up to [`DEADLINE`] for all calls together.
    pub(crate) fn begin(&self) {
        for store in &self.stores {
            store.give(DEADLINE);
        }
    }

    /// Removes what has ended and what is damaged; the result names the stores that could not.
    pub fn purge(&self, now: SystemTime) -> Vec<StoreError> {
        self.stores.iter().filter_map(|store| self.bounded(store.as_ref(), now, || store.purge(now)).err()).collect()
    }

    /// Forgets what was noted beside the tokens: stores that did not answer, refusals, renewals that were begun, and how
    /// new the last token was. A renewal that is under way keeps its token to itself then.
    pub fn forget_notes(&self) {
        let endings = [breaker::ENDING, NOTE_ENDING, SEEN_ENDING];
        let Some(entries) = self.notes.as_ref().and_then(|folder| fs::read_dir(folder).ok()) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(|name| endings.iter().any(|ending| name.ends_with(ending))) {
                // One that was removed meanwhile is forgotten as well.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.stores.iter().map(|store| store.name())
    }

    /// Whether any of them is seen by other processes of the user.
    pub fn are_shared(&self) -> bool {
        self.stores.iter().any(|store| store.is_shared())
    }

    /// Asks the stores in order for a token that has not expired at `now`. A hit in a later store refills the earlier
    /// ones, those that answer at once.
    pub fn load(&self, scope: &TokenScope, now: SystemTime) -> Loaded {
        let mut problems = Vec::new();
        for (place, store) in self.stores.iter().enumerate() {
            match self.bounded(store.as_ref(), now, || store.load(scope)) {
                Ok(Some(token)) if token.freshness(now) != Freshness::Expired => {
                    for earlier in self.stores[..place].iter().filter(|earlier| !earlier.is_slow()) {
                        problems.extend(keep(earlier.as_ref(), scope, &token).err());
                    }
                    return Loaded { token: Some(token), from: Some(store.name()), problems };
                }
                Ok(_) => {}
                Err(problem) => problems.push(problem),
            }
        }
        Loaded { token: None, from: None, problems }
    }

    /// Writes a token to every store that is there, in order; the result names those that could not.
    pub fn save(&self, scope: &TokenScope, token: &AuthorizationToken, now: SystemTime) -> Vec<StoreError> {
        (0..self.stores.len()).filter_map(|place| self.save_in(place, scope, token, now).err()).collect()
    }

    /// Forgets a scope in all stores; the result names those that could not.
    pub fn forget(&self, scope: &TokenScope, now: SystemTime) -> Vec<StoreError> {
        self.stores.iter().filter_map(|store| self.bounded(store.as_ref(), now, || store.forget(scope)).err()).collect()
    }

    /// What each store keeps.
    pub fn list(&self, now: SystemTime) -> Vec<StoreListing> {
        self.stores
            .iter()
            .map(|store| StoreListing {
                store: store.name(),
                tokens: self.bounded(store.as_ref(), now, || store.list()),
            })
            .collect()
    }

    /// Writes to the quick stores and, where none of those is shared, to the first slow one that takes it, so that other
    /// processes find the token as soon as a lock is let go.
    pub(crate) fn save_first(&self, scope: &TokenScope, token: &AuthorizationToken, now: SystemTime) -> Saved {
        let mut saved = Saved { is_shared: false, left: Vec::new() };
        let (slow, quick): (Vec<usize>, Vec<usize>) =
            (0..self.stores.len()).partition(|place| self.stores[*place].is_slow());
        for place in quick.into_iter().chain(slow) {
            let store = &self.stores[place];
            if store.is_slow() && saved.is_shared {
                saved.left.push(place);
            } else if self.save_in(place, scope, token, now).is_ok() {
                saved.is_shared |= store.is_shared();
            }
        }
        saved
    }

    pub(crate) fn save_in(
        &self,
        place: usize,
        scope: &TokenScope,
        token: &AuthorizationToken,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let store = self.stores[place].as_ref();
        self.bounded(store, now, || keep(store, scope, token))
    }

    /// Calls a store, unless it lately missed its deadline; one that misses it now is left alone for a while.
    fn bounded<T>(
        &self,
        store: &dyn TokenStore,
        now: SystemTime,
        call: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(folder) = self.notes.clone().filter(|_| store.is_slow()) else { return call() };
        let breaker = Breaker(folder);
        if let Some(refusal) = breaker.refusal(store, now) {
            return Err(refusal);
        }
        let result = call();
        if matches!(result, Err(StoreError::Timeout { .. })) {
            breaker.trip(store, now);
        }
        result
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Saves; where that fails, what the store has of the scope goes, so that an older token does not hide a newer one that
/// a later store has.
fn keep(store: &dyn TokenStore, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
    let result = store.save(scope, token);
    if result.is_err() && !store.is_slow() {
        // The failure to report is the first one.
        let _ = store.forget(scope);
    }
    result
}

fn open(name: StoreName, host: &Host) -> Box<dyn TokenStore> {
    open_in_process(name, host).unwrap_or_else(|| on_bus(name, host))
}

#[cfg(target_os = "linux")]
fn on_bus(_: StoreName, host: &Host) -> Box<dyn TokenStore> {
    Box::new(SecretServiceStore::new(host))
}

#[cfg(not(target_os = "linux"))]
fn on_bus(name: StoreName, _: &Host) -> Box<dyn TokenStore> {
    Box::new(none::Absent::new(name.as_str(), "it is Linux's"))
}

/// Every store but the Secret Service. Nothing here may refer to that one, so that a program that does not use it does
/// not contain it.
fn open_in_process(name: StoreName, host: &Host) -> Option<Box<dyn TokenStore>> {
    Some(match name {
        StoreName::SecretService => return None,
        #[cfg(target_os = "linux")]
        StoreName::Kernel => Box::new(KernelStore::new(host.now())),
        #[cfg(target_os = "macos")]
        StoreName::Keychain => Box::new(keychain::KeychainStore),
        #[cfg(windows)]
        StoreName::CredentialManager => Box::new(credential_manager::CredentialManagerStore),
        StoreName::File => Box::new(FileStore::new(host.state_dir().map(|folder| folder.join("tokens")))),
        #[cfg(target_os = "linux")]
        StoreName::EncryptedFile => {
            Box::new(EncryptedFileStore::new(host.state_dir().map(|folder| folder.join("tokens"))))
        }
        StoreName::Memory => Box::new(MemoryStore::default()),
        StoreName::None => Box::new(NoStore),
        #[cfg(not(target_os = "linux"))]
        StoreName::EncryptedFile => Box::new(none::Absent::new(name.as_str(), "its key rests in Linux's keyrings")),
        #[cfg(not(target_os = "linux"))]
        StoreName::Kernel => Box::new(none::Absent::new(name.as_str(), "it is Linux's")),
        #[cfg(not(target_os = "macos"))]
        StoreName::Keychain => Box::new(none::Absent::new(name.as_str(), "it is macOS's")),
        #[cfg(not(windows))]
        StoreName::CredentialManager => Box::new(none::Absent::new(name.as_str(), "it is Windows'")),
    })
}

/// The bytes of an entry on their way to or from a store: wiped when dropped. Unlike `Zeroizing<Vec<u8>>` it wipes what
/// was written only, not the spare capacity: the kernel's reader hands out 64 KiB for an entry of one.
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(self.0.as_mut_slice());
    }
}

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
    /// It is there and locked. We never ask for a password.
    #[error("{store} is locked")]
    Locked {
        /// The store's name.
        store: &'static str,
    },
    /// It did not answer in time.
    #[error("{store} did not answer within {} s", after.as_secs_f32())]
    Timeout {
        /// The store's name.
        store: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// A file in the place of ours that we must not trust.
    #[error("{store} does not use {path}: {reason}")]
    Refused {
        /// The store's name.
        store: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// The folder it lives in cannot be used.
    #[error("{store} has no folder")]
    Folder {
        /// The store's name.
        store: &'static str,
        /// Why.
        source: FolderError,
    },
    /// A call failed.
    #[error("{store} failed to {operation}")]
    Failed {
        /// The store's name.
        store: &'static str,
        /// What it was to do.
        operation: &'static str,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// The store's name.
    pub fn store(&self) -> &'static str {
        match self {
            StoreError::Unavailable { store, .. }
            | StoreError::Locked { store }
            | StoreError::Timeout { store, .. }
            | StoreError::Refused { store, .. }
            | StoreError::Folder { store, .. }
            | StoreError::Failed { store, .. } => store,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            StoreError::Unavailable { .. } => {
                "without a keyring, choose where tokens rest: CODEARTIFACT_STORE=file (clear text, mode 0600) or none"
                    .to_owned()
            }
            StoreError::Locked { store } => format!("unlock {store}, or choose another store with CODEARTIFACT_STORE"),
            StoreError::Timeout { store, .. } => {
                format!("see whether {store} waits for a dialogue, or choose another store with CODEARTIFACT_STORE")
            }
            StoreError::Refused { path, .. } => format!("look at {}, then remove it", path.display()),
            StoreError::Folder { source, .. } => source.hint(),
            StoreError::Failed { .. } => "choose another store with CODEARTIFACT_STORE".to_owned(),
        }
    }

    fn failed(
        store: &'static str,
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        StoreError::Failed { store, operation, source: source.into() }
    }

    fn io(store: &'static str, operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| StoreError::failed(store, operation, source)
    }
}

#[cfg(test)]
mod tests;
