//! Authorization tokens: the secret, whom it serves, and when it is stale.

use std::{fmt, time::Duration, time::SystemTime};

use zeroize::Zeroizing;

use crate::endpoint::{AccountId, DomainName, Endpoint, Region, ServiceOverride};
use crate::profile::AwsEnvironment;

/// Who asks: what the environment names (profile and role), without resolving a credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub(crate) String);

impl Identity {
    /// The label, such as `profile:default`; holds no secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a token serves: one domain, for one identity, in one Region, at one control plane. Every part counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenScope {
    /// Who asks.
    pub identity: Identity,
    /// The domain.
    pub domain: DomainName,
    /// The account that owns it.
    pub owner: AccountId,
    /// The Region.
    pub region: Region,
    /// The service endpoint override in force when the token was issued; `None` is AWS itself.
    pub service_override: Option<ServiceOverride>,
}

impl TokenScope {
    /// The scope of a token for `endpoint`, as the environment stands.
    pub fn of(_endpoint: &Endpoint, _aws: &AwsEnvironment) -> Self {
        todo!()
    }
    /// The name of the entry in the operating system's store: versioned, reversible, holds no secret.
    pub fn key(&self) -> String {
        todo!()
    }
    /// The scope a key names, if this version of the program wrote it.
    pub fn from_key(_key: &str) -> Option<Self> {
        todo!()
    }
}

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
    /// A token as the service issued it.
    pub fn new(secret: Zeroizing<String>, issued: SystemTime, expires: SystemTime) -> Self {
        Self { secret, issued, expires }
    }
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.secret
    }
    /// When it was issued.
    pub fn issued(&self) -> SystemTime {
        self.issued
    }
    /// When it ends.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }
    /// Where it is in its life at `now`.
    pub fn freshness(&self, _now: SystemTime) -> Freshness {
        todo!()
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

/// The longest life the service gives a token (12 hours).
pub const LONGEST_LIFE: Duration = Duration::from_secs(12 * 60 * 60);
