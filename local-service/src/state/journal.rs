//! The one writer.
//!
//! Transitions queue up here. The writer takes what is waiting as one batch, runs each transition on a copy of the
//! model (a refused one leaves nothing behind), writes the records of the batch in one durable transaction, and only
//! then shows the new model to readers and answers the waiting. So an answer is never ahead of the disk, readers
//! never wait, and no lock is held while the disk works. Many waiting writers share one disk flush.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    coordinate::DomainKey,
    draft::{Changes, Draft},
    event::VersionEvent,
    log::{EventLog, Reach},
    model::{Millis, State},
    past::Past,
    records::{Database, DatabaseError, RecordKey, encode},
};
use crate::{
    assets::{Assets, Digest},
    clock::Clock,
    failure::Failure,
    faults,
};

/// Transitions in one transaction at most: bounds how long the first of a batch waits for the last.
const BATCH: usize = 256;

/// The model as it was at one moment. Cheap to take and to keep.
pub(crate) type Snapshot = Arc<State>;

/// The way to the writer, and the last committed model.
pub(crate) struct Journal {
    queue: Sender<Message>,
    current: Arc<RwLock<Snapshot>>,
    database: Arc<Database>,
    events: Arc<EventLog>,
    past: Arc<Past>,
    clock: Clock,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// A channel to the writer that can be handed out before the writer runs.
pub(crate) struct Inbox {
    queue: Sender<Message>,
    messages: Receiver<Message>,
}

enum Message {
    Apply(Box<dyn Waiting>),
    /// An asset may have lost its last use.
    Collect(DomainKey, Digest),
    /// The receiver has the events up to this one. It goes with the next transaction; if `settle`, and there is none
    /// waiting, with one of its own.
    Delivered {
        number: u64,
        settle: bool,
    },
    Stop,
}

/// A transition with someone waiting for its outcome.
trait Waiting: Send {
    /// Runs the transition; the changes if it was accepted.
    fn run(&mut self, draft: Draft) -> Option<Draft>;
    /// Answers, after the batch was committed or failed.
    fn answer(self: Box<Self>, committed: Result<(), Failure>);
    /// The time at which it was asked for.
    fn time(&self) -> Millis;
}

struct Pending<T, F> {
    transition: Option<F>,
    outcome: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, Failure>>,
    time: Millis,
}

impl<T, F> Waiting for Pending<T, F>
where
    T: Send,
    F: FnOnce(&mut Draft) -> Result<T, Failure> + Send,
{
    fn run(&mut self, mut draft: Draft) -> Option<Draft> {
        let transition = self.transition.take()?;
        let outcome = transition(&mut draft);
        let accepted = outcome.is_ok();
        self.outcome = Some(outcome);
        accepted.then_some(draft)
    }

    fn answer(self: Box<Self>, committed: Result<(), Failure>) {
        let outcome = match committed {
            Ok(()) => self.outcome.unwrap_or_else(|| Err(Failure::internal("the transition did not run"))),
            // A refusal, too, may rest on what an earlier one of the same batch did.
            Err(failure) => Err(failure),
        };
        // Whoever asked may be gone: the transition holds all the same.
        drop(self.reply.send(outcome));
    }

    fn time(&self) -> Millis {
        self.time
    }
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let (queue, messages) = channel();
        Self { queue, messages }
    }

    /// Asks the writer to remove an asset if nothing refers to it.
    pub(crate) fn collector(&self) -> impl Fn(DomainKey, Digest) + Send + Sync + 'static {
        let queue = self.queue.clone();
        move |domain, digest| drop(queue.send(Message::Collect(domain, digest)))
    }
}

