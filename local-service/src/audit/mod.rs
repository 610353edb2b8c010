//! The audit trail: who called what, one line of JSON for each call of the control plane and each request of a package
//! manager, refused ones too.
//!
//! A line has the shape of a CloudTrail record, as the service documents it: downloads and metadata are
//! `ReadFromRepository`, publishing is `PublishPackageVersion`, everything else has the name of its operation. What a
//! line never has in it: a token, a signature, the content of an asset. Of a query only the parameters that are known
//! are written down, and what looks like a token is blackened wherever it stands.
//!
//! Nobody waits for a line. A request leaves what it knows in a bounded queue; one thread makes lines of that every 50 milliseconds, and at the stop. If that thread cannot keep
//! up, or the disk is full, lines are lost and requests answered: how many were lost is in `GET /_local/counters`, and
//! told once.
//!
//! The file is not synchronised with the disk until the stop: the machine, if it loses its power, may take the last
//! lines with it; a crash of the service takes those of 50 milliseconds. A file of 64 MiB is put aside with `.1` after
//! its name, in place of the one before: together they have the last 100,000 calls, or about so many.
//!
//! Chosen here, where the service's documentation says nothing: `principalId` is made of the principal's ARN;
//! `awsRegion` is left out where a request does not say which one it is for; `recipientAccountId` is the domain's owner
//! where a domain is named, else the caller's account; requests for the service's own pages (`/_local`) and those that
//! are turned away before they are looked at are not calls.

mod line;
mod masked;
mod queue;
mod trace;

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
};

pub(crate) use queue::Audit;
pub(crate) use trace::{Noted, Trace};

use trace::Record;

use crate::ledger::{Form, Ledger};

/// The trail's name in a data folder.
pub(crate) const FILE: &str = "audit.jsonl";
/// The one before.
pub(crate) const FILE_BEFORE: &str = "audit.jsonl.1";

const FORM: Form = Form { start: br#"{"eventVersion":""#, durable: false, largest: 64 << 20 };

/// Who gets the audit trail of a run, one line of JSON for each call.
#[derive(Clone)]
pub enum AuditReceiver {
    /// Appended to a file; made, its owner's only, if it is not there. At 64 MiB it is put aside with `.1` after its
    /// name, in place of the one before.
    File(PathBuf),
    /// Written to a stream, such as standard output.
    Stream(Arc<Mutex<dyn Write + Send>>),
}

impl fmt::Debug for AuditReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Stream(_) => f.write_str("stream"),
        }
    }
}

/// An open receiver.
enum Channel {
    File(Ledger),
    Stream(Arc<Mutex<dyn Write + Send>>),
}

impl AuditReceiver {
    fn open(self) -> io::Result<Channel> {
        Ok(match self {
            Self::File(path) => {
                let mut ledger = Ledger::new(path, FORM);
                ledger.open()?;
                Channel::File(ledger)
            }
            Self::Stream(stream) => Channel::Stream(stream),
        })
    }
}
