//! One proxy for each user: who runs, where, and how to reach it.
//!
//! A running proxy holds a lock of the system on a file in the folder for locks; the lock goes with it, however it ends.
//! Beside it lies a note, its owner's only, with its address and key. Whoever starts, looks or stops does so behind a
//! second lock, so that two who start at once have one proxy, and nobody sees a note that is not written yet.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use codeartifact::{
    FolderError, Host,
    private_folder::{self, Durability},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{guard::Key, serve::ABOUT};

/// The file whose lock the running proxy holds.
const LOCK: &str = "proxy.lock";
/// The file whose lock is held by whoever starts or looks.
const GATE: &str = "proxy-start.lock";
const NOTE: &str = "proxy.json";

/// A start takes a fraction of it.
const START: Duration = Duration::from_secs(20);

/// For a running proxy to answer, and to go.
const ANSWER: Duration = Duration::from_secs(10);

/// Starting, finding or stopping a proxy failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstanceError {
    /// There is no folder for locks.
    #[error("there is no folder for locks: neither XDG_RUNTIME_DIR nor HOME is set")]
    NoFolder,
    /// It is not to be trusted.
    #[error("the folder for locks cannot be used")]
    Folder(#[from] FolderError),
    /// The system refuses something.
    #[error("cannot {action} `{}`", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The address is taken by another program.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is one already.
    #[error("a proxy runs already, at {url}")]
    Runs {
        /// Where.
        url: String,
    },
    /// There is one, and it is not where it is wanted.
    #[error("the settings lead to a proxy at http://{wanted}, and yours runs at {url}")]
    Elsewhere {
        /// Where it is wanted.
        wanted: SocketAddr,
        /// Where it is.
        url: String,
    },
    /// A new one ended before it listened.
    #[error("the proxy did not start: {reason}")]
    NotStarted {
        /// What it said.
        reason: String,
    },
    /// The running one does not answer.
    #[error("the proxy at {url} does not answer")]
    Mute {
        /// Where it is.
        url: String,
        /// What happened instead.
        #[source]
        source: Box<ureq::Error>,
    },
    /// It was told to stop, and is still there.
    #[error("the proxy at {url} still serves somebody after {} s", ANSWER.as_secs())]
    Stays {
        /// Where it is.
        url: String,
    },
}

/// The note of a running proxy.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) pid: u32,
    key: String,
    /// Whether every client has to bring the key.
    pub(crate) needs_key: bool,
}

impl Running {
    pub(super) fn new(listening: SocketAddr, key: &Key) -> Self {
        let (url, pid) = (format!("http://{listening}"), std::process::id());
        Self { url, pid, key: key.expose().to_owned(), needs_key: !cfg!(target_os = "linux") }
    }

    /// What a client brings as its credential where the system does not say whose it is.
    pub(crate) fn key(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.clone())
    }

    /// Asks it about itself.
    pub(super) fn ask(&self, method: &str, about: &str) -> Result<serde_json::Value, InstanceError> {
        let mute = |error: ureq::Error| InstanceError::Mute { url: self.url.clone(), source: Box::new(error) };
        let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER)).max_redirects(0).proxy(None).build();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{ABOUT}{about}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .body(())
            .map_err(|error| mute(error.into()))?;
        let mut response = ureq::Agent::new_with_config(config).run(request).map_err(mute)?;
        let bytes = response.body_mut().read_to_vec().map_err(mute)?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

/// Without the key.
impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("url", &self.url).field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// The folder, with nobody else starting or looking meanwhile.
pub(super) struct Gate {
    folder: PathBuf,
    _lock: File,
}

/// The place of the one that runs.
pub(super) struct Place {
    folder: PathBuf,
    lock: File,
}

impl Gate {
    pub(super) fn enter(host: &Host) -> Result<Self, InstanceError> {
        let folder = host.runtime_dir().ok_or(InstanceError::NoFolder)?;
        private_folder::ensure(&folder)?;
        let path = folder.join(GATE);
        let lock = open(&path)?;
        lock.lock().map_err(|source| InstanceError::System { action: "lock", path, source })?;
        Ok(Self { folder, _lock: lock })
    }

    /// The one that runs.
    pub(super) fn running(&self) -> Result<Option<Running>, InstanceError> {
        Ok(self.take()?.err())
    }

    /// The place, if nobody has it; else who has.
    pub(super) fn take(&self) -> Result<Result<Place, Running>, InstanceError> {
        let path = self.folder.join(LOCK);
        let lock = open(&path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Ok(Place { folder: self.folder.clone(), lock })),
            Err(TryLockError::WouldBlock) => {
                let path = self.folder.join(NOTE);
                let unreadable = |source| InstanceError::System { action: "read", path: path.clone(), source };
                let text = fs::read(&path).map_err(unreadable)?;
                let running = serde_json::from_slice(&text).map_err(|error| unreadable(error.into()))?;
                Ok(Err(running))
            }
            Err(TryLockError::Error(source)) => Err(InstanceError::System { action: "lock", path, source }),
        }
    }
}

