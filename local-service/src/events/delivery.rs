//! The one thread that hands events to the receiver, in order.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use super::{
    envelope::envelopes,
    receiver::{Channel, EventReceiver},
};
use crate::service::Service;

/// Pauses after a failure: the first, doubled with every further one up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After so long without an event, what was delivered is written down by itself.
const SETTLE: Duration = Duration::from_millis(250);

/// The thread, for as long as the service runs.
pub(crate) struct Delivery {
    ended: Mutex<Option<Receiver<()>>>,
}

struct Courier {
    service: Arc<Service>,
    channel: Channel,
    /// The last event that the receiver has.
    position: u64,
    /// When stopping: until when to go on.
    drain: Duration,
    /// Dropped with the thread, which tells whoever waits for its end.
    _ended: Sender<()>,
}

impl Delivery {
    /// Starts delivering from where the receiver is.
    pub(crate) fn start(service: &Arc<Service>, receiver: EventReceiver) -> io::Result<Self> {
        let (sender, ended) = channel();
        let position = service.journal.log().reach().delivered.unwrap_or_default();
        let courier = Courier {
            service: Arc::clone(service),
            channel: receiver.open()?,
            position,
            drain: service.limits.drain,
            _ended: sender,
        };
        std::thread::Builder::new().name("local-events".to_owned()).spawn(move || courier.run())?;
        Ok(Self { ended: Mutex::new(Some(ended)) })
    }

    /// Delivers what is there, within the bound, unless the receiver fails: then the next start goes on from there. A
    /// receiver that hangs is left behind.
    pub(crate) fn stop(&self, service: &Service) {
        service.journal.log().close();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            let (Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) | Ok(())) =
                ended.recv_timeout(service.limits.drain);
        }
    }
}

impl Courier {
    fn run(mut self) {
        let service = Arc::clone(&self.service);
        let log = service.journal.log();
        let mut pause = FIRST_PAUSE;
        let mut unsettled = false;
        let mut closing: Option<Instant> = None;
        loop {
            let more = log.wait(self.position, if unsettled { SETTLE } else { Duration::from_hours(1) });
            if log.is_closed() {
                let began = *closing.get_or_insert_with(Instant::now);
                if !more || began.elapsed() >= self.drain {
                    break;
                }
            }
            if !more {
                if unsettled {
                    service.journal.delivered(self.position, true);
                    unsettled = false;
                }
                continue;
            }
            match self.deliver() {
                Ok(()) => {
                    service.journal.delivered(self.position, false);
                    unsettled = true;
                    pause = FIRST_PAUSE;
                }
                Err(_) if closing.is_some() => break,
                Err(_) => {
                    log.pause(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn deliver(&mut self) -> io::Result<()> {
        let piece = self.channel.piece();
        let events = self.service.journal.events(self.position, piece).map_err(io::Error::other)?;
        let lines: Vec<String> = events.iter().flat_map(|(number, event)| envelopes(*number, event)).collect();
        self.channel.deliver(&lines)?;
        // Those that were removed before they could be read count as had.
        let reached = events.last().map_or_else(|| self.service.journal.log().reach().last, |(number, _)| *number);
        self.position = reached;
        Ok(())
    }
}
