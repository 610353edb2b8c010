//! The service as a running thing: its options, how it starts, how it stops.

use std::{
    collections::BTreeMap,
    error::Error as _,
    fs::{File, TryLockError},
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::{
    assets::Assets,
    audit::{self, Audit, AuditReceiver},
    clock::Clock,
    counters::{Calls, Counters},
    events::{Delivery, EventReceiver},
    external::{Connection, External, Proxies, SourceAddress, SourceFinder},
    faults::{self, Change, FaultError, FaultRule, Faults, Watch},
    formats::{PreparedCache, maven::Announced},
    http,
    identity::Identities,
    notices::Notices,
    state::{Database, DatabaseError, Inbox, Journal, file_in},
    tls::{self, TlsError},
    tokens::{KeyError, Tokens},
};

/// The lock of a data folder: one process serves it.
const LOCK: &str = "lock";
/// What a data folder holds; one with anything else in it, and without a database, is somebody else's.
const OWN: [&str; 11] = [
    LOCK,
    "service.redb",
    "service.redb.new",
    "token.key",
    "token.key.new",
    "assets",
    "staging",
    // Where people who are told of a file for events, or a folder for certificates, put them.
    "events.jsonl",
    audit::FILE,
    audit::FILE_BEFORE,
    "tls",
];
/// Two are enough to saturate a disk and a loopback interface, and are all that a small machine has.
const WORKERS: usize = 2;

/// How a service is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept.
    pub data: Data,
    /// Where to listen: a loopback address, or any other if `identities` are strict; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What tells the time.
    pub clock: Clock,
    /// Bounds of time.
    pub limits: Limits,
    /// Who may call.
    pub identities: Identities,
    /// Scripted failures.
    pub faults: Vec<FaultRule>,
    /// A file of scripted failures, in place of those: it is read again when it changes.
    pub faults_file: Option<PathBuf>,
    /// Where the public sources are; one that is not here behaves as one that is down.
    pub external: BTreeMap<Connection, SourceAddress>,
    /// Asked for those that are not named there.
    pub find_source: Option<SourceFinder>,
    /// Between here and the sources that are not on this machine.
    pub proxies: Proxies,
    /// Who gets the events.
    pub events: Option<EventReceiver>,
    /// Who gets the audit trail.
    pub audit: Option<AuditReceiver>,
    /// Who is told what whoever runs the service should know.
    pub notices: Notices,
    /// Serves over TLS, and over nothing else: the folder of the authority that signs for it (`ca.pem` is what clients
    /// are to trust), made if it is not there.
    pub tls: Option<PathBuf>,
}

/// Where a service keeps everything.
#[derive(Debug, Clone)]
pub enum Data {
    /// In a folder: what was acknowledged is on the disk, and there after a crash. In it: `service.redb` (all
    /// records), `assets` (bytes, by digest), `staging` (bytes on their way in; emptied by a start), `token.key`
    /// (signs tokens; its owner's only) and `lock`. It is made if it is not there; one with other files is refused.
    Durable(PathBuf),
    /// In memory: nothing touches the disk, and all is gone when the service stops.
    Ephemeral,
}

/// Bounds of time, so that no client holds the service up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the header of a request, and for the next request on an open connection.
    pub header: Duration,
    /// Between two pieces of a request's body.
    pub body_idle: Duration,
    /// For a whole body, before its size earns it more.
    pub body_start: Duration,
    /// Bytes of a body that earn it one second more.
    pub body_rate: u64,
    /// Between two bytes of an answer that the client takes.
    pub answer_idle: Duration,
    /// For open requests when the service stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(30),
            body_idle: Duration::from_secs(20),
            body_start: Duration::from_mins(1),
            body_rate: 16 << 10,
            answer_idle: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// A durable service in a folder, on a free port of 127.0.0.1. Its audit trail is in the folder, too.
    pub fn durable(folder: impl Into<PathBuf>, clock: Clock) -> Self {
        let folder = folder.into();
        let audit = Some(AuditReceiver::File(folder.join(audit::FILE)));
        Self { audit, ..Self::new(Data::Durable(folder), clock) }
    }

    /// A service in memory, on a free port of 127.0.0.1. It has no audit trail.
    pub fn ephemeral(clock: Clock) -> Self {
        Self::new(Data::Ephemeral, clock)
    }

    fn new(data: Data, clock: Clock) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            data,
            listen,
            clock,
            limits: Limits::default(),
            identities: Identities::default(),
            faults: Vec::new(),
            faults_file: None,
            external: BTreeMap::new(),
            find_source: None,
            proxies: Proxies::default(),
            events: None,
            audit: None,
            notices: Notices::default(),
            tls: None,
        }
    }
}