impl Place {
    /// Says who has it.
    pub(super) fn announce(&self, running: &Running) -> Result<(), InstanceError> {
        let failed = |source| InstanceError::System { action: "write", path: self.folder.join(NOTE), source };
        let text = Zeroizing::new(serde_json::to_vec(running).map_err(|error| failed(error.into()))?);
        private_folder::replace(&self.folder, NOTE, &text, Durability::Lazy).map_err(failed)
    }
}

impl Place {
    /// Leaves it. The lock goes with the process, so that who waits for the one waits for the other.
    pub(super) fn leave(self) {
        // Before the lock goes: whoever has it next writes a note of its own.
        let _ = fs::remove_file(self.folder.join(NOTE));
        std::mem::forget(self.lock);
    }
}

/// For reading and writing: some network file systems lock only what is open so.
fn open(path: &Path) -> Result<File, InstanceError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path).map_err(|source| InstanceError::System { action: "open", path: path.to_owned(), source })
}

/// The proxy of this user, if one runs.
pub(crate) fn running(host: &Host) -> Result<Option<Running>, InstanceError> {
    Gate::enter(host)?.running()
}

/// Starts one aside, unless it runs already: by the command of that name, which leaves nothing of this process open in it.
pub(crate) fn ensure(host: &Host, address: SocketAddr) -> Result<Running, InstanceError> {
    let is_there = |running: Running| {
        if running.url == format!("http://{address}") {
            Ok(running)
        } else {
            Err(InstanceError::Elsewhere { wanted: address, url: running.url })
        }
    };
    if let Some(running) = running(host)? {
        return is_there(running);
    }
    let program = host.program().ok_or_else(|| not_started("the system does not say where this program is"))?;
    let mut command = Command::new(program);
    command.args(["proxy", "--detach", "--quiet", "--listen", &address.to_string()]);
    command.env_clear().envs(host.vars()).stdin(Stdio::null());
    let output = command.output().map_err(|error| not_started(error.to_string()))?;
    match running(host)? {
        Some(running) => is_there(running),
        None => Err(not_started(first_line(&output.stderr))),
    }
}

fn not_started(reason: impl Into<String>) -> InstanceError {
    InstanceError::NotStarted { reason: reason.into() }
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or("it said nothing").trim_start_matches("error: ");
    let more: Vec<&str> = text.lines().skip(1).take_while(|line| line.starts_with("  ")).map(str::trim).collect();
    [&[line], &more[..]].concat().join(": ")
}

/// Starts the proxy as a process that outlives this one, and waits until it listens. It has no terminal, no stream and no
/// file of this process.
pub(super) fn detach(host: &Host, words: &[String]) -> Result<(), InstanceError> {
    let program = host.program().ok_or_else(|| not_started("the system does not say where this program is"))?;
    // Only the streams are passed on: a client that reads a pipe to its end would wait for the proxy's.
    #[cfg(unix)]
    close_fds::set_fds_cloexec(3, &[]);
    let mut command = Command::new(program);
    command.arg("proxy").args(words).env_clear().envs(host.vars());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(root) = host.current_dir().ancestors().last() {
        // Nor does it keep a folder from being unmounted.
        command.current_dir(root);
    }
    let mut child = command.spawn().map_err(|error| not_started(error.to_string()))?;
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(not_started("its output is not there"));
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        // Nobody listens after the limit.
        let _ = sender.send(read.is_ok_and(|length| length > 0));
    });
    match receiver.recv_timeout(START) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let mut said = Vec::new();
            let _ = stderr.read_to_end(&mut said);
            let _ = child.wait();
            Err(not_started(first_line(&said)))
        }
        Err(_) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(not_started(format!("it said nothing for {} s", START.as_secs())))
        }
    }
}

/// Stops the one that runs, and waits until it is gone. Nothing where none does.
pub(super) fn stop(host: &Host) -> Result<Option<Running>, InstanceError> {
    let gate = Gate::enter(host)?;
    let Some(running) = gate.running()? else { return Ok(None) };
    running.ask("POST", "stop")?;
    let lock = open(&gate.folder.join(LOCK))?;
    let (sender, receiver) = mpsc::channel();
    // On a thread of its own: the systems' locks have no time limit.
    thread::spawn(move || {
        let _ = sender.send(lock.lock().is_ok());
    });
    match receiver.recv_timeout(ANSWER) {
        Ok(_) => Ok(Some(running)),
        Err(_) => Err(InstanceError::Stays { url: running.url }),
    }
}
