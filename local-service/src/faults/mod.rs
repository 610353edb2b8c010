//! Scripted failures: what a network or an overloaded service does, on demand and repeatable.
//!
//! Rules come from a JSON file or from the running handle. The first rule that matches a request and is due acts on
//! it; a rule that has acted as often as it should is spent.
//!
//! ```json
//! { "rules": [
//!   { "operation": "GetAuthorizationToken", "times": 2, "status": 429, "type": "ThrottlingException", "retry-after": 1 },
//!   { "path": "/download", "skip": 1, "cut": "body" },
//!   { "operation": "cargo:index", "delay-ms": 250 },
//!   { "operation": "cargo:index", "behind-ms": 3000 },
//!   { "operation": "cargo:download", "bytes-per-second": 65536 },
//!   { "operation": "GetAuthorizationToken", "clock-skew-s": -43200 }
//! ] }
//! ```
//!
//! | member | what it does |
//! | --- | --- |
//! | `operation`, `path` | which requests: by the name that `/_local/counters` shows, by a part of the path; all if absent |
//! | `skip`, `times` | lets so many pass first; acts so often, for ever if absent or 0 |
//! | `delay-ms` | waits before anything else |
//! | `status`, `type`, `retry-after` | answers with this status (400 to 599), exception and header in place of acting |
//! | `expire-token` | treats the token that comes as expired |
//! | `clock-skew-s` | acts with a clock that is so many seconds ahead, or behind if negative: the `Date` header, the times of a token that is issued, and what is judged by the time |
//! | `behind-ms` | answers from what was there so long ago: a version that is new is not listed yet |
//! | `bytes-per-second` | sends the body of the answer no faster |
//! | `cut` | closes the connection `before` acting, `after` it without an answer, or in the middle of the answer's `body` |

//!
//! The file is read again while the service runs, as soon as a request comes a tenth of a second after it was changed.
//! One that cannot be used changes nothing: the rules of before stay, and whoever runs the service is told why, with
//! the line. A rule that stands in the new file as it stood in the old one goes on counting; any other begins anew.

mod watch;

use std::{
    fmt,
    num::NonZeroU32,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use watch::{Change, Watch};

use crate::failure::Failure;

/// One scripted failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FaultRule {
    /// Acts on this operation only: an API operation, or a data-plane request such as `cargo:download` (the names of
    /// the counters).
    pub operation: Option<String>,
    /// Acts on requests whose path contains this.
    pub path: Option<String>,
    /// Lets so many matching requests pass first.
    pub skip: u32,
    /// Acts so often; 0 is for ever.
    pub times: u32,
    /// Waits so many milliseconds first.
    pub delay_ms: u64,
    /// Answers with this status instead.
    pub status: Option<u16>,
    /// The exception that such an answer names; from the status if absent.
    #[serde(rename = "type")]
    pub exception: Option<String>,
    /// `Retry-After` of such an answer, in seconds.
    pub retry_after: Option<u64>,
    /// Cuts the connection.
    pub cut: Option<Cut>,
    /// Treats a token as expired.
    pub expire_token: bool,
    /// Acts with a clock that is so many seconds ahead.
    #[serde(rename = "clock-skew-s")]
    pub clock_skew: i64,
    /// Answers from what was there so many milliseconds ago.
    pub behind_ms: u64,
    /// Sends the body of the answer no faster.
    pub bytes_per_second: Option<NonZeroU32>,
}

/// When a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// Before the request is acted on.
    Before,
    /// After it was acted on, with no answer.
    After,
    /// After half of the answer's body.
    Body,
}

/// A fault file or rule that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The file could not be read.
    #[error("the fault file could not be read")]
    File(#[source] std::io::Error),
    /// It is not the JSON that is asked for.
    #[error("the fault file is not valid")]
    Syntax(#[source] serde_json::Error),
    /// A status that is none.
    #[error("rule {rule}{}: {status} is not an HTTP status from 400 to 599", Line(*.line))]
    Status {
        /// Which rule, counted from 1.
        rule: usize,
        /// The line of the file that it begins on.
        line: Option<usize>,
        /// What it says.
        status: u16,
    },
    /// A rule that would do nothing.
    #[error(
        "rule {rule}{} does nothing: it needs `status`, `delay-ms`, `cut`, `expire-token`, `clock-skew-s`, `behind-ms` or \
         `bytes-per-second`",
        Line(*.line)
    )]
    Idle {
        /// Which rule, counted from 1.
        rule: usize,
        /// The line of the file that it begins on.
        line: Option<usize>,
    },
}

