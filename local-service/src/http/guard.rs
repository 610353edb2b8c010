//! The first thing every request meets: is it from a program on this machine that means this service?
//!
//! A page in a browser can reach a loopback port: by a host name that is made to resolve to 127.0.0.1 (its `Host`
//! then gives it away), or directly (then browsers send `Origin` or `Sec-Fetch-Site`). A same-origin GET carries no
//! `Origin`, so neither look alone is enough.

use hyper::{HeaderMap, StatusCode, Uri, header};

/// Why a request is turned away before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the Host header must be 127.0.0.1, [::1] or localhost with this service's port")]
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

/// The authority that the client knows the service by, if the request may pass.
pub(crate) fn check(uri: &Uri, headers: &HeaderMap, port: u16) -> Result<String, Refused> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refused::Host);
    };
    let host = host.to_str().map_err(|_| Refused::Host)?;
    if !is_ours(host, port) {
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
fn is_ours(host: &str, port: u16) -> bool {
    let Some((name, digits)) = host.rsplit_once(':') else {
        return false;
    };
    let names_us = matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost");
    names_us && digits == port.to_string()
}
