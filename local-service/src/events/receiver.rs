//! Who gets the events of a run.

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::hook::Hook;
use crate::ledger::{Form, Ledger};

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
            Self::File(path) => Channel::File(Ledger::new(path, FORM)),
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
            Self::File(ledger) => ledger.append(joined(lines).as_bytes()),
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

/// A file that events are appended to. It grows for as long as it is there: who reads it puts it aside.
const FORM: Form = Form { start: br#"{"version":"0","id":""#, durable: true, largest: u64::MAX };

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
}
