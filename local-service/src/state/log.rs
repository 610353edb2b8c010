//! How far the log of events reaches, and how far it was delivered: what the one writer tells those who wait for it.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Events that are kept, delivered or not. What the receiver of this run has not got yet is kept beyond that, however
/// much it is: a receiver that is down loses nothing, and costs room on the disk.
pub(super) const KEPT: u64 = 10_000;
/// Removed by one transaction at most, and left to gather before: trimming is no cost of its own.
pub(super) const TRIMMED: u64 = 256;

/// Numbers of events, from 1; `first` is after `last` if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The oldest that is kept.
    pub(crate) first: u64,
    /// The newest.
    pub(crate) last: u64,
    /// Up to where the receiver of this run has them, if there is one.
    pub(crate) delivered: Option<u64>,
}

/// The log's reach, and the bell that rings when it grows.
pub(crate) struct EventLog {
    reach: Mutex<(Reach, bool)>,
    grown: Condvar,
}

impl Reach {
    /// The numbers that the next transaction removes.
    pub(super) fn surplus(&self) -> std::ops::Range<u64> {
        let kept_from = self.last.saturating_sub(KEPT) + 1;
        let end = self.delivered.map_or(kept_from, |delivered| kept_from.min(delivered + 1));
        if end.saturating_sub(self.first) < TRIMMED { 0..0 } else { self.first..end.min(self.first + 2 * TRIMMED) }
    }
}

impl EventLog {
    pub(super) fn new(reach: Reach) -> Self {
        Self { reach: Mutex::new((reach, false)), grown: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, (Reach, bool)> {
        self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reach(&self) -> Reach {
        self.lock().0
    }

    pub(super) fn set(&self, reach: Reach) {
        self.lock().0 = reach;
        self.grown.notify_all();
    }

    /// Nobody is to wait any more.
    pub(crate) fn close(&self) {
        self.lock().1 = true;
        self.grown.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().1
    }

    /// Waits until there is an event after this one, or the log is closed, or so long.
    pub(crate) fn wait(&self, after: u64, most: Duration) -> bool {
        let waiting = |(reach, closed): &mut (Reach, bool)| reach.last <= after && !*closed;
        let guard = self.lock();
        let (guard, _) = self.grown.wait_timeout_while(guard, most, waiting).unwrap_or_else(PoisonError::into_inner);
        guard.0.last > after
    }

    /// Waits until the log is closed, or so long.
    pub(crate) fn pause(&self, most: Duration) {
        let guard = self.lock();
        drop(self.grown.wait_timeout_while(guard, most, |(_, closed)| !*closed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_delivered_is_not_removed() {
        let reach = |first, last, delivered| Reach { first, last, delivered };
        assert_eq!(reach(1, 0, None).surplus(), 0..0);
        assert_eq!(reach(1, KEPT, None).surplus(), 0..0);
        assert_eq!(reach(1, KEPT + TRIMMED - 1, None).surplus(), 0..0);
        assert_eq!(reach(1, KEPT + TRIMMED, None).surplus(), 1..TRIMMED + 1);
        assert_eq!(reach(1, 3 * KEPT, None).surplus(), 1..2 * TRIMMED + 1, "a bounded number at a time");
        assert_eq!(reach(1, 3 * KEPT, Some(0)).surplus(), 0..0);
        assert_eq!(reach(1, 3 * KEPT, Some(300)).surplus(), 1..301);
        assert_eq!(reach(1, 3 * KEPT, Some(3 * KEPT)).surplus(), 1..2 * TRIMMED + 1);
    }
}
