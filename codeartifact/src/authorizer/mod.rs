//! The deep module: from an endpoint to a token that holds, whatever it takes.
//!
//! | what the stores have | what happens |
//! | --- | --- |
//! | a fresh token | it is the answer |
//! | one past half of its life | it is the answer at once, and one process that nobody waits for renews it; if that fails, none is started for a minute |
//! | one near its end (a tenth or 15 minutes left) | one process renews it, the others wait for the new one; if the renewal fails the old one is the answer for another minute, without a request each time |
//! | none, or an expired one | one process asks the service, the others wait for it, at most 30 s |
//!
//! A failure is the answer for all who waited for it; one that cannot change by itself (no identity, denied, not found,
//! not valid) also for those who come in the 4 seconds after. So N processes make one request, and at most two when it
//! fails. The token is kept in a quick store before the waiters are let go; the slow stores are written after the answer
//! ([`Authorizer::settle`]).
//!
//! A process that starts no others (see [`Authorizer::leaving_renewals`]) renews a token past half of its life itself,
//! before it answers, if nobody else is at it.
//!
//! Where tokens are kept nowhere that other processes see (the stores `none` and `memory`, or none that works), there is
//! nothing to wait for: every process asks for a token of its own.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

use crate::endpoint::Endpoint;
use crate::host::Host;
use crate::private_folder::FolderError;
use crate::profile::AwsEnvironment;
use crate::source::{SourceError, TokenSource, environment_token};
use crate::store::{StoreError, Stores};
use crate::token::{AuthorizationToken, Freshness, ScopeError, TokenScope};

mod ahead;
mod flight;
mod note;

pub use ahead::Renewal;

use flight::{Flight, Turn};
use note::Note;

/// The longest wait for another process's request. The source gives up after 20 s.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The age up to which a kept token counts as new: another process that was refused may just have brought it.
const NEW: Duration = Duration::from_mins(1);

/// What clients see: a token, and another one where that was refused.
pub trait Authorize {
    /// A token for the domain of `endpoint`, good for at least the request that follows.
    fn token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError>;

    /// The service refused the token that [`Authorize::token_for`] gave: a new one, issued within the last minute.
    fn new_token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError>;
}

/// Store, then one flight to the source for any number of processes, then store again.
pub struct Authorizer<'a> {
    host: &'a Host,
    aws: &'a AwsEnvironment,
    stores: Stores,
    source: Box<dyn TokenSource + 'a>,
    /// The flight among the threads of this process, for where tokens are shared with no other.
    here: Mutex<()>,
    /// Saves that are left for after the answer: the places of the stores, in their order.
    unsettled: Mutex<Vec<(TokenScope, AuthorizationToken, Vec<usize>)>>,
    /// Whether another process renews ahead of time.
    leaves_renewals: bool,
    /// Whose tokens were given out past half of their lives.
    due: Mutex<Vec<Endpoint>>,
}

/// No token.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// It cannot be said whose token is needed.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// The source has none.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The folder for locks is not to be trusted.
    #[error("the folder for locks cannot be used")]
    Lock(#[from] FolderError),
    /// Another process has been asking for the same token for too long.
    #[error("another process has been asking for the same token for {} s", waited.as_secs())]
    Busy {
        /// How long.
        waited: Duration,
    },
}

impl AuthorizeError {
    /// What the user can do about it, in one line.
    pub fn hint(&self) -> Option<String> {
        match self {
            AuthorizeError::Scope(ScopeError::NoRegion { .. }) => Some("set AWS_REGION".to_owned()),
            AuthorizeError::Scope(ScopeError::Account { .. }) => Some(ScopeError::ACCOUNT_HINT.to_owned()),
            AuthorizeError::Scope(ScopeError::OtherOverride { .. }) => {
                Some("set AWS_ENDPOINT_URL_CODEARTIFACT to the service that has this repository".to_owned())
            }
            AuthorizeError::Source(SourceError::ControlPlane(error)) => Some(error.hint()),
            AuthorizeError::Lock(error) => Some(error.hint()),
            AuthorizeError::Busy { .. } => Some("see whether a credential process or a sign-in hangs".to_owned()),
        }
    }
}

