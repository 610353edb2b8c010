//! Renewal ahead of time: a token past half of its life is the answer at once, and another process renews it.
//!
//! Whoever gave such a token out may start that process, once it holds the flight's lock. The lock passes to the other
//! process with its file, so that there is one renewal however many ask, with no moment between. A note that a renewal
//! was begun keeps others from beginning one for a minute even where it dies without a word.

use std::{fs::File, sync::PoisonError};

use super::{AuthorizeError, Authorizer, flight::Flight, flight::Turn, note::Note};
use crate::endpoint::Endpoint;
use crate::token::{Freshness, TokenScope};

/// A renewal that is this process's to start: it holds the lock.
#[derive(Debug)]
pub struct Renewal {
    endpoint: Endpoint,
    lock: File,
}

impl Renewal {
    /// Any endpoint of the domain whose token is to be renewed.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The locked file. The lock goes when the last process that has it open closes it.
    pub fn into_lock(self) -> File {
        self.lock
    }
}

impl Authorizer<'_> {
    /// The same, leaving renewals ahead of time to another process: see [`Authorizer::renewals`].
    #[must_use]
    pub fn leaving_renewals(self) -> Self {
        Self { leaves_renewals: true, ..self }
    }

    /// The renewals of what was given out since the last call that nobody is at and that did not just fail. To be called
    /// after the answer.
    pub fn renewals(&self) -> Vec<Renewal> {
        let due = std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner));
        let mut begun: Vec<TokenScope> = Vec::new();
        let mut renewals = Vec::new();
        for endpoint in due {
            let Ok(scope) = TokenScope::of(&endpoint, self.aws) else { continue };
            if begun.contains(&scope) {
                continue;
            }
            if let Some(lock) = self.flight(&scope).and_then(|flight| self.begun(&flight)) {
                renewals.push(Renewal { endpoint, lock });
            }
            begun.push(scope);
        }
        renewals
    }

    fn begun(&self, flight: &Flight) -> Option<File> {
        let now = self.host.now();
        if Note::read(flight).is_some_and(|note| note.pauses_renewal_ahead(now)) {
            return None;
        }
        // Whoever cannot have the lock has nothing to do: somebody else is at it, or nobody can.
        let Ok(Turn::Leads(seat)) = flight.try_lead() else { return None };
        // The second look: somebody may have begun, and failed, since.
        if Note::read(flight).is_some_and(|note| note.pauses_renewal_ahead(now)) {
            return None;
        }
        Note::begun(flight, now);
        Some(seat.into_lock())
    }

    /// Renews the token of `endpoint`'s domain if it is past half of its life, in the process that a [`Renewal`] was
    /// handed to. `lock` is the renewal's; without it, or with another file, the lock is taken if it is free.
    pub fn renew_ahead(&self, endpoint: &Endpoint, lock: Option<File>) -> Result<(), AuthorizeError> {
        let scope = TokenScope::of(endpoint, self.aws)?;
        let Some(flight) = self.flight(&scope) else { return Ok(()) };
        let _seat = match lock.and_then(|lock| flight.inherited(lock)) {
            Some(seat) => seat,
            None => match flight.try_lead()? {
                Turn::Leads(seat) => {
                    Note::begun(&flight, self.host.now());
                    seat
                }
                Turn::Taken | Turn::Alone => return Ok(()),
            },
        };
        let now = self.host.now();
        let is_fresh = self.held(&scope, now).is_some_and(|token| token.freshness(now) == Freshness::Fresh);
        if is_fresh {
            Note::clear(&flight);
            return Ok(());
        }
        let result = self.source.issue(&scope);
        // Without the note that it was begun everything was forgotten meanwhile: nothing is to be kept.
        if Note::read(&flight).is_some() {
            self.kept(&scope, Some(&flight), &result);
        }
        result.map(drop).map_err(AuthorizeError::from)
    }

    /// Notes that `endpoint`'s token is past half of its life.
    pub(super) fn leave_renewal(&self, endpoint: &Endpoint) {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).push(endpoint.clone());
    }
}
