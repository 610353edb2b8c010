//! The first thing every request meets: is it from a program on this machine that means this service?
//!
//! A page in a browser can reach a loopback port: by a host name that is made to resolve to 127.0.0.1 (its `Host`
//! then gives it away), or directly (then browsers send `Origin` or `Sec-Fetch-Site`). A same-origin GET carries no
//! `Origin`, so neither look alone is enough.
//!
//! A service that others can reach, which has only callers it knows, is called by the address that the connection came
//! to, or by a name from the file of those callers.

use std::net::IpAddr;

use hyper::{HeaderMap, StatusCode, Uri, header};

use crate::service::Service;

/// Why a request is turned away before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the Host header must be 127.0.0.1, [::1], localhost or a known name of this service, with its port")]
    Host,
    #[error("requests of web pages are not served")]
    Page,
}

impl Refused {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Page => StatusCode::FORBIDDEN,
        }
    }
}

/// What this service may be called by.
pub(crate) struct Known<'a> {
    port: u16,
    /// What a client means that names no port.
    default_port: u16,
    /// Beside the addresses of loopback: where the connection came to.
    address: Option<IpAddr>,
    names: &'a [String],
}

impl<'a> Known<'a> {
    /// On a connection to this address.
    pub(crate) fn of(service: &'a Service, local: IpAddr) -> Self {
        let local = local.to_canonical();
        let address = Some(local).filter(|local| !local.is_loopback());
        let default_port = if service.tls.is_some() { 443 } else { 80 };
        Self { port: service.address.port(), default_port, address, names: service.identities.hosts() }
    }
}

/// The authority that the client knows the service by, if the request may pass.
pub(crate) fn check(uri: &Uri, headers: &HeaderMap, known: &Known<'_>) -> Result<String, Refused> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refused::Host);
    };
    let host = host.to_str().map_err(|_| Refused::Host)?;
    if !is_ours(host, known) {
        return Err(Refused::Host);
    }
    // A request target in absolute form names a host of its own, which must not disagree.
    if uri.authority().is_some_and(|authority| authority.as_str() != host) {
        return Err(Refused::Host);
    }
    if headers.contains_key(header::ORIGIN) {
        return Err(Refused::Page);
    }
    let mut sites = headers.get_all("sec-fetch-site").iter();
    if sites.any(|site| !matches!(site.as_bytes(), b"none" | b"same-origin")) {
        return Err(Refused::Page);
    }
    Ok(host.to_owned())
}

/// Only literal spellings: what resolves to this machine is not known without asking, and asking is the attack.
fn is_ours(host: &str, known: &Known<'_>) -> bool {
    let (name, port_is_ours) = match host.rsplit_once(':') {
        // The last colon of `[::1]` is not before a port.
        Some((name, digits)) if !digits.ends_with(']') => (name, is_port(digits, known.port)),
        _ => (host, known.port == known.default_port),
    };
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let names_us = matches!(name, "127.0.0.1" | "[::1]")
        || name.eq_ignore_ascii_case("localhost")
        || known.address.is_some_and(|address| literal.parse() == Ok(address))
        || known.names.iter().any(|known| known.eq_ignore_ascii_case(name));
    names_us && port_is_ours
}

/// One spelling only: no sign, no zeros before it.
fn is_port(digits: &str, port: u16) -> bool {
    !digits.starts_with(['+', '0']) && digits.parse() == Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_the_port_or_means_the_schemes_own() {
        let names = ["packages.example".to_owned()];
        let known = |port, default_port| Known { port, default_port, address: "192.0.2.7".parse().ok(), names: &names };
        for name in ["127.0.0.1", "[::1]", "localhost", "LOCALHOST", "packages.example", "192.0.2.7"] {
            assert!(is_ours(&format!("{name}:4600"), &known(4600, 80)), "{name}");
            assert!(!is_ours(name, &known(4600, 80)), "{name}");
            for digits in ["04600", "+4600", "4600 ", "70136", ""] {
                assert!(!is_ours(&format!("{name}:{digits}"), &known(4600, 80)), "{name}:{digits}");
            }
            assert!(is_ours(name, &known(443, 443)), "{name}");
            assert!(is_ours(&format!("{name}:443"), &known(443, 443)), "{name}");
            assert!(!is_ours(name, &known(443, 80)), "{name}");
        }
        for other in ["", ":", ":443", "evil.example", "evil.example:443", "127.0.0.2", "[::2]", "::1", "[::1", "1]"] {
            assert!(!is_ours(other, &known(443, 443)), "{other}");
        }
    }
}