/// A line number in a sentence, if there is one.
struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<FaultRule>,
}

/// The rules in force.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Armed>>);

struct Armed {
    rule: FaultRule,
    seen: u32,
}

/// What is to happen to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) delay: Duration,
    pub(crate) failure: Option<Failure>,
    pub(crate) cut: Option<Cut>,
    pub(crate) expire_token: bool,
    pub(crate) bent: Bent,
    pub(crate) bytes_per_second: Option<NonZeroU32>,
}

/// How time is other for one request than it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bent {
    /// Seconds that the clock is ahead.
    pub(crate) skew: i64,
    /// How old the model is that reads see.
    pub(crate) behind: Duration,
}

tokio::task_local! {
    static BENT: Bent;
}

impl Bent {
    /// Acts under it.
    pub(crate) async fn act<T>(self, act: impl Future<Output = T>) -> T {
        if self == Self::default() { act.await } else { BENT.scope(self, act).await }
    }
}

/// Seconds that the clock is ahead for the request of this task.
pub(crate) fn skew() -> i64 {
    BENT.try_with(|bent| bent.skew).unwrap_or_default()
}

/// How old the model is that the request of this task sees.
pub(crate) fn behind() -> Duration {
    BENT.try_with(|bent| bent.behind).unwrap_or_default()
}

/// The longest time that any of the rules looks back.
pub(crate) fn horizon(rules: &[FaultRule]) -> Duration {
    Duration::from_millis(rules.iter().map(|rule| rule.behind_ms).max().unwrap_or_default())
}

/// The rules of a fault file.
pub(crate) fn read(file: &Path) -> Result<Vec<FaultRule>, FaultError> {
    parse(&watch::read(file).map_err(FaultError::File)?)
}

fn parse(text: &[u8]) -> Result<Vec<FaultRule>, FaultError> {
    let File { rules } = serde_json::from_slice(text).map_err(FaultError::Syntax)?;
    check(&rules, |rule| line_of(text, rule))?;
    Ok(rules)
}

/// The line on which a rule of the file begins.
fn line_of(text: &[u8], rule: usize) -> Option<usize> {
    #[derive(Deserialize)]
    struct Places<'a> {
        #[serde(borrow)]
        rules: Vec<&'a RawValue>,
    }
    let Places { rules } = serde_json::from_slice(text).ok()?;
    let at = (rules.get(rule)?.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some(text.get(..at)?.split(|byte| *byte == b'\n').count())
}

/// Are these rules that can be meant? `line_of` says where one stands, counted from 0.
fn check(rules: &[FaultRule], line_of: impl Fn(usize) -> Option<usize>) -> Result<(), FaultError> {
    for (at, rule) in rules.iter().enumerate() {
        match rule.status {
            Some(status) if !(400..=599).contains(&status) => {
                return Err(FaultError::Status { rule: at + 1, line: line_of(at), status });
            }
            None if rule.is_idle() => {
                return Err(FaultError::Idle { rule: at + 1, line: line_of(at) });
            }
            _ => {}
        }
    }
    Ok(())
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces all rules.
    pub(crate) fn set(&self, rules: Vec<FaultRule>) -> Result<(), FaultError> {
        check(&rules, |_| None)?;
        *self.lock() = rules.into_iter().map(|rule| Armed { rule, seen: 0 }).collect();
        Ok(())
    }

    /// Puts rules in the place of those of before; one that was there goes on counting where it was.
    pub(crate) fn update(&self, rules: Vec<FaultRule>) {
        let mut armed = self.lock();
        let mut before = std::mem::take(&mut *armed);
        armed.extend(rules.into_iter().map(|rule| {
            let same = before.iter().position(|armed| armed.rule == rule);
            same.map_or(Armed { rule, seen: 0 }, |at| before.remove(at))
        }));
    }

    /// What the first due rule says for a request.
    pub(crate) fn pick(&self, operation: &str, path: &str) -> Option<Fault> {
        let mut rules = self.lock();
        for armed in rules.iter_mut() {
            let rule = &armed.rule;
            let matches = rule.operation.as_ref().is_none_or(|wanted| wanted == operation)
                && rule.path.as_ref().is_none_or(|part| path.contains(part.as_str()));
            if !matches {
                continue;
            }
            let spent = rule.times > 0 && armed.seen >= rule.skip.saturating_add(rule.times);
            let due = armed.seen >= rule.skip && !spent;
            armed.seen = armed.seen.saturating_add(1);
            if due {
                return Some(rule.fault());
            }
        }
        None
    }
}

