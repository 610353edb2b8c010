//! Credentials that were found good lately: a package manager sends the same one with each of its thousand requests,
//! and reading it takes a MAC and two JSON texts.
//!
//! What a token says never changes, so nothing here can be stale but the time: whether it still holds is asked of the
//! claims at every use.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
};

use zeroize::Zeroizing;

use super::Claims;
use crate::state::Millis;

/// More than the clients that use a service at the same time.
const ROOM: usize = 1_024;
/// Bytes of a header that is kept: any token, with a scheme and a user's name. All together are two megabytes at most.
const LONGEST: usize = 2_048;

/// The headers that carried them, and what they say.
///
/// Found by a hash whose key is this process's secret: how long a look takes tells nothing of the headers here, as who
/// does not have one whole does not meet it.
#[derive(Default)]
pub(super) struct Lately(RwLock<HashMap<Header, Arc<Claims>>>);

/// The value of an `Authorization` header. Wiped when it is forgotten.
#[derive(PartialEq, Eq)]
struct Header(Zeroizing<Vec<u8>>);

impl Hash for Header {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

impl Borrow<[u8]> for Header {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Lately {
    pub(super) fn find(&self, header: &[u8]) -> Option<Arc<Claims>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(header).cloned()
    }

    /// Keeps what is good now. Where there is no room, what has expired goes, else everything.
    pub(super) fn keep(&self, header: &[u8], claims: &Arc<Claims>, now: Millis) {
        if header.len() > LONGEST {
            return;
        }
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= ROOM {
            kept.retain(|_, claims| claims.expires > now);
        }
        if kept.len() >= ROOM {
            kept.clear();
        }
        kept.insert(Header(Zeroizing::new(header.to_vec())), Arc::clone(claims));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
