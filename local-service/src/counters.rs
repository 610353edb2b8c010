//! How often each operation was called: for tests, and for people who wonder what their tools ask for.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

/// Calls of one operation since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// All calls, refused ones and scripted failures too.
    pub calls: u64,
    /// Those answered with a status of 400 or above, or not at all.
    pub failures: u64,
}

#[derive(Default)]
pub(crate) struct Counters(Mutex<BTreeMap<&'static str, Calls>>);

impl Counters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Calls>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counted on arrival, so that a call that is still held up counts too.
    pub(crate) fn called(&self, operation: &'static str) {
        self.lock().entry(operation).or_default().calls += 1;
    }

    pub(crate) fn failed(&self, operation: &'static str) {
        self.lock().entry(operation).or_default().failures += 1;
    }

    /// One operation's.
    pub(crate) fn of(&self, operation: &str) -> Calls {
        self.lock().get(operation).copied().unwrap_or_default()
    }

    /// All that were called.
    pub(crate) fn all(&self) -> BTreeMap<&'static str, Calls> {
        self.lock().clone()
    }
}
