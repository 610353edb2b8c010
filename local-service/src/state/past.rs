//! The models of the last moments, for a fault rule that answers from one of them. Nothing is kept without such a rule.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::journal::Snapshot;

#[derive(Default)]
pub(super) struct Past {
    wanted: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    horizon: Duration,
    /// The oldest first; each holds until the next.
    models: VecDeque<(Instant, Snapshot)>,
}

impl Past {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the models of so long a time are kept.
    pub(super) fn remember(&self, horizon: Duration, current: Snapshot) {
        let mut kept = self.lock();
        kept.horizon = horizon;
        self.wanted.store(!horizon.is_zero(), Ordering::SeqCst);
        if horizon.is_zero() {
            kept.models.clear();
        } else if kept.models.is_empty() {
            kept.models.push_back((Instant::now(), current));
        }
    }

    /// A model was committed.
    pub(super) fn committed(&self, model: &Snapshot) {
        if !self.wanted.load(Ordering::SeqCst) {
            return;
        }
        let mut kept = self.lock();
        let now = Instant::now();
        kept.models.push_back((now, model.clone()));
        let horizon = kept.horizon;
        while kept.models.get(1).is_some_and(|(since, _)| now.duration_since(*since) >= horizon) {
            kept.models.pop_front();
        }
    }

    /// The model of so long ago, as far back as they are kept.
    pub(super) fn before(&self, ago: Duration) -> Option<Snapshot> {
        let kept = self.lock();
        let now = Instant::now();
        let found = kept.models.iter().rev().find(|(since, _)| now.duration_since(*since) >= ago);
        found.or_else(|| kept.models.front()).map(|(_, model)| model.clone())
    }
}
