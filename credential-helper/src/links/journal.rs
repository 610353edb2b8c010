//! What `install` made: the journal in the state folder.
//!
//! It is written before a link is made, and read to tell our links from everybody else's: nothing that is not in it is
//! ever replaced or removed. Whoever holds its lock is alone with it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use codeartifact::{
    Host,
    private_folder::{self, Durability, FolderError},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const NAME: &str = "links.json";
const LOCK: &str = "links.lock";
const VERSION: u64 = 1;

/// One thing that `install` made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Where it is.
    pub(super) path: PathBuf,
    /// How it leads to the program.
    pub(super) kind: Kind,
}

/// How a link leads to the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A symbolic link to this path.
    Symbolic(PathBuf),
    /// A second name or a copy of the program's file, with this SHA-256: for systems where symbolic links need rights.
    Copy(String),
}

/// The journal, locked.
pub(super) struct Journal {
    folder: PathBuf,
    /// Released when dropped.
    _lock: File,
    pub(super) links: Vec<Link>,
    /// Folders that were made for links, the outer ones first.
    pub(super) folders: Vec<PathBuf>,
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    /// There is no folder for it.
    #[error("there is no state folder for the journal of links: set HOME or XDG_STATE_HOME")]
    NoFolder,
    /// Its folder is not to be trusted.
    #[error("the journal of links cannot be used: {}", .0.hint())]
    Folder(#[source] FolderError),
    /// A call failed.
    #[error("cannot {operation} the journal of links {}", .path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else is in its place.
    #[error("{} is no journal of links that this version knows: {reason}; move it away", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Journal {
    /// Waits for the lock and reads the journal; without a file it is empty.
    pub(super) fn open(host: &Host) -> Result<Self, JournalError> {
        let folder = host.state_dir().ok_or(JournalError::NoFolder)?;
        private_folder::ensure(&folder).map_err(JournalError::Folder)?;
        let path = folder.join(LOCK);
        let failed = |source| JournalError::Io { operation: "lock", path: path.clone(), source };
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let (links, folders) = read(&folder.join(NAME))?;
        Ok(Self { folder, _lock: lock, links, folders })
    }

    /// What is in the journal, for showing: without the lock, and nothing is made.
    pub(super) fn look(host: &Host) -> Result<Vec<Link>, JournalError> {
        let Some(folder) = host.state_dir() else { return Ok(Vec::new()) };
        Ok(read(&folder.join(NAME))?.0)
    }

    /// Puts a link in, in place of an older one at the same path.
    pub(super) fn put(&mut self, link: Link) {
        self.links.retain(|other| other.path != link.path);
        self.links.push(link);
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&self) -> Result<(), JournalError> {
        let text = |path: &Path| path.to_str().map(str::to_owned);
        let links: Vec<Value> = self
            .links
            .iter()
            .map(|link| match &link.kind {
                Kind::Symbolic(target) => json!({ "path": text(&link.path), "target": text(target) }),
                Kind::Copy(digest) => json!({ "path": text(&link.path), "sha256": digest }),
            })
            .collect();
        let folders: Vec<_> = self.folders.iter().map(|folder| text(folder)).collect();
        let content = json!({ "version": VERSION, "links": links, "folders": folders }).to_string() + "\n";
        private_folder::replace(&self.folder, NAME, content.as_bytes(), Durability::Synced)
            .map_err(|source| JournalError::Io { operation: "write", path: self.folder.join(NAME), source })
    }
}

type Content = (Vec<Link>, Vec<PathBuf>);

fn read(path: &Path) -> Result<Content, JournalError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Content::default());
        }
        Err(source) => return Err(JournalError::Io { operation: "read", path: path.to_owned(), source }),
    };
    parse(&bytes).map_err(|reason| JournalError::Damaged { path: path.to_owned(), reason })
}

fn parse(bytes: &[u8]) -> Result<Content, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if value["version"] != VERSION {
        return Err(format!("its version is {}, and this program's is {VERSION}", value["version"]));
    }
    let absolute = |value: &Value| value.as_str().map(PathBuf::from).filter(|path| path.is_absolute());
    let link = |value: &Value| {
        let kind = match (absolute(&value["target"]), value["sha256"].as_str()) {
            (Some(target), None) => Kind::Symbolic(target),
            (None, Some(digest)) => Kind::Copy(digest.to_owned()),
            _ => return None,
        };
        Some(Link { path: absolute(&value["path"])?, kind })
    };
    let links = value["links"].as_array().and_then(|links| links.iter().map(link).collect());
    let folders = value["folders"].as_array().and_then(|folders| folders.iter().map(absolute).collect());
    Ok((links.ok_or("`links` is not a list of links")?, folders.ok_or("`folders` is not a list of paths")?))
}

/// The SHA-256 of a file, in lowercase hexadecimal.
pub(super) fn digest(file: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hasher)?;
    let digits = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    Ok(hasher.finalize().iter().flat_map(|byte| [digits(byte >> 4), digits(byte & 15)]).collect())
}
