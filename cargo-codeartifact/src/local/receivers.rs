//! `--events FILE|-|URL` and `--audit FILE|-|off`: who gets the events and the audit trail of the run.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use anyhow::anyhow;
use codeartifact::Host;
use local_service::{AuditReceiver, EventReceiver};

use crate::report::CommandError;

/// Standard output, held back until the line is printed that says where the service listens.
struct AfterReady {
    ready: Option<Receiver<()>>,
}

/// Lets out what is held back when it is dropped.
pub(super) struct Gate {
    _ready: Sender<()>,
}

/// The receiver of events that was asked for, and what holds its first event back.
pub(super) fn events(asked: &str, host: &Host) -> Result<(EventReceiver, Gate), CommandError> {
    let (ready, waiting) = channel();
    let receiver = if asked == "-" {
        EventReceiver::Stream(Arc::new(Mutex::new(AfterReady { ready: Some(waiting) })))
    } else if asked.contains("://") {
        EventReceiver::hook(asked).map_err(|error| {
            CommandError::usage(anyhow!(error).context(format!("cannot use `--events {asked}`")))
                .hint("give a URL of this machine, such as `http://127.0.0.1:8080/events`, a file or `-`")
        })?
    } else {
        EventReceiver::File(host.current_dir().join(asked))
    };
    Ok((receiver, Gate { _ready: ready }))
}

/// The receiver of the audit trail that was asked for, and what holds its first line back.
pub(super) fn audit(asked: &str, host: &Host) -> (Option<AuditReceiver>, Gate) {
    let (ready, waiting) = channel();
    let receiver = match asked {
        "off" => None,
        "-" => Some(AuditReceiver::Stream(Arc::new(Mutex::new(AfterReady { ready: Some(waiting) })))),
        file => Some(AuditReceiver::File(host.current_dir().join(file))),
    };
    (receiver, Gate { _ready: ready })
}

impl Write for AfterReady {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(ready) = self.ready.take() {
            // Never sent: what is waited for is that the gate is gone.
            let _ = ready.recv();
        }
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