/// A service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is reachable from elsewhere.
    #[error(
        "{address} is not a loopback address: serving others needs --strict-auth with a file that says who they are; \
         or listen on 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address is taken, or not of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Another process serves the folder.
    #[error("the data folder `{}` is in use by another process", .folder.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
    },
    /// The folder has other files in it.
    #[error(
        "`{}` is not a data folder of this service: it has `{found}` in it; name a new or an empty folder",
        .folder.display()
    )]
    NotOurs {
        /// The folder asked for.
        folder: PathBuf,
        /// A file in it that is not of this service.
        found: String,
    },
    /// The folder was written by a program with another form of records.
    #[error(
        "the data folder `{}` was written by another version of this program (schema {found}); nothing was changed",
        .folder.display()
    )]
    Schema {
        /// The data folder.
        folder: PathBuf,
        /// The schema it says it has.
        found: String,
    },
    /// The database cannot be read; nothing in it is dropped or repaired on a guess.
    #[error("the database `{}` cannot be used: {problem}; nothing was changed", .file.display())]
    Damaged {
        /// The database.
        file: PathBuf,
        /// What is wrong, and with which record.
        problem: String,
    },
    /// The folder cannot be read or written.
    #[error("the data folder `{}` cannot be used", .folder.display())]
    Folder {
        /// The data folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key that signs tokens cannot be used.
    #[error("{problem} (in the data folder)")]
    Key {
        /// What is wrong with it.
        problem: String,
    },
    /// A fault rule cannot be used.
    #[error("the fault rules cannot be used")]
    Faults(#[source] FaultError),
    /// The audit trail cannot be written.
    #[error("the audit trail cannot be written to {receiver:?}")]
    Audit {
        /// Where it was to go.
        receiver: AuditReceiver,
        /// What the system said.
        source: io::Error,
    },
    /// The authority for TLS cannot be used.
    #[error("TLS cannot be served")]
    Tls(#[source] TlsError),
    /// The system gave no thread.
    #[error("the system gave no thread")]
    Thread(#[source] io::Error),
}

/// Everything that requests share.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    /// If it serves over TLS.
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) journal: Journal,
    pub(crate) assets: Arc<Assets>,
    pub(crate) tokens: Tokens,
    pub(crate) identities: Identities,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    watch: Option<Watch>,
    pub(crate) notices: Notices,
    /// If there is one.
    pub(crate) audit: Option<Arc<Audit>>,
    pub(crate) counters: Counters,
    pub(crate) prepared: PreparedCache,
    pub(crate) external: External,
    /// Uploaded Maven metadata whose checksums may still come.
    pub(crate) announced: Announced,
}

impl Service {
    /// Of the URLs in answers.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Takes the fault rules from their file, if that has changed.
    pub(crate) fn look_at_faults(&self) {
        let Some(watch) = &self.watch else { return };
        match watch.look() {
            None => {}
            Some(Change::Rules(rules)) => {
                self.journal.remember(faults::horizon(&rules));
                self.faults.update(rules);
            }
            Some(Change::Unusable(error)) => {
                let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
                let file = watch.file().display();
                self.notices.tell(&format!("`{file}` was changed, and the fault rules of before stay: {error}{cause}"));
            }
        }
    }
}

/// A running service. Stops when it is dropped.
pub struct LocalService {
    service: Arc<Service>,
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    delivery: Option<Delivery>,
    /// Of the data folder.
    lock: Option<File>,
}

impl LocalService {
    /// Starts a service: returns when it listens and everything kept is loaded. It listens first; who connects
    /// meanwhile waits for the load and not in vain.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let Options { data, listen, clock, limits, identities, faults, faults_file, .. } = options;
        let Options { external, find_source, proxies, events, audit, notices, tls, .. } = options;
        let faults = match &faults_file {
            Some(file) => faults::read(file).map_err(StartError::Faults)?,
            None => faults,
        };
        if !listen.ip().is_loopback() && !identities.is_strict() {
            return Err(StartError::NotLoopback { address: listen });
        }
        let failed = |source| StartError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let clock = clock.skewable();
        let tls = match &tls {
            Some(folder) => {
                let own = Some(listen.ip()).filter(|own| !own.is_loopback() && !own.is_unspecified());
                let others = identities.hosts().iter().cloned().chain(own.map(|own| own.to_string()));
                Some(TlsAcceptor::from(tls::config(folder, others, clock.clone()).map_err(StartError::Tls)?))
            }
            None => None,
        };
        let inbox = Inbox::new();
        let (lock, database, assets, tokens) = match &data {
            Data::Durable(folder) => open(folder, &inbox)?,
            Data::Ephemeral => {
                let database = Database::in_memory().map_err(|error| damaged(Path::new("memory"), &error))?;
                let tokens = Tokens::in_memory().map_err(|error| StartError::Key { problem: error.to_string() })?;
                (None, database, Assets::in_memory(inbox.collector()), tokens)
            }
        };
        let assets = Arc::new(assets);
        let folder = match &data {
            Data::Durable(folder) => folder.as_path(),
            Data::Ephemeral => Path::new("memory"),
        };
        let journal = Journal::start(
            inbox,
            database,
            Arc::clone(&assets),
            clock.clone(),
            events.as_ref().map(EventReceiver::name),
        )
        .map_err(|error| damaged(folder, &error))?;
        let state = journal.snapshot();
        let domains: Vec<_> = state.domains().map(|(key, _)| key.clone()).collect();
        assets
            .sweep(&domains, |domain, digest| state.holds(domain, digest))
            .map_err(|source| StartError::Folder { folder: folder.to_owned(), source })?;

        let scripted = Faults::default();
        journal.remember(faults::horizon(&faults));
        scripted.set(faults).map_err(StartError::Faults)?;
        // Only now: the folder is this service's, and everything else is well.
        let audit = match audit {
            Some(receiver) => {
                let started = Audit::start(receiver.clone(), notices.clone());
                Some(started.map_err(|source| StartError::Audit { receiver, source })?)
            }
            None => None,
        };
        let service = Arc::new(Service {
            address,
            tls,
            journal,
            assets,
            tokens,
            identities,
            clock,
            limits,
            faults: scripted,
            watch: faults_file.map(Watch::new),
            notices,
            audit,
            counters: Counters::default(),
            prepared: PreparedCache::default(),
            external: External::new(&external, find_source, proxies),
            announced: Announced::default(),
        });
        let delivery = match events {
            Some(receiver) => Some(Delivery::start(&service, receiver).map_err(StartError::Thread)?),
            None => None,
        };
        let (stop, thread) = run(listener, Arc::clone(&service)).map_err(|error| {
            if let Some(delivery) = &delivery {
                delivery.stop(&service);
            }
            if let Some(audit) = &service.audit {
                audit.stop(service.limits.drain);
            }
            StartError::Thread(error)
        })?;
        let running = Running { stop, thread, delivery, lock };
        Ok(Self { service, running: Mutex::new(Some(running)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.service.address
    }

    /// The value for `AWS_ENDPOINT_URL_CODEARTIFACT`: `http://127.0.0.1:PORT`, with TLS `https`. The literal address and not
    /// `localhost`: some clients accept plain HTTP to the literal only, and the name may mean `::1` first.
    pub fn url(&self) -> String {
        format!("{}://{}", self.service.scheme(), self.service.address)
    }

    /// How often an operation was called: an API operation such as `GetAuthorizationToken`, or a data-plane request
    /// such as `cargo:download`.
    pub fn calls(&self, operation: &str) -> Calls {
        self.service.counters.of(operation)
    }

    /// All operations that were called. The same as `GET /_local/counters`.
    pub fn counters(&self) -> BTreeMap<&'static str, Calls> {
        self.service.counters.all()
    }

    /// Replaces the scripted failures.
    pub fn set_faults(&self, rules: Vec<FaultRule>) -> Result<(), FaultError> {
        let horizon = faults::horizon(&rules);
        self.service.faults.set(rules)?;
        self.service.journal.remember(horizon);
        Ok(())
    }

    /// Stops: no new connections, open requests finish within the bound, everything acknowledged is on the disk, the
    /// data folder is free. Again is nothing.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { stop, thread, delivery, lock }) = running {
            // Refused if serving has ended already.
            let _ = stop.send(());
            // A thread that panicked serves nobody any more.
            drop(thread.join());
            if let Some(delivery) = delivery {
                delivery.stop(&self.service);
            }
            self.service.journal.stop();
            if let Some(audit) = &self.service.audit {
                audit.stop(self.service.limits.drain);
            }
            drop(lock);
        }
    }
}

