//! Conditions of statements: operators, keys, and the circumstances of a request that they look at.
//!
//! All operators of a statement must hold, and for each of them all keys; of the values of one key one is enough, and
//! for a negated operator none may match. A key that the request does not have fails an operator and satisfies a
//! negated one or one with `IfExists`, as in AWS.
//!
//! What cannot be evaluated here - another operator, a date that is none - is [`Verdict::Unknown`]: then an `Allow`
//! does not apply, and a `Deny` does.

use std::net::IpAddr;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Demand, pattern::Pattern};

/// What comes of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Fails,
    Unknown,
}

/// One operator with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// `None`: not one that is known here.
    operator: Option<Operator>,
    if_exists: bool,
    /// Lowercase: keys are the same in either case.
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operator {
    comparison: Comparison,
    negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    EqualInAnyCase,
    Like,
    Arn,
    Ip,
    Bool,
    Date(Order),
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    fn named(name: &str) -> Option<Self> {
        let (comparison, negated) = match name {
            "StringEquals" => (Comparison::Equal, false),
            "StringNotEquals" => (Comparison::Equal, true),
            "StringEqualsIgnoreCase" => (Comparison::EqualInAnyCase, false),
            "StringNotEqualsIgnoreCase" => (Comparison::EqualInAnyCase, true),
            "StringLike" => (Comparison::Like, false),
            "StringNotLike" => (Comparison::Like, true),
            // The two are the same in AWS: either takes wildcards.
            "ArnEquals" | "ArnLike" => (Comparison::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Comparison::Arn, true),
            "IpAddress" => (Comparison::Ip, false),
            "NotIpAddress" => (Comparison::Ip, true),
            "Bool" => (Comparison::Bool, false),
            "DateEquals" => (Comparison::Date(Order::Equal), false),
            "DateNotEquals" => (Comparison::Date(Order::Equal), true),
            "DateLessThan" => (Comparison::Date(Order::Less), false),
            "DateLessThanEquals" => (Comparison::Date(Order::LessOrEqual), false),
            "DateGreaterThan" => (Comparison::Date(Order::Greater), false),
            "DateGreaterThanEquals" => (Comparison::Date(Order::GreaterOrEqual), false),
            "Null" => (Comparison::Absent, false),
            _ => return None,
        };
        Some(Self { comparison, negated })
    }
}

impl Condition {
    pub(super) fn new(operator: &str, key: &str, values: Vec<String>) -> Self {
        let (name, if_exists) = match operator.strip_suffix("IfExists") {
            // There is no such form of it: it asks for absence itself.
            Some("Null") | None => (operator, false),
            Some(name) => (name, true),
        };
        Self { operator: Operator::named(name), if_exists, key: key.to_lowercase(), values }
    }

    pub(super) fn judge(&self, demand: &Demand<'_>) -> Verdict {
        let Some(Operator { comparison, negated }) = self.operator else {
            return Verdict::Unknown;
        };
        let given = demand.value_of(&self.key);
        if comparison == Comparison::Absent {
            return any(self.values.iter().map(|value| boolean(value).map(|absent| absent == given.is_none())));
        }
        let Some(given) = given else {
            return if negated || self.if_exists { Verdict::Holds } else { Verdict::Fails };
        };
        let matched = any(self.values.iter().map(|value| compare(comparison, value, &given)));
        match (matched, negated) {
            (Verdict::Holds, true) => Verdict::Fails,
            (Verdict::Fails, true) => Verdict::Holds,
            (verdict, _) => verdict,
        }
    }
}

/// One match is enough; without one, a value that cannot be compared leaves the question open.
fn any(mut matches: impl Iterator<Item = Option<bool>>) -> Verdict {
    let mut verdict = Verdict::Fails;
    for matched in matches.by_ref() {
        match matched {
            Some(true) => return Verdict::Holds,
            Some(false) => {}
            None => verdict = Verdict::Unknown,
        }
    }
    verdict
}

/// `None`: the policy's value, or the request's, is nothing that this comparison compares.
fn compare(comparison: Comparison, value: &str, given: &str) -> Option<bool> {
    match comparison {
        Comparison::Equal => Some(value == given),
        Comparison::EqualInAnyCase => Some(value.to_lowercase() == given.to_lowercase()),
        Comparison::Like => Some(Pattern::exact(value).matches(given)),
        Comparison::Arn => arn(value, given),
        Comparison::Ip => Some(Network::parse(value)?.holds(given.parse().ok()?)),
        Comparison::Bool => Some(boolean(value)? == boolean(given)?),
        Comparison::Date(order) => {
            let (limit, time) = (date(value)?, date(given)?);
            Some(match order {
                Order::Equal => time == limit,
                Order::Less => time < limit,
                Order::LessOrEqual => time <= limit,
                Order::Greater => time > limit,
                Order::GreaterOrEqual => time >= limit,
            })
        }
        Comparison::Absent => None,
    }
}

/// Part by part between the first five colons: a wildcard does not reach over one.
fn arn(value: &str, given: &str) -> Option<bool> {
    if value == "*" {
        return Some(true);
    }
    let parts = |text: &str| -> Option<Vec<String>> {
        let parts: Vec<String> = text.splitn(6, ':').map(str::to_owned).collect();
        (parts.len() == 6).then_some(parts)
    };
    let (value, given) = (parts(value)?, parts(given)?);
    Some(value.iter().zip(&given).all(|(value, given)| Pattern::exact(value).matches(given)))
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Seconds since 1970 with a fraction in nanoseconds, or ISO 8601 as AWS writes it: a day, or a time with its zone.
fn date(text: &str) -> Option<i128> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(i128::from(seconds) * 1_000_000_000);
    }
    let whole = if text.len() == "2026-01-01".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    OffsetDateTime::parse(&whole, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp_nanos)
}

/// An address or a block of addresses.
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            None => (text, None),
            Some((address, bits)) => {
                (address, Some(bits.parse().ok().filter(|_| bits.bytes().all(|b| b.is_ascii_digit()))?))
            }
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        Some(Self { address, bits: bits.unwrap_or(most) }).filter(|network| network.bits <= most)
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                u32::from(network) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                u128::from(network) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}
