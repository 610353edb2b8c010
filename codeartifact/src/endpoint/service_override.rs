//! The service endpoint override: another address for the control plane.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{EndpointError, invalid};

/// A service endpoint override (`AWS_ENDPOINT_URL_CODEARTIFACT` and its relatives), reduced to scheme, host and port:
/// `http://127.0.0.1:4600`. Tokens issued under one are given out only while the same one is in force.
///
/// Two kinds. A *loopback* one is the embedded service of this machine: it issues tokens for its own repositories, and
/// AWS's hosts get none. Any other is a way to AWS (a VPC endpoint of the control plane, a proxy), must be `https`,
/// and its tokens are for AWS's hosts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceOverride(String);

/// How an override may be written.
const SHAPE: &str = "a service endpoint override is `https://HOST`, or `http://` with 127.0.0.1 or [::1] and a port, \
    and has no user, path, query or fragment";
const LOOPBACK: &str = "this machine is written 127.0.0.1 or [::1]: names and other spellings can lead elsewhere";
const CLEAR_TEXT: &str = "plain http is for 127.0.0.1 and [::1] only: elsewhere the token would travel in clear text";
const HOST: &str = "a host is lowercase letters, digits and dashes in labels joined by single dots, \
    an IPv4 address in four decimal numbers, or an IPv6 address in brackets in its shortest form";
const PORT: &str = "a port is a number from 1 to 65535 without leading zeros";

impl ServiceOverride {
    /// Parses the address of a service endpoint override.
    ///
    /// # Errors
    /// Names the part that breaks a rule: plain `http` beyond 127.0.0.1 and `[::1]`; `localhost` and other spellings of
    /// this machine (what a name means is decided elsewhere, so it is no ground for trust); a path other than `/`; a
    /// user part, query or fragment.
    pub fn parse(raw: &[u8]) -> Result<Self, EndpointError> {
        // A user part may hold a password, which no message repeats.
        if raw.contains(&b'@') {
            return Err(invalid("service endpoint override", "...@...", SHAPE));
        }
        let text = str::from_utf8(raw)
            .ok()
            .filter(|text| text.len() <= 512 && text.bytes().all(|b| b.is_ascii_graphic()))
            .ok_or_else(|| invalid("service endpoint override", raw, SHAPE))?;
        let (scheme, rest) = text
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
            .ok_or_else(|| invalid("service endpoint override", raw, SHAPE))?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '\\', '?', '#']) {
            return Err(invalid("service endpoint override", raw, SHAPE));
        }
        let authority = authority.to_ascii_lowercase();
        let (host, port) = split_port(&authority);
        let port = match port {
            None if scheme == "http" => 80,
            None => 443,
            Some(port) => port_number(port).ok_or_else(|| invalid("port", port, PORT))?,
        };
        match kind_of(host) {
            HostKind::Loopback => {}
            HostKind::Elsewhere if scheme == "https" => {}
            HostKind::Elsewhere => return Err(invalid("service endpoint override", raw, CLEAR_TEXT)),
            HostKind::OtherLoopback => return Err(invalid("host", host, LOOPBACK)),
            HostKind::None => return Err(invalid("host", host, HOST)),
        }
        Ok(Self(format!("{scheme}://{host}:{port}")))
    }

    /// `scheme://host:port`, the port always written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it leads to this machine: the embedded service, not a way to AWS.
    pub fn is_loopback(&self) -> bool {
        let authority = self.0.split_once("://").map_or("", |(_, authority)| authority);
        kind_of(split_port(authority).0) == HostKind::Loopback
    }
}

impl fmt::Display for ServiceOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a host is, for an override.
#[derive(PartialEq, Eq)]
enum HostKind {
    /// `127.0.0.1` or `[::1]`.
    Loopback,
    /// This machine in another spelling.
    OtherLoopback,
    /// A name or address of another machine.
    Elsewhere,
    /// No host.
    None,
}

fn kind_of(host: &str) -> HostKind {
    if matches!(host, "127.0.0.1" | "[::1]") {
        return HostKind::Loopback;
    }
    if let Some(inner) = host.strip_prefix('[') {
        let Some(address) = inner.strip_suffix(']').and_then(|text| text.parse::<Ipv6Addr>().ok()) else {
            return HostKind::None;
        };
        let within = address.to_ipv4_mapped();
        return if address.is_loopback() || address.is_unspecified() || within.is_some_and(is_this_machine) {
            HostKind::OtherLoopback
        } else if within.is_none() && format!("[{address}]") == host {
            HostKind::Elsewhere
        } else {
            HostKind::None
        };
    }
    let labels_hold = host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    if !labels_hold {
        return HostKind::None;
    }
    if host == "localhost" || host.ends_with(".localhost") || host.ends_with(".localdomain") {
        return HostKind::OtherLoopback;
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    // A last label of digits, or of hexadecimal ones after 0x, makes the whole an IPv4 address to URL parsers.
    if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") {
        return match host.parse::<Ipv4Addr>() {
            Ok(address) if is_this_machine(address) => HostKind::OtherLoopback,
            Ok(_) => HostKind::Elsewhere,
            Err(_) => HostKind::None,
        };
    }
    HostKind::Elsewhere
}

fn is_this_machine(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// Splits `HOST[:PORT]`; an IPv6 address keeps its brackets.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    let from = authority.rfind(']').map_or(0, |end| end + 1);
    match authority[from..].find(':') {
        Some(colon) => (&authority[..from + colon], Some(&authority[from + colon + 1..])),
        None => (authority, None),
    }
}

/// A port written the one way.
pub(super) fn port_number(text: &str) -> Option<u16> {
    let number: u16 = text.parse().ok().filter(|number| *number != 0)?;
    (number.to_string() == text).then_some(number)
}
