//! `--events FILE|-|URL`: who gets the events of the run.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use anyhow::anyhow;
use codeartifact::Host;
use local_service::EventReceiver;

use crate::report::CommandError;

/// Standard output, held back until the line is printed that says where the service listens.
struct AfterReady {
    ready: Option<Receiver<()>>,
}

/// Lets the events out when it is dropped.
pub(super) struct Gate {
    _ready: Sender<()>,
}

/// The receiver that was asked for, and what holds its first event back.
pub(super) fn receiver(asked: &str, host: &Host) -> Result<(EventReceiver, Gate), CommandError> {
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