impl Drop for LocalService {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for LocalService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalService").field("address", &self.service.address).finish_non_exhaustive()
    }
}

/// The rules of a fault file, for [`Options::faults`].
pub fn read_faults(file: &Path) -> Result<Vec<FaultRule>, FaultError> {
    faults::read(file)
}

/// Serves on a runtime of its own, on a thread of its own: so it can be started, stopped and dropped anywhere, inside
/// another runtime too.
fn run(listener: TcpListener, service: Arc<Service>) -> io::Result<(oneshot::Sender<()>, JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("local-service")
        .enable_io()
        .enable_time()
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("local-service".to_owned()).spawn(move || {
        runtime.block_on(http::serve(listener, service, stopped));
        // Requests that outlived the bound are dropped here; what they had on the disk is swept by the next start.
        runtime.shutdown_timeout(Duration::from_secs(1));
    })?;
    Ok((stop, thread))
}

type Opened = (Option<File>, Database, Assets, Tokens);

/// Opens a data folder, or makes it.
fn open(folder: &Path, inbox: &Inbox) -> Result<Opened, StartError> {
    let failed = |source| StartError::Folder { folder: folder.to_owned(), source };
    make(folder).map_err(failed)?;
    check_ours(folder)?;
    let lock = File::create(folder.join(LOCK)).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StartError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let database = Database::open(folder).map_err(|error| damaged(folder, &error))?;
    let assets = Assets::in_folder(folder, inbox.collector()).map_err(failed)?;
    let tokens = Tokens::in_folder(folder).map_err(|error| match error {
        KeyError::File(source) => failed(source),
        error => StartError::Key { problem: error.to_string() },
    })?;
    Ok((Some(lock), database, assets, tokens))
}