impl Journal {
    /// Loads the model and starts the writer. A receiver of events that is not known yet gets what happens from now
    /// on: that is written down before anything can happen.
    pub(crate) fn start(
        inbox: Inbox,
        database: Database,
        assets: Arc<Assets>,
        clock: Clock,
        receiver: Option<String>,
    ) -> Result<Self, DatabaseError> {
        let state = database.load()?;
        let reach = reach(&database, receiver.as_deref())?;
        if let (Some(name), Some(delivered)) = (&receiver, reach.delivered)
            && database.receiver(name)? != Some(delivered)
        {
            database.commit([(&RecordKey::receiver(name), &Some(encode(&delivered)))].into_iter())?;
        }
        let events = Arc::new(EventLog::new(reach));
        let past = Arc::new(Past::default());
        let current = Arc::new(RwLock::new(Arc::new(state)));
        let database = Arc::new(database);
        let writer = Writer {
            working: current.read().unwrap_or_else(PoisonError::into_inner).as_ref().clone(),
            current: Arc::clone(&current),
            database: Arc::clone(&database),
            assets,
            events: Arc::clone(&events),
            past: Arc::clone(&past),
            reach,
            receiver,
            unsettled: false,
            broken: false,
        };
        let messages = inbox.messages;
        let writer = std::thread::Builder::new()
            .name("local-journal".to_owned())
            .spawn(move || writer.run(&messages))
            .map_err(DatabaseError::Folder)?;
        Ok(Self { queue: inbox.queue, current, database, events, past, clock, writer: Mutex::new(Some(writer)) })
    }

    /// The last committed model; under a fault rule that says so, an earlier one.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let ago = faults::behind();
        if !ago.is_zero()
            && let Some(earlier) = self.past.before(ago)
        {
            return earlier;
        }
        self.latest()
    }

    /// Keeps the models of so long a time, for such rules.
    pub(crate) fn remember(&self, horizon: Duration) {
        self.past.remember(horizon, self.latest());
    }

    fn latest(&self) -> Snapshot {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Applies a transition; returns when it is durable and visible.
    pub(crate) async fn apply<T, F>(&self, transition: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Draft) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let pending = Pending { transition: Some(transition), outcome: None, reply, time: self.clock.millis() };
        let gone = |()| Failure::internal("the service is stopping");
        self.queue.send(Message::Apply(Box::new(pending))).map_err(|_| gone(()))?;
        outcome.await.map_err(|_| gone(()))?
    }

    /// A stored text.
    pub(crate) fn text(&self, domain: &DomainKey, digest: &Digest) -> Result<Option<String>, Failure> {
        self.database.text(domain, digest).map_err(|error| failure_of(&error))
    }

    /// Events after a number, the oldest first.
    pub(crate) fn events(&self, after: u64, most: usize) -> Result<Vec<(u64, VersionEvent)>, Failure> {
        self.database.events(after, most).map_err(|error| failure_of(&error))
    }

    /// How far the log of events reaches.
    pub(crate) fn log(&self) -> &EventLog {
        &self.events
    }

    /// Notes up to where the receiver has the events.
    pub(crate) fn delivered(&self, number: u64, settle: bool) {
        drop(self.queue.send(Message::Delivered { number, settle }));
    }

    /// Applies what is queued, then ends the writer and gives the data folder free.
    pub(crate) fn stop(&self) {
        drop(self.queue.send(Message::Stop));
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A writer that panicked has nothing more to give up.
            drop(writer.join());
        }
        self.database.close();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads how far the events reach. A receiver that is not known has all that there are: it gets the next ones.
fn reach(database: &Database, receiver: Option<&str>) -> Result<Reach, DatabaseError> {
    let (first, last) = database.event_bounds()?.unwrap_or((1, 0));
    let delivered = match receiver {
        Some(name) => Some(database.receiver(name)?.unwrap_or(last)),
        None => None,
    };
    Ok(Reach { first, last, delivered })
}

fn failure_of(error: &DatabaseError) -> Failure {
    if error.is_full() { Failure::StorageFull } else { Failure::internal("the database failed") }
}