impl FaultRule {
    const fn is_idle(&self) -> bool {
        self.delay_ms == 0
            && self.cut.is_none()
            && !self.expire_token
            && self.clock_skew == 0
            && self.behind_ms == 0
            && self.bytes_per_second.is_none()
    }

    fn fault(&self) -> Fault {
        let failure = self.status.and_then(|status| StatusCode::from_u16(status).ok()).map(|status| {
            let kind = self.exception.clone().unwrap_or_else(|| exception_of(status).to_owned());
            let retry_after = self.retry_after.map(Duration::from_secs);
            Failure::Scripted { status, kind, retry_after, message: "scripted failure".to_owned() }
        });
        Fault {
            delay: Duration::from_millis(self.delay_ms),
            failure,
            cut: self.cut,
            expire_token: self.expire_token,
            bent: Bent { skew: self.clock_skew, behind: Duration::from_millis(self.behind_ms) },
            bytes_per_second: self.bytes_per_second,
        }
    }
}

/// The API model's exception for a status.
pub(crate) fn exception_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "AccessDeniedException",
        402 => "ServiceQuotaExceededException",
        404 => "ResourceNotFoundException",
        409 => "ConflictException",
        429 => "ThrottlingException",
        400..=499 => "ValidationException",
        _ => "InternalServerException",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armed(text: &str) -> Faults {
        let faults = Faults::default();
        faults.set(parse(text.as_bytes()).unwrap()).unwrap();
        faults
    }

    #[test]
    fn a_rule_skips_acts_and_is_spent() {
        let faults = armed(r#"{"rules":[{"operation":"A","skip":1,"times":2,"status":503}]}"#);
        let acted: Vec<bool> = (0..5).map(|_| faults.pick("A", "/").is_some()).collect();
        assert_eq!(acted, [false, true, true, false, false]);
        assert!(faults.pick("B", "/").is_none());
    }

    #[test]
    fn a_rule_that_stays_goes_on_counting() {
        let one = r#"{"operation":"A","times":2,"status":503}"#;
        let faults = armed(&format!(r#"{{"rules":[{one},{{"operation":"B","times":1,"status":500}}]}}"#));
        assert!(faults.pick("A", "/").is_some() && faults.pick("B", "/").is_some());
        let rules = format!(r#"{{"rules":[{{"operation":"B","times":1,"status":501}},{one}]}}"#);
        faults.update(parse(rules.as_bytes()).unwrap());
        let acted: Vec<bool> = (0..2).map(|_| faults.pick("A", "/").is_some()).collect();
        assert_eq!(acted, [true, false], "it had acted once");
        assert!(faults.pick("B", "/").is_some(), "it is another rule");
        // Twice the same are two rules.
        faults.update(parse(format!(r#"{{"rules":[{one},{one}]}}"#).as_bytes()).unwrap());
        let acted = (0..5).filter(|_| faults.pick("A", "/").is_some()).count();
        assert_eq!(acted, 2);
    }

    #[test]
    fn a_bad_rule_is_named_with_its_line() {
        let said = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        let idle = "{\n \"rules\": [\n  { \"status\": 500 },\n  {}\n ]\n}";
        assert!(said(idle).starts_with("rule 2 (line 4) does nothing"), "{}", said(idle));
        let status = "{\n\n\"rules\": [{ \"status\": 200 }] }";
        assert_eq!(said(status), "rule 1 (line 3): 200 is not an HTTP status from 400 to 599");
        let alone = check(&[FaultRule::default()], |_| None).unwrap_err().to_string();
        assert!(alone.starts_with("rule 1 does nothing"), "{alone}");
    }

    #[test]
    fn the_first_due_rule_acts() {
        let faults = armed(r#"{"rules":[{"path":"/x","times":1,"status":500},{"delay-ms":5}]}"#);
        assert_eq!(faults.pick("A", "/a/x").unwrap().failure.unwrap().status().as_u16(), 500);
        assert_eq!(faults.pick("A", "/a/x").unwrap().delay, Duration::from_millis(5));
    }

    #[test]
    fn rules_that_cannot_be_meant_are_refused() {
        for bad in [
            "",
            "[]",
            r#"{"rules":[{}]}"#,
            r#"{"rules":[{"status":200}]}"#,
            r#"{"rules":[{"status":99}]}"#,
            r#"{"rules":[{"cut":"never"}]}"#,
            r#"{"rules":[{"bytes-per-second":0}]}"#,
            r#"{"rules":[{"behind-ms":-1}]}"#,
            r#"{"rules":[{"statuz":500}]}"#,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
