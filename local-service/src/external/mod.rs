//! Public sources: which there are, and fetching from them.
//!
//! A repository's external connection is asked when a package manager wants what is not stored. Where a source really
//! is (its address) is said by who starts the service: no address is built in, and a source without one behaves as one
//! that is down. A source is asked politely: metadata is remembered for a bounded time, and many who want the same
//! cause one request. It is not trusted: an address may lead anywhere but to link-local and metadata services (and to
//! this machine only if the source itself is on it), sizes are bounded, announced digests are checked.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `connection` | the ten names |
//! | `client` | requests: redirects, address rules, bounds of time |
//! | `documents` | metadata |
//! | `remembered` | what is remembered of it, and for how much room |
//! | `proxy` | the way through a proxy |
//! | `fetch` | assets, into the store and to the client at the same time |

mod client;
mod connection;
mod documents;
mod fetch;
mod proxy;
mod remembered;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
};

use client::Client;
pub use client::{Outward, OutwardError};
pub use connection::{Connection, UnknownConnection};
pub(crate) use documents::{Document, Wanted};
use fetch::Flights;
pub(crate) use fetch::{Fetch, fetch};
use hyper::{StatusCode, Uri};
pub use proxy::Proxies;
use remembered::Remembered;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// Where a public source is.
#[derive(Clone)]
pub struct SourceAddress {
    base: Uri,
    authorization: Option<Zeroizing<String>>,
}

/// An address that cannot be a source's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceAddressError {
    /// Not an absolute `http` or `https` URL.
    #[error("a source's address is an absolute http or https URL")]
    NotAUrl,
    /// It carries a name or a password.
    #[error("a source's address has no user part: a secret in an address ends up in logs")]
    UserPart,
}

impl SourceAddress {
    /// An address as a setting has it: with or without a slash at the end.
    pub fn parse(url: &str) -> Result<Self, SourceAddressError> {
        let uri: Uri = url.parse().map_err(|_| SourceAddressError::NotAUrl)?;
        let scheme_holds = matches!(uri.scheme_str(), Some("http" | "https"));
        if !scheme_holds || uri.query().is_some() {
            return Err(SourceAddressError::NotAUrl);
        }
        let authority = uri.authority().ok_or(SourceAddressError::NotAUrl)?;
        if authority.as_str().contains('@') {
            return Err(SourceAddressError::UserPart);
        }
        Ok(Self { base: uri, authorization: None })
    }

    /// With a value for the `Authorization` header; it is sent to the address's own host and port only.
    #[must_use]
    pub fn with_authorization(mut self, authorization: Zeroizing<String>) -> Self {
        self.authorization = Some(authorization);
        self
    }

    /// The URL of a path below the address, or the URL itself if it is one.
    fn resolve(&self, link: &str) -> Result<Uri, ExternalError> {
        let unusable = |_| ExternalError::Link;
        if link.starts_with("http://") || link.starts_with("https://") {
            return link.parse().map_err(unusable);
        }
        let base = self.base.to_string();
        format!("{}/{}", base.trim_end_matches('/'), link.trim_start_matches('/')).parse().map_err(unusable)
    }
}

/// The address, without what authorises.
impl fmt::Debug for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceAddress").field("base", &self.base).finish_non_exhaustive()
    }
}

/// A public source did not give what was asked of it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ExternalError {
    #[error("no address is known for {connection}: name one with `--external {connection}=URL`")]
    NoAddress { connection: Connection },
    #[error("{connection} cannot be reached: {problem}")]
    Unreachable { connection: Connection, problem: String },
    #[error("{connection} answered with {status}")]
    Status { connection: Connection, status: StatusCode },
    #[error("{connection} sent more than {limit} bytes of metadata")]
    TooLarge { connection: Connection, limit: u64 },
    #[error("{connection} leads to an address that is not asked: {reason}")]
    Forbidden { connection: Connection, reason: &'static str },
    #[error("a link is not a URL")]
    Link,
    #[error("{connection} sent an asset whose {algorithm} is {found}, and {expected} was announced")]
    OtherContent { connection: Connection, algorithm: &'static str, expected: String, found: String },
    #[error("the asset could not be stored")]
    Storage,
}

/// Says where a public source is, where nobody has said it: asked when the source is first needed, once, on a thread
/// that may wait.
#[derive(Clone)]
pub struct SourceFinder(Arc<dyn Fn(Connection) -> Option<SourceAddress> + Send + Sync>);

impl SourceFinder {
    /// Asks a function.
    pub fn new(find: impl Fn(Connection) -> Option<SourceAddress> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }
}

impl fmt::Debug for SourceFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceFinder")
    }
}

