//! Who may ask: programs of the same user on this machine, and no web page.
//!
//! Two looks, neither enough alone. A connection: of the same user, as the system knows who made it, or, where that cannot
//! be known, with the key of this start as its credential. A request: a page in a browser can reach a loopback port by a
//! host name that is made to resolve to it (then `Host` gives it away), or directly (then the browser says so in headers
//! that pages cannot leave out: `Origin`, `Sec-Fetch-…`, and the `Mozilla/` of its name for those too old for them). There
//! is no CORS: a preflight is refused like everything else.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{HeaderMap, Method, Uri, header};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Why a request is turned away before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// It means somebody else.
    #[error("the Host header must be the address and port that this proxy listens on")]
    Host,
    /// It comes from a browser.
    #[error("requests of web pages are not served")]
    Page,
    /// No package manager asks so.
    #[error("this method is not served")]
    Method,
    /// Another user's.
    #[error("this proxy serves the user who started it, and nobody else")]
    User,
    /// It is not known whose, and it brings no key.
    #[error("this proxy asks for its key as the password or token: `cargo codeartifact proxy --key` prints it")]
    Key,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// The user's who started the proxy.
    Same,
    /// Somebody else's.
    Other,
    /// The system does not say.
    Unknown,
}

/// The key of one start: 32 random bytes, in hexadecimal.
pub(super) struct Key(Zeroizing<String>);

impl Key {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(&mut *bytes)?;
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in bytes.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        Ok(Self(text))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a request brings it: as a token, as a password with any name, or bare.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let brought = match value.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim().to_owned(),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                let pair = STANDARD.decode(rest.trim()).ok().and_then(|pair| String::from_utf8(pair).ok());
                pair.as_deref().and_then(|pair| pair.split_once(':')).map(|(_, key)| key.to_owned()).unwrap_or_default()
            }
            _ => value.to_owned(),
        };
        // Of digests, so that the time it takes says nothing about the key.
        Sha256::digest(Zeroizing::new(brought).as_bytes()) == Sha256::digest(self.0.as_bytes())
    }
}

/// Nothing of it.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Whether a request may pass.
pub(super) fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    listening: SocketAddr,
    peer: Peer,
    key: &Key,
) -> Result<(), Refused> {
    if peer == Peer::Other {
        return Err(Refused::User);
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Refused::Host) };
    let ours = listening.to_string();
    // A target in absolute form names a host of its own.
    if host.as_bytes() != ours.as_bytes() || uri.authority().is_some_and(|authority| authority.as_str() != ours) {
        return Err(Refused::Host);
    }
    let is_page = headers.keys().any(|name| {
        let name = name.as_str();
        name == "origin" || name.starts_with("sec-") || name.starts_with("access-control-")
    });
    let is_browser = headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    if is_page || is_browser {
        return Err(Refused::Page);
    }
    if !matches!(*method, Method::GET | Method::HEAD | Method::PUT | Method::POST | Method::DELETE | Method::PATCH) {
        return Err(Refused::Method);
    }
    if peer == Peer::Unknown && !key.is_in(headers) {
        return Err(Refused::Key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn verdict(more: &[(&str, &str)], method: &Method, uri: &str, peer: Peer) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in more {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let key = Key(Zeroizing::new("k3y".to_owned()));
        check(method, &uri.parse().unwrap(), &headers, "127.0.0.1:4601".parse().unwrap(), peer, &key)
    }

    #[test]
    fn only_the_address_and_port_is_our_name() {
        let of = |hosts: &[(&str, &str)]| verdict(hosts, &Method::GET, "/", Peer::Same);
        assert_eq!(of(&[("host", "127.0.0.1:4601")]), Ok(()));
        for host in [
            "localhost:4601",
            "127.0.0.1",
            "127.0.0.1:4602",
            "127.0.0.1:04601",
            "127.0.0.1:4601.",
            "127.1:4601",
            "[::1]:4601",
            "rebound.example:4601",
            "a@127.0.0.1:4601",
            "",
        ] {
            assert_eq!(of(&[("host", host)]), Err(Refused::Host), "{host}");
        }
        assert_eq!(of(&[]), Err(Refused::Host));
        assert_eq!(of(&[("host", "127.0.0.1:4601"), ("host", "127.0.0.1:4601")]), Err(Refused::Host));
        let absolute = |uri| verdict(&[("host", "127.0.0.1:4601")], &Method::GET, uri, Peer::Same);
        assert_eq!(absolute("http://127.0.0.1:4601/x"), Ok(()));
        assert_eq!(absolute("http://packages.example/x"), Err(Refused::Host));
    }

    #[test]
    fn a_page_is_refused_by_whatever_gives_it_away() {
        for (name, value) in [
            ("origin", "http://127.0.0.1:4601"),
            ("origin", "null"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-ch-ua", "x"),
            ("sec-websocket-key", "x"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-private-network", "true"),
            ("user-agent", "Mozilla/5.0 (X11)"),
        ] {
            let said = [("host", "127.0.0.1:4601"), (name, value)];
            assert_eq!(verdict(&said, &Method::GET, "/", Peer::Same), Err(Refused::Page), "{name}");
        }
        for method in [Method::OPTIONS, Method::CONNECT, Method::TRACE] {
            let said = [("host", "127.0.0.1:4601")];
            assert_eq!(verdict(&said, &method, "/", Peer::Same), Err(Refused::Method), "{method}");
        }
    }

    #[test]
    fn another_user_is_refused_and_an_unknown_one_brings_the_key() {
        let host = ("host", "127.0.0.1:4601");
        let of = |peer, authorization: Option<&str>| {
            let mut headers = vec![host];
            headers.extend(authorization.map(|value| ("authorization", value)));
            verdict(&headers, &Method::GET, "/", peer)
        };
        for authorization in [None, Some("Bearer k3y")] {
            assert_eq!(of(Peer::Other, authorization), Err(Refused::User));
            assert_eq!(of(Peer::Same, authorization), Ok(()));
        }
        for good in ["Bearer k3y", "bearer k3y", "k3y", "Basic YXdzOmszeQ=="] {
            assert_eq!(of(Peer::Unknown, Some(good)), Ok(()), "{good}");
        }
        for bad in ["Bearer k3", "Bearer k3y1", "Basic azN5", "Basic YXdzOg==", "Digest k3y", ""] {
            assert_eq!(of(Peer::Unknown, Some(bad)), Err(Refused::Key), "{bad}");
        }
        assert_eq!(of(Peer::Unknown, None), Err(Refused::Key));
        let (one, other) = (Key::new().unwrap(), Key::new().unwrap());
        assert!(one.expose().len() == 64 && one.expose() != other.expose());
        assert_eq!(format!("{one:?}"), "Key(…)");
    }
}
