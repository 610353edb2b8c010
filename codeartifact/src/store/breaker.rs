//! A store that missed its deadline is left alone for ten minutes, by all processes: a note says since when.
//!
//! The note is of the store and of where it is asked (the session bus's address): the same store of another session is
//! another one. It is a few bytes in the runtime folder and holds nothing that is secret.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest as _, Sha256};

use super::{StoreError, TokenStore};
use crate::private_folder::{self, Durability};
use crate::token::hex;

/// How long a store is left alone.
const PAUSE: Duration = Duration::from_mins(10);

/// The ending of a note's name.
pub(super) const ENDING: &str = ".hung";

/// The notes.
pub(super) struct Breaker(pub(super) PathBuf);

impl Breaker {
    /// The error in place of a call, where the store is being left alone.
    pub(super) fn refusal(&self, store: &dyn TokenStore, now: SystemTime) -> Option<StoreError> {
        let text = fs::read_to_string(self.0.join(name(store))).ok()?;
        let then = UNIX_EPOCH.checked_add(Duration::from_secs(text.trim().parse().ok()?))?;
        let ago = now.duration_since(then).ok().filter(|ago| *ago < PAUSE)?;
        let reason = format!(
            "it missed its deadline {} s ago and is asked again after {} min",
            ago.as_secs(),
            PAUSE.as_secs() / 60
        );
        Some(StoreError::Unavailable { store: store.name(), reason })
    }

    /// Notes that the store missed its deadline. Without the note the next process waits for the deadline too: slower,
    /// not wrong.
    pub(super) fn trip(&self, store: &dyn TokenStore, now: SystemTime) {
        if private_folder::ensure(&self.0).is_ok() {
            let text = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
            let _ = private_folder::replace(&self.0, &name(store), text.as_bytes(), Durability::Lazy);
        }
    }
}

fn name(store: &dyn TokenStore) -> String {
    let place = hex(&Sha256::digest(store.place().as_bytes())[..4]);
    format!("{}-{place}{ENDING}", store.name())
}
