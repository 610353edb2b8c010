//! The note beside a lock: how the last flight ended, where it brought no token to share. No secret is in it.
//!
//! It keeps N processes from N requests, and N sign-in prompts, that can only end alike.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::flight::Flight;
use crate::control_plane::{ControlPlaneError, FailureKind, one_line};
use crate::private_folder::{self, Durability};
use crate::source::{LONGEST_MENDING, SourceError};
use crate::store::NOTE_ENDING;

/// How long a failure that cannot change by itself is the answer for newcomers too: long enough for the processes of
/// one build, short enough that whoever signs in does not notice.
const REMEMBERED: Duration = Duration::from_secs(4);

/// After a renewal failed, how long the token that still holds is given without trying again.
const RENEWAL_PAUSE: Duration = Duration::from_mins(1);

/// After a token could be kept nowhere, how long nobody waits for others.
const UNSHARED: Duration = Duration::from_mins(1);

/// The first line: the form of the rest.
const VERSION: &str = "codeartifact-note-1";

/// A note.
#[derive(Debug)]
pub(super) struct Note {
    written: SystemTime,
    ending: Ending,
}

/// How a flight ended.
#[derive(Debug)]
enum Ending {
    /// The source failed.
    Failed(Failure),
    /// No store that others see took the token: to wait for one another brings nothing.
    Unshared,
    /// It has not ended: a renewal ahead of time was begun. What ends it writes another note, or removes this one.
    Begun,
    /// It has not ended: somebody is asked to sign in.
    Mending,
}

/// A failure of the source, without its causes.
#[derive(Debug)]
struct Failure {
    kind: FailureKind,
    status: Option<u16>,
    request_id: Option<String>,
    resource: String,
    message: String,
}

const OPERATION: &str = "GetAuthorizationToken";

const KINDS: [(FailureKind, &str); 12] = [
    (FailureKind::NoIdentity, "no-identity"),
    (FailureKind::SignInEnded, "sign-in-ended"),
    (FailureKind::Expired, "expired"),
    (FailureKind::Clock, "clock"),
    (FailureKind::Denied, "denied"),
    (FailureKind::NotFound, "not-found"),
    (FailureKind::Conflict, "conflict"),
    (FailureKind::Invalid, "invalid"),
    (FailureKind::Quota, "quota"),
    (FailureKind::Throttled, "throttled"),
    (FailureKind::Unreachable, "unreachable"),
    (FailureKind::Service, "service"),
];

impl Note {
    /// The note of a flight, if it can be read.
    pub(super) fn read(flight: &Flight) -> Option<Self> {
        Self::parse(&fs::read_to_string(flight.folder().join(file_name(flight))).ok()?)
    }

    /// Notes a failure, with its cause in the same line: a reader gets no source.
    pub(super) fn failed(flight: &Flight, now: SystemTime, error: &SourceError) {
        let SourceError::ControlPlane(error) = error;
        let kind = KINDS.iter().find(|(kind, _)| *kind == error.kind).map_or("service", |(_, word)| word);
        let mut message = error.message.clone();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        let text = format!(
            "failed\n{kind}\n{}\n{}\n{}\n{}\n",
            error.status.map(|status| status.to_string()).unwrap_or_default(),
            one_line(error.request_id.as_deref().unwrap_or_default()),
            one_line(&error.resource),
            one_line(&message),
        );
        write(flight, now, &text);
    }

    /// Notes that a renewal ahead of time was begun.
    pub(super) fn begun(flight: &Flight, now: SystemTime) {
        write(flight, now, "begun\n");
    }

    /// Notes that somebody is asked to sign in.
    pub(super) fn mending(flight: &Flight, now: SystemTime) {
        write(flight, now, "mending\n");
    }

    /// Notes that the token could be kept nowhere.
    pub(super) fn unshared(flight: &Flight, now: SystemTime) {
        write(flight, now, "unshared\n");
    }

    /// Removes the note: the last flight brought a token.
    pub(super) fn clear(flight: &Flight) {
        // Mostly there is none.
        let _ = fs::remove_file(flight.folder().join(file_name(flight)));
    }

    /// The failure to answer with instead of a request at `now`. Whoever waited since `waited_since` was on that
    /// flight, however it failed; newcomers share only what cannot have changed.
    pub(super) fn failure(&self, now: SystemTime, waited_since: Option<SystemTime>) -> Option<SourceError> {
        let Ending::Failed(failure) = &self.ending else { return None };
        let lasting = matches!(
            failure.kind,
            FailureKind::NoIdentity
                | FailureKind::SignInEnded
                | FailureKind::Expired
                | FailureKind::Clock
                | FailureKind::Denied
                | FailureKind::NotFound
                | FailureKind::Invalid
        );
        let was_waited_for = waited_since.is_some_and(|since| self.written >= since);
        let is_shared = was_waited_for || (lasting && self.is_younger_than(REMEMBERED, now));
        is_shared.then(|| {
            SourceError::ControlPlane(ControlPlaneError {
                operation: OPERATION,
                kind: failure.kind,
                resource: failure.resource.clone(),
                status: failure.status,
                request_id: failure.request_id.clone(),
                message: failure.message.clone(),
                source: None,
            })
        })
    }

