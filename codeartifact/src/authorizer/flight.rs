//! One flight: of all processes that need the same token, one asks the service, the others wait for it.
//!
//! The lock is a file lock of the system (`flock`, on Windows `LockFileEx`), which goes with its holder, however it ends.
//! A process that has to wait blocks in it on a thread of its own, so that the wait has an end without polling: the
//! systems' locks have no time limit, and a signal to end one would take `unsafe` code. Such a thread exists only in
//! processes that wait, never on the warm path.
//!
//! Beside the lock lies a note on how the last flight ended, if it brought no token to share (see [`super::note`]).

use std::{
    fs::{File, TryLockError},
    io,
    path::PathBuf,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};

use crate::host::Host;
use crate::private_folder::{self, FolderError};
use crate::store::SEEN_ENDING;
use crate::token::{TokenScope, hex};

/// Where the lock of a scope is.
pub(super) struct Flight {
    folder: PathBuf,
    name: String,
}

/// The place of whoever asks the service. The lock goes when it is dropped.
pub(super) struct Seat {
    lock: File,
}

impl Seat {
    /// The locked file, for another process to hold the seat by.
    pub(super) fn into_lock(self) -> File {
        self.lock
    }
}

/// The outcome of asking for the seat.
pub(super) enum Turn {
    /// Ours.
    Leads(Seat),
    /// Somebody else's.
    Taken,
    /// The system has no locks here (no folder to write to, a file system without them): everybody is alone.
    Alone,
}

impl Flight {
    /// The flight of a scope; `None` where the user has no folder for locks.
    pub(super) fn of(host: &Host, scope: &TokenScope) -> Option<Self> {
        let folder = host.runtime_dir()?;
        // A digest: a key may be longer than a file name, and what it says is nobody's business.
        Some(Self { folder, name: hex(&Sha256::digest(scope.key().as_bytes())) })
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// When the newest token was issued that was kept for this scope, as far as this machine remembers.
    pub(super) fn seen(&self) -> Option<SystemTime> {
        std::fs::symlink_metadata(self.seen_path()).ok()?.modified().ok()
    }

    /// Remembers that time, as that of an empty file: whoever is on the warm path learns it by one system call. Without
    /// it an older entry is believed in.
    pub(super) fn see(&self, issued: SystemTime) {
        let file = private_folder::file_options().write(true).create(true).truncate(false).open(self.seen_path());
        let _ = file.and_then(|file| file.set_modified(issued));
    }

    fn seen_path(&self) -> PathBuf {
        self.folder.join(format!("{}{SEEN_ENDING}", self.name))
    }

    /// Takes the seat if it is free.
    pub(super) fn try_lead(&self) -> Result<Turn, FolderError> {
        let Some(file) = self.open()? else { return Ok(Turn::Alone) };
        Ok(match file.try_lock() {
            Ok(()) => Turn::Leads(Seat { lock: file }),
            Err(TryLockError::WouldBlock) => Turn::Taken,
            Err(TryLockError::Error(_)) => Turn::Alone,
        })
    }

    /// Waits for the seat, at most `limit`; [`Turn::Taken`] where it did not come free.
    pub(super) fn wait(&self, limit: Duration) -> Result<Turn, FolderError> {
        let Some(file) = self.open()? else { return Ok(Turn::Alone) };
        let (sender, receiver) = mpsc::channel();
        let waiting = thread::Builder::new().name("flight".to_owned()).spawn(move || {
            let locked = loop {
                match file.lock() {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result,
                }
            };
            // Nobody listens after the limit: then the file is dropped here, and the lock with it.
            let _ = sender.send(locked.map(|()| file));
        });
        if waiting.is_err() {
            return Ok(Turn::Alone);
        }
        Ok(match receiver.recv_timeout(limit) {
            Ok(Ok(file)) => Turn::Leads(Seat { lock: file }),
            Ok(Err(_)) => Turn::Alone,
            Err(_) => Turn::Taken,
        })
    }

    /// The seat that another process took and handed over with its file; `None` where the file is not this flight's lock,
    /// or the lock is not held by it.
    ///
    /// Of `flock`, the lock belongs to what was opened, and is not taken a second time by whoever shares that. Windows'
    /// locks stay with the process that took them: there is nothing to inherit.
    pub(super) fn inherited(&self, lock: File) -> Option<Seat> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let ours = std::fs::symlink_metadata(self.path()).ok()?;
            let found = lock.metadata().ok()?;
            let is_ours = found.is_file() && (found.dev(), found.ino()) == (ours.dev(), ours.ino());
            (is_ours && lock.try_lock().is_ok()).then_some(Seat { lock })
        }
        #[cfg(not(unix))]
        {
            drop(lock);
            None
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.name))
    }

    /// The lock's file. A folder that others could change is an error; one that cannot be written to is no lock.
    fn open(&self) -> Result<Option<File>, FolderError> {
        match private_folder::ensure(&self.folder) {
            Ok(()) => {}
            Err(FolderError::Unusable { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let path = self.path();
        // Read and write: some network file systems lock only what is open for writing.
        Ok(private_folder::file_options().read(true).write(true).create(true).truncate(false).open(path).ok())
    }
}