/// A new folder is its owner's only.
fn make(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A folder with other files in it is refused: a start removes what it does not know from `staging` and `assets`.
fn check_ours(folder: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::Folder { folder: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !OWN.iter().any(|own| name == *own) {
            let found = name.to_string_lossy().escape_debug().to_string();
            return Err(StartError::NotOurs { folder: folder.to_owned(), found });
        }
    }
    Ok(())
}

fn damaged(folder: &Path, error: &DatabaseError) -> StartError {
    let folder = folder.to_owned();
    match error {
        DatabaseError::Schema { found } => StartError::Schema { folder, found: found.clone() },
        DatabaseError::Folder(source) => StartError::Folder { folder, source: io::Error::from(source.kind()) },
        DatabaseError::Storage(source) => match source.as_ref() {
            redb::Error::DatabaseAlreadyOpen => StartError::InUse { folder },
            // What ends early or is none is the file's fault, and not the folder's.
            redb::Error::Io(source)
                if !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                StartError::Folder { folder, source: io::Error::from(source.kind()) }
            }
            other => StartError::Damaged { file: file_in(&folder), problem: other.to_string() },
        },
        DatabaseError::Record { .. } | DatabaseError::Missing | DatabaseError::LastTransaction => {
            StartError::Damaged { file: file_in(&folder), problem: error.to_string() }
        }
    }
}
