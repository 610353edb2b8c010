//! Who gets the events of a run.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::hook::Hook;

/// Where events go, one JSON object a line, or a POST for each.
#[derive(Clone)]
pub enum EventReceiver {
    /// Appended to a file, which is on the disk before the next are; made, its owner's only, if it is not there.
    File(PathBuf),
    /// Written to a stream, such as standard output.
    Stream(Arc<Mutex<dyn Write + Send>>),
    /// Posted to a loopback address; accepted is what is answered with a status of 200 to 299.
    Hook(HookAddress),
}

/// The address of a receiver on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookAddress(pub(super) hyper::Uri);

/// An address that events are not sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventReceiverError {
    /// Not an `http` URL.
    #[error("events are posted to an absolute `http` URL without a user part")]
    NotAUrl,
    /// Another machine's, or one that cannot be told from it without asking.
    #[error("events are posted to 127.0.0.1, [::1] or localhost only")]
    NotLoopback,
}

impl EventReceiver {
    /// A receiver that events are posted to.
    pub fn hook(url: &str) -> Result<Self, EventReceiverError> {
        let uri: hyper::Uri = url.parse().map_err(|_| EventReceiverError::NotAUrl)?;
        let authority = uri.authority().ok_or(EventReceiverError::NotAUrl)?;
        if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
            return Err(EventReceiverError::NotAUrl);
        }
        if !matches!(uri.host(), Some("127.0.0.1" | "[::1]" | "localhost")) {
            return Err(EventReceiverError::NotLoopback);
        }
        Ok(Self::Hook(HookAddress(uri)))
    }

    /// What it is known by in the data folder, from one run to the next.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => format!("file:{}", path.display()),
            Self::Stream(_) => "stream".to_owned(),
            Self::Hook(address) => format!("hook:{}", address.0),
        }
    }

    pub(super) fn open(self) -> io::Result<Channel> {
        Ok(match self {
            Self::File(path) => Channel::File(Ledger { path, file: None }),
            Self::Stream(stream) => Channel::Stream(stream),
            Self::Hook(address) => Channel::Hook(Hook::new(address.0)?),
        })
    }
}

impl fmt::Debug for EventReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// An open receiver.
pub(super) enum Channel {
    File(Ledger),
    Stream(Arc<Mutex<dyn Write + Send>>),
    Hook(Hook),
}

impl Channel {
    /// How many events go in one piece.
    pub(super) const fn piece(&self) -> usize {
        match self {
            Self::File(_) | Self::Stream(_) => 256,
            Self::Hook(_) => 1,
        }
    }

    /// Hands over lines; `Ok` means that the receiver has them all.
    pub(super) fn deliver(&mut self, lines: &[String]) -> io::Result<()> {
        match self {
            Self::File(ledger) => ledger.append(&joined(lines)),
            Self::Stream(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                stream.write_all(joined(lines).as_bytes())?;
                stream.flush()
            }
            Self::Hook(hook) => lines.iter().try_for_each(|line| hook.post(line)),
        }
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// A file that events are appended to.
pub(super) struct Ledger {
    path: PathBuf,
    file: Option<File>,
}

impl Ledger {
    fn append(&mut self, text: &str) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) if is_still_there(file, &self.path) => file,
            place => place.insert(open(&self.path)?),
        };
        let length = file.metadata()?.len();
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        if written.is_err() {
            // Half a line is no line: the whole is written again when there is room.
            let cut = file.set_len(length);
            self.file = None;
            cut?;
        }
        written
    }
}

/// Somebody may have moved the file away, to begin another.
#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still_there(_: &File, path: &Path) -> bool {
    path.exists()
}

/// A crash may have left the beginning of a line at the end of the file: that goes, for it comes again as a whole.
fn open(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let length = file.metadata()?.len();
    // Longer than any event.
    let begin = length.saturating_sub(64 << 10);
    file.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let torn = tail.iter().rev().take_while(|byte| **byte != b'\n').count();
    let line = &tail[tail.len() - torn..];
    if torn > 0 && (line.starts_with(START) || START.starts_with(line)) {
        file.set_len(length - torn as u64)?;
    } else if torn > 0 {
        // Somebody else's last line.
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// What every event's line begins with.
const START: &[u8] = br#"{"version":"0","id":""#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_leave_this_machine_never() {
        for good in ["http://127.0.0.1:8080/events", "http://[::1]:9", "http://localhost/x?y=z"] {
            assert!(EventReceiver::hook(good).is_ok(), "{good}");
        }
        for bad in ["", "x", "/x", "https://127.0.0.1/", "http://u:p@127.0.0.1/", "ftp://127.0.0.1/"] {
            assert_eq!(EventReceiver::hook(bad).unwrap_err(), EventReceiverError::NotAUrl, "{bad}");
        }
        for far in ["http://hooks.example/", "http://127.0.0.1.example/", "http://127.1/", "http://169.254.169.254/"] {
            assert_eq!(EventReceiver::hook(far).unwrap_err(), EventReceiverError::NotLoopback, "{far}");
        }
    }

    #[test]
    fn a_torn_line_goes_and_a_strangers_line_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let whole = "{\"version\":\"0\",\"id\":\"1\"}";
        for (before, after) in [
            (String::new(), format!("{whole}\n")),
            (format!("{whole}\n"), format!("{whole}\n{whole}\n")),
            (format!("{whole}\n{{\"version\":\"0\",\"id\":\"2"), format!("{whole}\n{whole}\n")),
            ("{\"ver".to_owned(), format!("{whole}\n")),
            ("a note".to_owned(), format!("a note\n{whole}\n")),
        ] {
            std::fs::write(&path, &before).unwrap();
            let mut ledger = Ledger { path: path.clone(), file: None };
            ledger.append(&joined(&[whole.to_owned()])).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after, "{before}");
        }
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut ledger = Ledger { path: path.clone(), file: None };
        ledger.append("one\n").unwrap();
        std::fs::rename(&path, folder.path().join("older")).unwrap();
        ledger.append("two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        assert!(Ledger { path: folder.path().to_owned(), file: None }.append("x\n").is_err());
    }
}
