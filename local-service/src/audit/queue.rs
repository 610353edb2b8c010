//! The bounded queue between requests and the one thread that writes.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use serde::Serialize;

use super::{AuditReceiver, Channel, Record, line::Scribe};
use crate::notices::Notices;

/// Calls that wait to be written down: what two workers answer in some tenths of a second. Each holds on to the buffer
/// that its header came in, a kilobyte or two.
const ROOM: usize = 16_384;
/// The thread wakes so often at most: a request never pays for waking it more than twenty times a second.
const GATHER: Duration = Duration::from_millis(50);
/// Bytes of lines that are written in one piece.
const PIECE: usize = 256 << 10;

/// The trail of a running service.
pub(crate) struct Audit {
    queue: Mutex<Queue>,
    filled: Condvar,
    written: AtomicU64,
    lost: AtomicU64,
    told: AtomicBool,
    notices: Notices,
    ended: Mutex<Option<Receiver<()>>>,
}

#[derive(Default)]
struct Queue {
    records: Vec<Record>,
    closed: bool,
    /// The thread sleeps until there is something.
    idle: bool,
}

/// How much of the trail there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Lines {
    written: u64,
    lost: u64,
}

impl Audit {
    /// Starts writing.
    pub(crate) fn start(receiver: AuditReceiver, notices: Notices) -> io::Result<Arc<Self>> {
        let mut channel = receiver.open()?;
        let mut scribe = Scribe::new()?;
        let (audit, ending) = Self::new(notices);
        let audit = Arc::new(audit);
        let writing = Arc::clone(&audit);
        std::thread::Builder::new().name("local-audit".to_owned()).spawn(move || {
            while let Some(records) = writing.next() {
                writing.write(&mut channel, &mut scribe, &records);
            }
            if let Channel::File(ledger) = &channel
                && let Err(error) = ledger.sync()
            {
                writing.notices.tell(&format!("the end of the audit trail may not be on the disk: {error}"));
            }
            // Told by being dropped, also if this thread panicked.
            drop(ending);
        })?;
        Ok(audit)
    }

    fn new(notices: Notices) -> (Self, Sender<()>) {
        let (ending, ended) = channel();
        let audit = Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            told: AtomicBool::new(false),
            notices,
            ended: Mutex::new(Some(ended)),
        };
        (audit, ending)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a call to be written down, if there is room.
    pub(super) fn push(&self, record: Record) {
        let mut queue = self.queue();
        if queue.records.len() >= ROOM || queue.closed {
            drop(queue);
            self.lose(1, "calls come faster than they can be written down");
            return;
        }
        queue.records.push(record);
        let wake = queue.idle || queue.records.len() == ROOM / 2;
        queue.idle = false;
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
    }

    fn lose(&self, lines: u64, why: &str) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
        if !self.told.swap(true, Ordering::Relaxed) {
            self.notices.tell(&format!(
                "lines of the audit trail are lost: {why}; how many is in /_local/counters, and is not told again"
            ));
        }
    }

    /// What has come since the last time; `None` at the end.
    fn next(&self) -> Option<Vec<Record>> {
        let mut queue = self.queue();
        while queue.records.is_empty() {
            if queue.closed {
                return None;
            }
            queue.idle = true;
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let gathering = |queue: &mut Queue| !queue.closed && queue.records.len() < ROOM / 2;
        let (mut queue, _) =
            self.filled.wait_timeout_while(queue, GATHER, gathering).unwrap_or_else(PoisonError::into_inner);
        Some(std::mem::take(&mut queue.records))
    }

    fn write(&self, channel: &mut Channel, scribe: &mut Scribe, records: &[Record]) {
        let mut lines = Vec::with_capacity(PIECE);
        let mut count = 0;
        for (at, record) in records.iter().enumerate() {
            scribe.line(record, &mut lines);
            count += 1;
            if lines.len() < PIECE && at + 1 < records.len() {
                continue;
            }
            match channel.write(&lines) {
                Ok(()) => drop(self.written.fetch_add(count, Ordering::Relaxed)),
                Err(error) => self.lose(count, &format!("they cannot be written: {error}")),
            }
            lines.clear();
            count = 0;
        }
    }

    pub(crate) fn lines(&self) -> Lines {
        Lines { written: self.written.load(Ordering::Relaxed), lost: self.lost.load(Ordering::Relaxed) }
    }

    /// Writes what is there, within the bound: a receiver that hangs is left behind.
    pub(crate) fn stop(&self, bound: Duration) {
        self.queue().closed = true;
        self.filled.notify_one();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended
            && ended.recv_timeout(bound) == Err(RecvTimeoutError::Timeout)
        {
            self.notices.tell("the audit trail was left unfinished: what it is written to does not take it");
        }
    }
}

impl Channel {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::File(ledger) => ledger.append(lines),
            Self::Stream(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                stream.write_all(lines)?;
                stream.flush()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use bytes::Bytes;
    use hyper::{Method, Uri};

    use super::*;
    use crate::audit::trace::Outcome;

    fn record(number: u64) -> Record {
        Record {
            number,
            time: 0,
            operation: "ListDomains",
            method: Method::POST,
            uri: Uri::from_static("/v1/domains"),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: None,
            caller: None,
            access_key: None,
            region: None,
            body: Bytes::new(),
            outcome: Outcome::Done,
            noted: None,
        }
    }

    /// Nobody writes: what there is no room for is counted, told once, and held up by nothing.
    #[test]
    fn there_is_an_end_to_the_room() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let saying = Arc::clone(&said);
        let (audit, _ending) = Audit::new(Notices::new(move |text| saying.lock().unwrap().push(text.to_owned())));
        for number in 0..ROOM as u64 + 3 {
            audit.push(record(number));
        }
        assert_eq!(audit.lines(), Lines { written: 0, lost: 3 });
        assert_eq!(said.lock().unwrap().len(), 1);
        let waiting = audit.next().unwrap();
        assert_eq!((waiting.len(), waiting.last().unwrap().number), (ROOM, ROOM as u64 - 1));
        audit.push(record(0));
        assert_eq!(audit.lines().lost, 3, "there is room again");
        audit.queue().closed = true;
        assert_eq!(audit.next().map(|records| records.len()), Some(1), "what was there when it was closed comes");
        assert!(audit.next().is_none());
        audit.push(record(0));
        assert_eq!(audit.lines().lost, 4, "nothing is lost silently, not at the end either");
    }
}
