//! Scripted failures: what a network or an overloaded service does, on demand and repeatable.
//!
//! Rules come from a JSON file or from the running handle. The first rule that matches a request and is due acts on
//! it; a rule that has acted as often as it should is spent.
//!
//! ```json
//! { "rules": [
//!   { "operation": "GetAuthorizationToken", "times": 2, "status": 429, "type": "ThrottlingException", "retry-after": 1 },
//!   { "path": "/download", "skip": 1, "cut": "body" },
//!   { "operation": "cargo:index", "delay-ms": 250 }
//! ] }
//! ```

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::StatusCode;
use serde::Deserialize;

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
    #[error("rule {rule}: {status} is not an HTTP status from 400 to 599")]
    Status {
        /// Which rule, counted from 1.
        rule: usize,
        /// What it says.
        status: u16,
    },
    /// A rule that would do nothing.
    #[error("rule {rule} does nothing: it needs `status`, `delay-ms`, `cut` or `expire-token`")]
    Idle {
        /// Which rule, counted from 1.
        rule: usize,
    },
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
}

/// The rules of a fault file.
pub(crate) fn read(file: &Path) -> Result<Vec<FaultRule>, FaultError> {
    parse(&std::fs::read(file).map_err(FaultError::File)?)
}

fn parse(text: &[u8]) -> Result<Vec<FaultRule>, FaultError> {
    let File { rules } = serde_json::from_slice(text).map_err(FaultError::Syntax)?;
    check(&rules)?;
    Ok(rules)
}

fn check(rules: &[FaultRule]) -> Result<(), FaultError> {
    for (at, rule) in rules.iter().enumerate() {
        match rule.status {
            Some(status) if !(400..=599).contains(&status) => {
                return Err(FaultError::Status { rule: at + 1, status });
            }
            None if rule.delay_ms == 0 && rule.cut.is_none() && !rule.expire_token => {
                return Err(FaultError::Idle { rule: at + 1 });
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
        check(&rules)?;
        *self.lock() = rules.into_iter().map(|rule| Armed { rule, seen: 0 }).collect();
        Ok(())
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
    fn fault(&self) -> Fault {
        let failure = self.status.and_then(|status| StatusCode::from_u16(status).ok()).map(|status| {
            let kind = self.exception.clone().unwrap_or_else(|| exception_of(status).to_owned());
            let retry_after = self.retry_after.map(Duration::from_secs);
            Failure::Scripted { status, kind, retry_after, message: "scripted failure".to_owned() }
        });
        Fault { delay: Duration::from_millis(self.delay_ms), failure, cut: self.cut, expire_token: self.expire_token }
    }
}

/// The API model's exception for a status.
fn exception_of(status: StatusCode) -> &'static str {
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
            r#"{"rules":[{"statuz":500}]}"#,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