impl<'a> Authorizer<'a> {
    /// Tokens for the identity of `aws`, from `stores`, else from `source`. Opens nothing yet.
    pub fn new(
        host: &'a Host,
        aws: &'a AwsEnvironment,
        stores: Stores,
        source: impl TokenSource + 'a,
    ) -> Authorizer<'a> {
        Self {
            host,
            aws,
            stores,
            source: Box::new(source),
            here: Mutex::default(),
            unsettled: Mutex::default(),
            leaves_renewals: false,
            due: Mutex::default(),
        }
    }

    /// The stores.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The token that can be given at once, without the source: a fresh one, one past half of its life (see
    /// [`Authorizer::renewals`]), or one near its end that could not be renewed a moment ago. `None` means that
    /// [`token_for`](Authorize::token_for) has work to do.
    pub fn warm(&self, endpoint: &Endpoint) -> Option<AuthorizationToken> {
        let scope = TokenScope::of(endpoint, self.aws).ok()?;
        let now = self.host.now();
        if let Some(token) = environment_token(self.host, &scope) {
            return Some(token);
        }
        let token = self.held(&scope, now)?;
        if token.freshness(now) == Freshness::Fresh {
            return Some(token);
        }
        if !token.wants_waiting(now) {
            self.leave_renewal(endpoint);
            return Some(token);
        }
        Note::read(&self.flight(&scope)?).is_some_and(|note| note.pauses_renewal(now)).then_some(token)
    }

    /// Does what was left for after the answer where a token was issued: writes the slow stores, removes old entries. The
    /// result names the stores that could not be written. Up to 2 s for each slow store.
    pub fn settle(&self) -> Vec<StoreError> {
        let unsettled = std::mem::take(&mut *self.unsettled.lock().unwrap_or_else(PoisonError::into_inner));
        if unsettled.is_empty() {
            return Vec::new();
        }
        let now = self.host.now();
        self.stores.begin();
        let mut problems: Vec<StoreError> = unsettled
            .iter()
            .flat_map(|(scope, token, places)| places.iter().map(move |place| (scope, token, *place)))
            .filter_map(|(scope, token, place)| self.stores.save_in(place, scope, token, now).err())
            .collect();
        problems.extend(self.stores.purge(now));
        problems
    }

    /// The flight among processes, where there is something to share.
    fn flight(&self, scope: &TokenScope) -> Option<Flight> {
        if self.stores.are_shared() { Flight::of(self.host, scope) } else { None }
    }

    /// A token past half of its life: renewed by whoever comes first, and good enough if that fails.
    fn renewed(
        &self,
        endpoint: &Endpoint,
        scope: &TokenScope,
        old: AuthorizationToken,
    ) -> Result<AuthorizationToken, AuthorizeError> {
        let now = self.host.now();
        let Some(flight) = self.flight(scope) else { return self.alone(scope, Some(old)) };
        if self.leaves_renewals && !old.wants_waiting(now) {
            self.leave_renewal(endpoint);
            return Ok(old);
        }
        if Note::read(&flight).is_some_and(|note| note.pauses_renewal(now)) {
            return Ok(old);
        }
        let turn = match flight.try_lead()? {
            Turn::Taken if old.wants_waiting(now) => self.waited(&flight)?,
            turn => turn,
        };
        match turn {
            Turn::Taken => Ok(old),
            Turn::Alone => self.alone(scope, Some(old)),
            Turn::Leads(_seat) => {
                let now = self.host.now();
                // The second look: whoever had the seat before may have renewed it.
                if let Some(token) = self.held(scope, now)
                    && token.freshness(now) == Freshness::Fresh
                {
                    return Ok(token);
                }
                if Note::read(&flight).is_some_and(|note| note.pauses_renewal(now)) {
                    return Ok(old);
                }
                self.issued(scope, Some(&flight), false).or_else(|error| self.still_good(old, error))
            }
        }
    }

    /// No token that holds: one request for all who come.
    fn fetched(&self, scope: &TokenScope) -> Result<AuthorizationToken, AuthorizeError> {
        let Some(flight) = self.flight(scope) else { return self.alone(scope, None) };
        let arrived = self.host.now();
        if let Some(note) = Note::read(&flight) {
            if let Some(error) = note.failure(arrived, None) {
                return Err(error.into());
            }
            if note.is_unshared(arrived) {
                return self.alone(scope, None);
            }
        }
        let (turn, waited_since) = match flight.try_lead()? {
            Turn::Taken => (self.waited(&flight)?, Some(arrived)),
            turn => (turn, None),
        };
        let seat = match turn {
            Turn::Leads(seat) => seat,
            Turn::Alone => return self.alone(scope, None),
            Turn::Taken => return Err(AuthorizeError::Busy { waited: LONGEST_WAIT }),
        };
        let now = self.host.now();
        // The second look: whoever had the seat before may have brought one.
        if let Some(token) = self.held(scope, now) {
            return Ok(token);
        }
        if let Some(note) = Note::read(&flight) {
            if let Some(error) = note.failure(now, waited_since) {
                return Err(error.into());
            }
            if note.is_unshared(now) {
                // All who waited ask at once, each for its own.
                drop(seat);
                return self.alone(scope, None);
            }
        }
        Ok(self.issued(scope, Some(&flight), true)?)
    }

    /// Without other processes; the threads of this one still take turns.
    fn alone(&self, scope: &TokenScope, old: Option<AuthorizationToken>) -> Result<AuthorizationToken, AuthorizeError> {
        let _turn = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.host.now();
        match self.held(scope, now).or(old) {
            Some(token) if token.freshness(now) == Freshness::Fresh => Ok(token),
            Some(old) => self.issued(scope, None, false).or_else(|error| self.still_good(old, error)),
            None => Ok(self.issued(scope, None, true)?),
        }
    }

    /// The old token, if it still holds now that the source has failed.
    fn still_good(&self, old: AuthorizationToken, error: SourceError) -> Result<AuthorizationToken, AuthorizeError> {
        if old.freshness(self.host.now()) == Freshness::Expired { Err(error.into()) } else { Ok(old) }
    }

    /// Asks the source, keeps the token where others find it, and notes what they cannot find. With `may_mend` the user
    /// may be asked to see to a failure, and the source is asked again.
    fn issued(
        &self,
        scope: &TokenScope,
        flight: Option<&Flight>,
        may_mend: bool,
    ) -> Result<AuthorizationToken, SourceError> {
        let mut result = self.source.issue(scope);
        if let Err(error) = &result
            && may_mend
            && self.source.mend(scope, error, &|| flight.into_iter().for_each(|f| Note::mending(f, self.host.now())))
        {
            result = self.source.issue(scope);
        }
        self.kept(scope, flight, &result);
        result
    }

    /// Waits for another process's request, and longer where somebody is asked to sign in there.
    fn waited(&self, flight: &Flight) -> Result<Turn, AuthorizeError> {
        loop {
            let turn = flight.wait(LONGEST_WAIT)?;
            let is_mending = || Note::read(flight).is_some_and(|note| note.is_mending(self.host.now()));
            if !(matches!(turn, Turn::Taken) && is_mending()) {
                return Ok(turn);
            }
        }
    }

    fn kept(&self, scope: &TokenScope, flight: Option<&Flight>, result: &Result<AuthorizationToken, SourceError>) {
        let now = self.host.now();
        match result {
            Ok(token) => {
                let saved = self.stores.save_first(scope, token, now);
                if let Some(flight) = flight {
                    if saved.is_shared {
                        flight.see(token.issued());
                        Note::clear(flight);
                    } else {
                        Note::unshared(flight, now);
                    }
                }
                let entry = (scope.clone(), duplicate(token), saved.left);
                self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
            }
            Err(error) => {
                if let Some(flight) = flight {
                    Note::failed(flight, now, error);
                }
            }
        }
    }

    /// What the stores have, not expired. Their troubles are for `status` to show: here they only cost a request.
    ///
    /// An entry older than one that was kept already was put back by somebody - a restored folder, a copied file - and
    /// is as good as absent, whatever it says.
    fn held(&self, scope: &TokenScope, now: SystemTime) -> Option<AuthorizationToken> {
        let token = self.stores.load(scope, now).token?;
        let seen = self.flight(scope).and_then(|flight| flight.seen());
        let is_rolled_back = seen.is_some_and(|seen| seen.duration_since(token.issued()).is_ok_and(|gap| gap > NEW));
        (!is_rolled_back).then_some(token)
    }
}