/// The public sources that this service can ask.
pub(crate) struct External {
    addresses: BTreeMap<Connection, OnceCell<Option<SourceAddress>>>,
    finder: Option<SourceFinder>,
    proxies: Proxies,
    /// Made when it is first needed: most services never ask.
    client: OnceLock<Client>,
    documents: Remembered,
    flights: Flights,
}

impl External {
    pub(crate) fn new(
        named: &BTreeMap<Connection, SourceAddress>,
        finder: Option<SourceFinder>,
        proxies: Proxies,
    ) -> Self {
        let cell = |connection| match named.get(&connection) {
            Some(address) => OnceCell::new_with(Some(Some(address.clone()))),
            None => OnceCell::new(),
        };
        let addresses = Connection::ALL.iter().map(|connection| (*connection, cell(*connection))).collect();
        let client = OnceLock::new();
        Self { addresses, finder, proxies, client, documents: Remembered::default(), flights: Flights::default() }
    }

    async fn address(&self, connection: Connection) -> Result<&SourceAddress, ExternalError> {
        let found = self.addresses[&connection].get_or_init(async || {
            let SourceFinder(find) = self.finder.clone()?;
            // A finder that panicked has found nothing.
            tokio::task::spawn_blocking(move || find(connection)).await.ok().flatten()
        });
        found.await.as_ref().ok_or(ExternalError::NoAddress { connection })
    }

    /// Where a NuGet source's service index is: its address, as clients have it, or where it is by custom below one.
    pub(crate) async fn service_index(&self, connection: Connection) -> Result<String, ExternalError> {
        let base = self.address(connection).await?.base.to_string();
        let base = base.trim_end_matches('/');
        Ok(match base.rsplit('/').next() {
            Some(name) if Path::new(name).extension().is_some_and(|kind| kind.eq_ignore_ascii_case("json")) => {
                base.to_owned()
            }
            Some("v3") => format!("{base}/index.json"),
            _ => format!("{base}/v3/index.json"),
        })
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(self.proxies.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url_without_secrets() {
        for good in ["https://mirror.example.com", "https://mirror.example.com/a/b/", "http://127.0.0.1:8080/x"] {
            assert!(SourceAddress::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "mirror.example.com", "ftp://mirror.example.com", "/path", "https://", "https://a.example/?q=1"]
        {
            assert_eq!(SourceAddress::parse(bad).unwrap_err(), SourceAddressError::NotAUrl, "{bad}");
        }
        let with_user = SourceAddress::parse("https://user:secret@mirror.example.com/").unwrap_err();
        assert_eq!(with_user, SourceAddressError::UserPart);
    }

    #[test]
    fn links_are_below_the_address_or_stand_alone() {
        let source = SourceAddress::parse("https://mirror.example.com/base/").unwrap();
        let resolved = |link| source.resolve(link).unwrap().to_string();
        assert_eq!(resolved("a/b"), "https://mirror.example.com/base/a/b");
        assert_eq!(resolved("/a"), "https://mirror.example.com/base/a");
        assert_eq!(resolved("https://files.example.com/x"), "https://files.example.com/x");
        assert!(source.resolve("a b").is_err());
    }

    #[test]
    fn what_authorises_is_not_shown() {
        let source = SourceAddress::parse("https://mirror.example.com").unwrap();
        let source = source.with_authorization(Zeroizing::new("Bearer canary".to_owned()));
        assert!(!format!("{source:?}").contains("canary"));
    }
}