    /// Whether a renewal failed so lately that the token that still holds is the answer.
    pub(super) fn pauses_renewal(&self, now: SystemTime) -> bool {
        matches!(self.ending, Ending::Failed(_)) && self.is_younger_than(RENEWAL_PAUSE, now)
    }

    /// Whether a renewal ahead of time failed, or was begun, so lately that none is to be begun.
    pub(super) fn pauses_renewal_ahead(&self, now: SystemTime) -> bool {
        matches!(self.ending, Ending::Failed(_) | Ending::Begun) && self.is_younger_than(RENEWAL_PAUSE, now)
    }

    /// Whether somebody is being asked to sign in.
    pub(super) fn is_mending(&self, now: SystemTime) -> bool {
        matches!(self.ending, Ending::Mending) && self.is_younger_than(LONGEST_MENDING, now)
    }

    /// Whether there is nothing to wait for.
    pub(super) fn is_unshared(&self, now: SystemTime) -> bool {
        matches!(self.ending, Ending::Unshared) && self.is_younger_than(UNSHARED, now)
    }

    /// A note from the future, of a clock set back since, is of no age.
    fn is_younger_than(&self, age: Duration, now: SystemTime) -> bool {
        now.duration_since(self.written).is_ok_and(|passed| passed < age)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != VERSION {
            return None;
        }
        let written = UNIX_EPOCH.checked_add(Duration::from_nanos(lines.next()?.parse().ok()?))?;
        let ending = match lines.next()? {
            "unshared" => Ending::Unshared,
            "begun" => Ending::Begun,
            "mending" => Ending::Mending,
            "failed" => {
                let word = lines.next()?;
                Ending::Failed(Failure {
                    kind: KINDS.iter().find(|(_, known)| *known == word)?.0,
                    status: lines.next()?.parse().ok(),
                    request_id: Some(lines.next()?.to_owned()).filter(|id| !id.is_empty()),
                    resource: lines.next()?.to_owned(),
                    message: lines.next()?.to_owned(),
                })
            }
            _ => return None,
        };
        Some(Self { written, ending })
    }
}

fn file_name(flight: &Flight) -> String {
    format!("{}{NOTE_ENDING}", flight.name())
}

/// Without the note the next process makes a request of its own: dearer, not wrong.
fn write(flight: &Flight, now: SystemTime, text: &str) {
    let written = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let content = format!("{VERSION}\n{written}\n{text}");
    let _ = private_folder::replace(flight.folder(), &file_name(flight), content.as_bytes(), Durability::Lazy);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> Option<Note> {
        Note::parse(&format!("{VERSION}\n5000000000\n{text}"))
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn who_shares_a_failure() {
        let denied = note("failed\ndenied\n403\nr-1\ndomain d\nno\n").unwrap();
        let unreachable = note("failed\nunreachable\n\n\ndomain d\ncut\n").unwrap();
        for (now, since, lasting, passing) in [
            (at(5), None, true, false),
            (at(8), None, true, false),
            (at(9), None, false, false),
            // Written in the future: the clock was set back.
            (at(4), None, false, false),
            (at(30), Some(at(5)), true, true),
            (at(30), Some(at(6)), false, false),
        ] {
            assert_eq!(denied.failure(now, since).is_some(), lasting, "{now:?} {since:?}");
            assert_eq!(unreachable.failure(now, since).is_some(), passing, "{now:?} {since:?}");
        }
        let SourceError::ControlPlane(error) = denied.failure(at(5), None).unwrap();
        assert!(error.to_string().starts_with(
            "GetAuthorizationToken on domain d was denied: no (status 403, request id r-1); it needs codeartifact:"
        ));
        let SourceError::ControlPlane(error) = unreachable.failure(at(5), Some(at(5))).unwrap();
        assert_eq!((error.status, error.request_id), (None, None));
    }

    #[test]
    fn pauses() {
        let failed = note("failed\nservice\n500\n\nd\nm\n").unwrap();
        assert!(failed.pauses_renewal(at(64)) && !failed.pauses_renewal(at(65)) && !failed.is_unshared(at(6)));
        let unshared = note("unshared\n").unwrap();
        assert!(unshared.is_unshared(at(64)) && !unshared.is_unshared(at(65)) && !unshared.pauses_renewal(at(6)));
    }

    #[test]
    fn damaged_notes_are_none() {
        for text in ["", "failed\n", "failed\nodd\n\n\nd\nm\n", "other\n", "failed\ndenied\n403\nr\nd"] {
            assert!(note(text).is_none(), "{text}");
        }
        assert!(Note::parse("").is_none());
        assert!(Note::parse(&format!("{VERSION}\nx\nunshared\n")).is_none());
        assert!(Note::parse("codeartifact-note-2\n5\nunshared\n").is_none());
    }
}