/// A second copy, for the stores that are written after the answer. Tokens have no `Clone`, so that copies are rare and
/// seen.
fn duplicate(token: &AuthorizationToken) -> AuthorizationToken {
    AuthorizationToken::new(Zeroizing::new(token.expose().to_owned()), token.issued(), token.expires())
}

impl Authorize for Authorizer<'_> {
    fn token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        let scope = TokenScope::of(endpoint, self.aws)?;
        if let Some(token) = environment_token(self.host, &scope) {
            return Ok(token);
        }
        self.stores.begin();
        let now = self.host.now();
        match self.held(&scope, now) {
            Some(token) if token.freshness(now) == Freshness::Fresh => Ok(token),
            Some(old) => self.renewed(endpoint, &scope, old),
            None => self.fetched(&scope),
        }
    }

    fn new_token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        let scope = TokenScope::of(endpoint, self.aws)?;
        if let Some(token) = environment_token(self.host, &scope) {
            return Ok(token);
        }
        self.stores.begin();
        let flight = self.flight(&scope);
        let _seat = match flight.as_ref().map(|flight| self.waited(flight)).transpose()? {
            Some(Turn::Leads(seat)) => Some(seat),
            Some(Turn::Taken) => return Err(AuthorizeError::Busy { waited: LONGEST_WAIT }),
            Some(Turn::Alone) | None => None,
        };
        let now = self.host.now();
        let is_new = |token: &AuthorizationToken| now.duration_since(token.issued()).is_ok_and(|age| age <= NEW);
        match self.held(&scope, now).filter(is_new) {
            Some(token) => Ok(token),
            None => Ok(self.issued(&scope, flight.as_ref(), true)?),
        }
    }
}

impl fmt::Debug for Authorizer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").field("aws", self.aws).field("stores", &self.stores).finish_non_exhaustive()
    }
}
