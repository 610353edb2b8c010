//! Authorization tokens: the secret, whom it serves, and when it is stale.
//!
//! A token opens every repository of a domain to its bearer for up to 12 hours and cannot be revoked. So it has no
//! `Display`, no `Serialize` and no `Clone`, is wiped from memory when dropped, and leaves through one door:
//!
//! ```
//! # use codeartifact::AuthorizationToken;
//! fn authorization_header(token: &AuthorizationToken) -> String {
//!     format!("Bearer {}", token.expose())
//! }
//! ```
//!
//! ```compile_fail,E0277
//! # use codeartifact::AuthorizationToken;
//! fn printed(token: &AuthorizationToken) -> String {
//!     format!("{token}") // no `Display`
//! }
//! ```
//!
//! ```compile_fail,E0277
//! # use codeartifact::AuthorizationToken;
//! fn written(token: &AuthorizationToken) -> String {
//!     serde_json::to_string(token).unwrap() // no `Serialize`
//! }
//! ```
//!
//! ```compile_fail,E0277
//! # use codeartifact::AuthorizationToken;
//! fn twice<T: Clone>(token: &T) -> T { token.clone() }
//! fn copied(token: &AuthorizationToken) -> AuthorizationToken {
//!     twice(token) // no `Clone`
//! }
//! ```

use std::{fmt, time::Duration, time::SystemTime};

use zeroize::Zeroizing;

mod entry;
mod scope;

pub(crate) use scope::hex;
pub use scope::{Identity, ScopeError, TokenScope};

/// The longest life the service gives a token: 12 hours.
pub const LONGEST_LIFE: Duration = Duration::from_hours(12);

/// How far this machine's clock may be from the service's before a token's times are not believed.
pub const CLOCK_TOLERANCE: Duration = Duration::from_mins(5);

/// What must be left of a token that is given out: a client that got one asks again only for its next request (Cargo
/// takes a 401 as final), so the token has to live through the request that follows.
const MARGIN: Duration = Duration::from_mins(1);

/// With less than this left (or a tenth of the token's life, if that is less) a caller waits for a new token.
const WAIT_BELOW: Duration = Duration::from_mins(15);

/// An authorization token. It has no `Display` and no `Serialize`; [`expose`](Self::expose) is the only way out.
#[derive(PartialEq, Eq)]
pub struct AuthorizationToken {
    secret: Zeroizing<String>,
    issued: SystemTime,
    expires: SystemTime,
}

/// How far a token is through its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Before half of its life.
    Fresh,
    /// Past half of its life: to be renewed, still good.
    Due,
    /// At or past its end, less a margin for the request that follows.
    Expired,
}

impl AuthorizationToken {
    /// A token as the service issued it, with this machine's time at that moment.
    ///
    /// The service never gives more than [`LONGEST_LIFE`]; where `expires` lies beyond, this machine's clock is behind
    /// and the end is put at `issued` plus 12 hours, which is right by the same clock.
    pub fn new(secret: Zeroizing<String>, issued: SystemTime, expires: SystemTime) -> Self {
        let latest = issued.checked_add(LONGEST_LIFE).unwrap_or(expires);
        Self { secret, issued, expires: expires.min(latest) }
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.secret
    }

    /// When it was issued, by this machine's clock.
    pub fn issued(&self) -> SystemTime {
        self.issued
    }

    /// When it ends.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }

    /// Where it is in its life at `now`.
    ///
    /// Due from half of its life on. Expired when a minute is left (or a tenth of its life, if that is less), and when
    /// it claims to be issued more than [`CLOCK_TOLERANCE`] in the future: then the clock was set back since, and the
    /// end cannot be believed either.
    pub fn freshness(&self, now: SystemTime) -> Freshness {
        let life = self.life();
        let from_the_future = self.issued.duration_since(now).is_ok_and(|ahead| ahead > CLOCK_TOLERANCE);
        let left = self.left(now);
        if from_the_future || left <= MARGIN.min(life / 10) {
            Freshness::Expired
        } else if left <= life / 2 {
            Freshness::Due
        } else {
            Freshness::Fresh
        }
    }

    /// Whether a caller should wait for a new token at `now` rather than take this one: less than a tenth of its life
    /// or 15 minutes is left, whichever is less. Where no new one is to be had, it is still good until it has expired.
    pub fn wants_waiting(&self, now: SystemTime) -> bool {
        self.freshness(now) == Freshness::Expired || self.left(now) < WAIT_BELOW.min(self.life() / 10)
    }

    fn life(&self) -> Duration {
        self.expires.duration_since(self.issued).unwrap_or_default()
    }

    fn left(&self, now: SystemTime) -> Duration {
        self.expires.duration_since(now).unwrap_or_default()
    }
}

impl fmt::Debug for AuthorizationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationToken")
            .field("secret", &"REDACTED")
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .finish()
    }
}

#[cfg(test)]
mod tests;
