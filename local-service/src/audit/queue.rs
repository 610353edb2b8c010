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

/// Calls that wait to be written down: what two workers answer in some tenths of a second, and some megabytes.
const ROOM: usize = 16_384;
/// Bytes of what their headers say.
const TEXT: usize = 4 << 20;
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
    calls: Calls,
    closed: bool,
    /// The thread sleeps until there is something.
    idle: bool,
}

/// Calls that came since the last time, and what their headers say, one after the other: no piece of memory for each.
#[derive(Default)]
struct Calls {
    records: Vec<(Record, Lengths)>,
    text: String,
}

/// Bytes of a call's target and of its client's name for itself, in the text.
struct Lengths {
    target: usize,
    agent: usize,
}

impl Calls {
    fn push(&mut self, record: Record, target: &str, agent: &str) {
        self.text.push_str(target);
        self.text.push_str(agent);
        self.records.push((record, Lengths { target: target.len(), agent: agent.len() }));
    }

    /// Each with its target and its client's name for itself.
    fn iter(&self) -> impl Iterator<Item = (&Record, &str, &str)> {
        let mut rest = self.text.as_str();
        self.records.iter().map(move |(record, lengths)| {
            let (target, after) = rest.split_at(lengths.target);
            let (agent, after) = after.split_at(lengths.agent);
            rest = after;
            (record, target, agent)
        })
    }

    /// Is there no room for another?
    fn are_full(&self) -> bool {
        self.records.len() >= ROOM || self.text.len() >= TEXT
    }

    /// Is it time to write them down?
    fn are_many(&self) -> bool {
        self.records.len() >= ROOM / 2 || self.text.len() >= TEXT / 2
    }

    fn clear(&mut self) {
        self.records.clear();
        self.text.clear();
    }
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
            let mut calls = Calls::default();
            while writing.next(&mut calls) {
                writing.write(&mut channel, &mut scribe, &calls);
                calls.clear();
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
    pub(super) fn push(&self, record: Record, target: &str, agent: &str) {
        let mut queue = self.queue();
        if queue.calls.are_full() || queue.closed {
            drop(queue);
            self.lose(1, "calls come faster than they can be written down");
            return;
        }
        let before = queue.calls.are_many();
        queue.calls.push(record, target, agent);
        let wake = queue.idle || queue.calls.are_many() != before;
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

    /// Waits for what has come since the last time, and takes it in exchange for what is empty; `false` at the end.
    fn next(&self, calls: &mut Calls) -> bool {
        let mut queue = self.queue();
        while queue.calls.records.is_empty() {
            if queue.closed {
                return false;
            }
            queue.idle = true;
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let gathering = |queue: &mut Queue| !queue.closed && !queue.calls.are_many();
        let (mut queue, _) =
            self.filled.wait_timeout_while(queue, GATHER, gathering).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut queue.calls, calls);
        true
    }

    fn write(&self, channel: &mut Channel, scribe: &mut Scribe, calls: &Calls) {
        let mut lines = Vec::with_capacity(PIECE);
        let mut count = 0;
        for (at, (record, target, agent)) in calls.iter().enumerate() {
            scribe.line(record, target, agent, &mut lines);
            count += 1;
            if lines.len() < PIECE && at + 1 < calls.records.len() {
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
    use hyper::Method;

    use super::*;
    use crate::audit::trace::Outcome;

    fn record(number: u64) -> Record {
        Record {
            number,
            time: 0,
            operation: "ListDomains",
            method: Method::POST,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
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
            audit.push(record(number), "/v1/domains", "");
        }
        assert_eq!(audit.lines(), Lines { written: 0, lost: 3 });
        assert_eq!(said.lock().unwrap().len(), 1);
        let mut waiting = Calls::default();
        assert!(audit.next(&mut waiting));
        assert_eq!((waiting.records.len(), waiting.records.last().unwrap().0.number), (ROOM, ROOM as u64 - 1));
        waiting.clear();
        audit.push(record(0), "/v1/domains", "");
        assert_eq!(audit.lines().lost, 3, "there is room again");
        audit.queue().closed = true;
        assert!(audit.next(&mut waiting), "what was there when it was closed comes");
        assert_eq!(waiting.records.len(), 1);
        waiting.clear();
        assert!(!audit.next(&mut waiting));
        audit.push(record(0), "/v1/domains", "");
        assert_eq!(audit.lines().lost, 4, "nothing is lost silently, not at the end either");
    }

    /// Long addresses fill the room before many calls do.
    #[test]
    fn there_is_an_end_to_the_room_for_text() {
        let (audit, _ending) = Audit::new(Notices::new(|_| {}));
        let long = "/d/".repeat(TEXT / 30);
        for number in 0..20 {
            audit.push(record(number), &long, "agent");
        }
        let mut waiting = Calls::default();
        assert!(audit.next(&mut waiting));
        assert_eq!((waiting.records.len(), audit.lines().lost), (10, 10));
        assert!(waiting.iter().all(|(_, target, agent)| target == long && agent == "agent"));
    }
}
