//! Signs of life while a token is fetched.

use std::{
    io::Write as _,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use clients::protocol::Heartbeat;

use crate::record::standard;

/// The shortest patience known is NuGet's: 5 s from one message to the next.
const INTERVAL: Duration = Duration::from_secs(2);

/// Writes to standard output from a thread that lives as long as the work.
pub(crate) struct ToStandardOutput;

impl Heartbeat for ToStandardOutput {
    fn during(&self, beat: &[u8], work: &mut dyn FnMut()) {
        // Without a stream of its own there is no sign of life; the answer may still be in time.
        let Ok(mut output) = standard::output() else { return work() };
        let (done, waiting) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(INTERVAL) {
                    // Where nobody reads, the answer will find out.
                    if output.write_all(beat).is_err() {
                        return;
                    }
                }
            });
            work();
            drop(done);
        });
    }
}
