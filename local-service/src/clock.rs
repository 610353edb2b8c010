//! The service's clock: a function, so that tests can stand in for time.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use codeartifact::Host;

use crate::faults;

/// What the service asks for the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The clock of the surroundings.
    pub fn of(host: Host) -> Self {
        Self(Arc::new(move || host.now()))
    }

    /// A clock of the caller's own.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The same clock, set wrong where a fault rule says so.
    pub(crate) fn skewable(self) -> Self {
        Self::new(move || {
            let skew = faults::skew();
            let by = Duration::from_secs(skew.unsigned_abs());
            let now = (self.0)();
            // A time that cannot be told stays as it is.
            if skew < 0 { now.checked_sub(by) } else { now.checked_add(by) }.unwrap_or(now)
        })
    }

    /// Milliseconds since 1970; a clock before that reads as zero.
    pub(crate) fn millis(&self) -> u64 {
        let since = (self.0)().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