struct Writer {
    /// What the next transition starts from; equal to `current` between batches.
    working: State,
    current: Arc<RwLock<Snapshot>>,
    database: Arc<Database>,
    assets: Arc<Assets>,
    events: Arc<EventLog>,
    past: Arc<Past>,
    /// Of the log of events, as of the last commit.
    reach: Reach,
    receiver: Option<String>,
    /// What was delivered is not on the disk yet.
    unsettled: bool,
    /// The last commit failed: what is on the disk is not known until it is read again.
    broken: bool,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let mut waiting = Vec::new();
            let mut collect = Vec::new();
            let (mut stop, mut settle) = (false, false);
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Apply(transition) => waiting.push(transition),
                    Message::Collect(domain, digest) => collect.push((domain, digest)),
                    Message::Delivered { number, settle: now } => {
                        self.reach.delivered = Some(number);
                        self.unsettled = true;
                        self.events.set(self.reach);
                        settle |= now;
                    }
                    Message::Stop => stop = true,
                }
                next = if waiting.len() < BATCH && !stop { messages.try_recv().ok() } else { None };
            }
            if !waiting.is_empty() {
                collect.extend(self.apply(waiting));
            }
            if settle || stop {
                self.settle();
            }
            self.collect(collect);
            if stop {
                return;
            }
        }
    }

    /// Runs and commits a batch; returns the assets that lost their last reference.
    fn apply(&mut self, mut waiting: Vec<Box<dyn Waiting>>) -> Vec<(DomainKey, Digest)> {
        let mut changes = Changes::default();
        let committed = self.recover().and_then(|()| {
            for transition in &mut waiting {
                let draft = Draft::new(self.working.clone(), transition.time());
                if let Some(draft) = transition.run(draft) {
                    self.working = draft.state;
                    changes.records.extend(draft.changes.records);
                    changes.released.extend(draft.changes.released);
                    changes.closed.extend(draft.changes.closed);
                    changes.events.extend(draft.changes.events);
                }
            }
            if changes.records.is_empty() {
                return Ok(());
            }
            let reach = self.log(&mut changes);
            self.database.commit(changes.records.iter())?;
            self.reach = reach;
            self.unsettled = false;
            Ok(())
        });
        let answer = match &committed {
            Ok(()) => {
                let model = Arc::new(self.working.clone());
                self.past.committed(&model);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = model;
                self.events.set(self.reach);
                Ok(())
            }
            Err(error) => {
                self.broken = true;
                changes = Changes::default();
                Err(failure_of(error))
            }
        };
        for transition in waiting {
            transition.answer(answer.clone());
        }
        for domain in &changes.closed {
            if !self.working.domains.contains_key(domain) {
                self.assets.close(domain);
            }
        }
        changes.released
    }

    /// Adds the events of a batch to its records, and takes away those that need not be kept any more. Returns how far
    /// the log reaches then.
    fn log(&self, changes: &mut Changes) -> Reach {
        let mut reach = self.reach;
        for event in changes.events.drain(..) {
            reach.last += 1;
            changes.records.insert(RecordKey::event(reach.last), Some(encode(&event)));
        }
        let surplus = reach.surplus();
        if !surplus.is_empty() {
            reach.first = surplus.end;
        }
        changes.records.extend(surplus.map(|number| (RecordKey::event(number), None)));
        changes.records.extend(self.delivered());
        reach
    }

    /// The record of what was delivered, if it is to be written.
    fn delivered(&self) -> Option<(RecordKey, Option<Vec<u8>>)> {
        let delivered = self.reach.delivered.filter(|_| self.unsettled)?;
        Some((RecordKey::receiver(self.receiver.as_deref()?), Some(encode(&delivered))))
    }

    /// Writes down what was delivered, if nothing else was written since. A failure costs a second delivery at most.
    fn settle(&mut self) {
        let Some((key, record)) = self.delivered().filter(|_| !self.broken) else { return };
        match self.database.commit([(&key, &record)].into_iter()) {
            Ok(()) => self.unsettled = false,
            Err(_) => self.broken = true,
        }
        self.events.set(self.reach);
    }

    /// After a failed commit: opens the database again and goes on from what it holds.
    fn recover(&mut self) -> Result<(), DatabaseError> {
        if self.broken {
            self.database.reopen()?;
            self.working = self.database.load()?;
            let delivered = self.reach.delivered;
            // What was delivered since is known here only.
            self.reach = Reach { delivered, ..reach(&self.database, None)? };
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(self.working.clone());
            self.broken = false;
        }
        Ok(())
    }

    /// Only this thread commits references, so none can appear between the look and the removal; a publish that has
    /// stored its bytes and not committed yet has pinned them.
    fn collect(&self, candidates: Vec<(DomainKey, Digest)>) {
        // Unknown while a failed commit is unread: nothing is removed then; the next start sweeps.
        if self.broken {
            return;
        }
        for (domain, digest) in candidates {
            if !self.working.holds(&domain, &digest) {
                self.assets.remove(&domain, &digest);
            }
        }
    }
}
