//! The desktop's keyring over D-Bus, in a plain session, and never with a dialogue.
//!
//! Through the `secret-service` crate and not the keyring project's store on top of it, because that store always opens
//! a Diffie-Hellman session (three times the cost; it guards against eavesdroppers on a bus that only the same user can
//! join) and unlocks by prompting. Here a locked item or collection counts as absent, a service that does not run is not
//! started, and no collection is made.
//!
//! All of it happens on the calling thread: a current-thread runtime that lives for one call and a deadline that drops
//! the call where it stands. Only Unix sockets are spoken to, so that nothing below it can block: no name look-up, no
//! program started by the address.

use std::{
    collections::HashMap,
    future::Future,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use secret_service::{EncryptionType, Item, SecretService};
use tokio::net::UnixStream;
use zbus::address::transport::{Transport, UnixSocket};

use super::{DEADLINE, StoreError, StoredToken, TokenStore, Wiped};
use crate::host::Host;
use crate::token::{AuthorizationToken, TokenScope};

const NAME: &str = "secret-service";

/// The name on the bus under which the service answers.
const SERVICE: &str = "org.freedesktop.secrets";

/// The attribute that all our items have, and its value.
const APPLICATION: (&str, &str) = ("application", "codeartifact");

/// The attribute that holds the scope's key.
const SCOPE: &str = "scope";

/// The Secret Service on the user's session bus.
#[derive(Debug)]
pub struct SecretServiceStore {
    /// `DBUS_SESSION_BUS_ADDRESS`.
    address: Option<String>,
    /// `$XDG_RUNTIME_DIR/bus`, the usual place.
    usual: Option<PathBuf>,
    /// What is left for calls from here on, where somebody said so.
    patience: Mutex<Option<Duration>>,
}

impl SecretServiceStore {
    /// The service on the session bus that `host` names. Connects to nothing yet.
    pub fn new(host: &Host) -> Self {
        Self {
            address: host.var("DBUS_SESSION_BUS_ADDRESS").map(str::to_owned),
            usual: host.var("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("bus")),
            patience: Mutex::default(),
        }
    }

    /// The bus's sockets to try, in order.
    fn sockets(&self) -> Result<Vec<PathBuf>, StoreError> {
        let sockets = match &self.address {
            Some(addresses) => addresses.split(';').filter_map(socket).collect(),
            // No socket is made for a bus that is not there.
            None => self.usual.iter().filter(|path| path.exists()).cloned().collect::<Vec<_>>(),
        };
        if sockets.is_empty() {
            return Err(unavailable(match self.address {
                Some(_) => "DBUS_SESSION_BUS_ADDRESS names no Unix socket",
                None => "there is no session bus",
            }));
        }
        Ok(sockets)
    }

    /// Runs `work` in a session of the service, within the deadline.
    fn session<T, W>(&self, operation: &'static str, work: W) -> Result<T, StoreError>
    where
        W: AsyncFnOnce(&SecretService<'_>) -> Result<T, secret_service::Error>,
    {
        let sockets = self.sockets()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(StoreError::io(NAME, "start"))?;
        let session = async {
            let bus = connect(&sockets).await?;
            let service = SecretService::connect_with_existing(EncryptionType::Plain, bus)
                .await
                .map_err(|error| problem("open a session", error))?;
            work(&service).await.map_err(|error| problem(operation, error))
        };
        let mut patience = self.patience.lock().unwrap_or_else(PoisonError::into_inner);
        let result = runtime.block_on(async {
            let begun = tokio::time::Instant::now();
            let result = within(patience.unwrap_or(DEADLINE), session).await;
            if let Some(left) = &mut *patience {
                *left = left.saturating_sub(begun.elapsed());
            }
            result
        });
        // The bus connection's tasks are dropped, not waited for.
        runtime.shutdown_background();
        result
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let timeout = Err(StoreError::Timeout { store: NAME, after: DEADLINE });
    tokio::time::timeout(patience, work).await.unwrap_or(timeout)
}

/// The path of a Unix socket's address; an abstract one begins with a zero byte, as the system's own form does.
fn socket(address: &str) -> Option<PathBuf> {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};
    let address: zbus::Address = address.parse().ok()?;
    let Transport::Unix(unix) = address.transport() else { return None };
    match unix.path() {
        UnixSocket::File(path) => Some(path.clone()),
        UnixSocket::Abstract(name) => {
            let mut path = vec![0];
            path.extend(name.as_encoded_bytes());
            Some(PathBuf::from(OsString::from_vec(path)))
        }
        _ => None,
    }
}

async fn connect(sockets: &[PathBuf]) -> Result<zbus::Connection, StoreError> {
    let mut last = None;
    for socket in sockets {
        match UnixStream::connect(socket).await {
            Ok(stream) => {
                let bus = zbus::connection::Builder::unix_stream(stream)
                    .build()
                    .await
                    .map_err(|error| StoreError::failed(NAME, "join the session bus", error))?;
                // Asked of the bus, which answers at once: a call to the service itself would start it, locked.
                let name = SERVICE.try_into().expect("a valid bus name");
                let runs = zbus::fdo::DBusProxy::new(&bus)
                    .await
                    .map_err(|error| StoreError::failed(NAME, "ask the session bus", error))?
                    .name_has_owner(name)
                    .await
                    .map_err(|error| StoreError::failed(NAME, "ask the session bus", error))?;
                return if runs { Ok(bus) } else { Err(unavailable("no such service runs on the session bus")) };
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.expect("there is at least one socket");
    Err(unavailable(&format!("the session bus does not answer: {error}")))
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable { store: NAME, reason: reason.to_owned() }
}

fn problem(operation: &'static str, error: secret_service::Error) -> StoreError {
    use secret_service::Error;
    match error {
        Error::Locked | Error::Prompt | Error::PromptDisconnected => StoreError::Locked { store: NAME },
        Error::NoResult => unavailable("it has no default collection"),
        Error::Unavailable => unavailable("no such service runs on the session bus"),
        error => StoreError::failed(NAME, operation, error),
    }
}

/// The unlocked items of a search; where all that was found is locked, that is the answer.
async fn unlocked<'a>(
    service: &'a SecretService<'_>,
    attributes: HashMap<&str, &str>,
) -> Result<Vec<Item<'a>>, secret_service::Error> {
    let found = service.search_items(attributes).await?;
    if found.unlocked.is_empty() && !found.locked.is_empty() {
        return Err(secret_service::Error::Locked);
    }
    Ok(found.unlocked)
}

impl TokenStore for SecretServiceStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        let key = scope.key();
        self.session("read an item", async |service| {
            for item in unlocked(service, HashMap::from([APPLICATION, (SCOPE, &key)])).await? {
                let entry = Wiped(item.get_secret().await?);
                if let Some(token) = AuthorizationToken::from_entry(scope, &entry.0) {
                    return Ok(Some(token));
                }
            }
            Ok(None)
        })
    }

    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        let key = scope.key();
        let label = format!("AWS CodeArtifact token: {}-{}", scope.domain, scope.owner);
        self.session("write an item", async |service| {
            let collection = service.get_default_collection().await?;
            // Writing to a locked one would bring up its dialogue.
            collection.ensure_unlocked().await?;
            let attributes = HashMap::from([APPLICATION, (SCOPE, &key)]);
            collection.create_item(&label, attributes, &token.to_entry(scope), true, "text/plain").await?;
            Ok(())
        })
    }

    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        let key = scope.key();
        self.session("remove an item", async |service| {
            for item in unlocked(service, HashMap::from([APPLICATION, (SCOPE, &key)])).await? {
                item.delete().await?;
            }
            Ok(())
        })
    }

    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        self.session("list items", async |service| {
            let mut tokens = Vec::new();
            for item in unlocked(service, HashMap::from([APPLICATION])).await? {
                let entry = Wiped(item.get_secret().await?);
                tokens.extend(AuthorizationToken::peek_entry(&entry.0));
            }
            tokens.sort_by(|a, b| a.scope.cmp(&b.scope));
            Ok(tokens)
        })
    }

    fn purge(&self, now: SystemTime) -> Result<(), StoreError> {
        self.session("remove old items", async |service| {
            for item in unlocked(service, HashMap::from([APPLICATION])).await? {
                let entry = Wiped(item.get_secret().await?);
                if AuthorizationToken::peek_entry(&entry.0).is_none_or(|token| token.expires <= now) {
                    item.delete().await?;
                }
            }
            Ok(())
        })
    }

    fn place(&self) -> String {
        match (&self.address, &self.usual) {
            (Some(address), _) => address.clone(),
            (None, Some(path)) => path.display().to_string(),
            (None, None) => String::new(),
        }
    }

    fn give(&self, patience: Duration) {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = Some(patience);
    }

    fn is_slow(&self) -> bool {
        true
    }
}
