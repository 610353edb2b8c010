//! Moments as people and scripts read them.

use std::time::{Duration, SystemTime};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// `2026-01-31T12:00:00Z`: UTC, whole seconds.
pub(crate) fn utc(moment: SystemTime) -> String {
    let whole = OffsetDateTime::from(moment).replace_nanosecond(0).ok();
    // Years beyond 9999 have no such form; no token lives that long.
    whole.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| "unknown".to_owned())
}

/// `11 h 42 min`, `42 min`, `20 s`: rounded down.
pub(crate) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_599_900);
        assert_eq!(utc(moment), "2025-12-31T23:59:59Z");
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (43_199, "11 h 59 min")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
