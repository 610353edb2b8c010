//! Requests to public sources: where they may lead, how long they may take.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{self, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client as HyperClient,
        connect::{
            HttpConnector,
            dns::{GaiResolver, Name},
        },
    },
    rt::TokioExecutor,
};
use tower_service::Service;

use super::{Connection, ExternalError, Proxies, SourceAddress, proxy::Way};

/// For the name, the connection and its encryption.
const CONNECT: Duration = Duration::from_secs(10);
/// For the header of an answer.
const HEADER: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 5;

type Http<B = Empty<Bytes>> = HyperClient<HttpsConnector<Way>, B>;

/// Requests by the same rules for who has more to say than that something is wanted: to a host elsewhere never into this
/// machine nor to a metadata service, through the proxies; to this machine directly. Redirects are not followed.
///
/// It is for the programs that this crate is linked into, so that there is one way out of them.
pub struct Outward<B> {
    remote: Http<B>,
    local: Http<B>,
    proxies: Proxies,
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub enum OutwardError {
    /// The way is closed by a rule.
    #[error("the way to {host} is closed: {reason}")]
    Forbidden {
        /// Where it led.
        host: String,
        /// The rule.
        reason: &'static str,
    },
    /// Nobody answered.
    #[error("no answer: {0}")]
    Unreachable(String),
}

impl<B> Outward<B>
where
    B: hyper::body::Body + Send + 'static + Unpin,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Through these proxies.
    ///
    /// # Errors
    /// The system has no certificates to check others with.
    pub fn new(proxies: Proxies) -> Result<Self, String> {
        let (remote, local) = (http(Rule::Remote, proxies.clone())?, http(Rule::Local, Proxies::default())?);
        Ok(Self { remote, local, proxies })
    }

    /// Sends a request whose target is an absolute URL, and waits for the header of its answer, at most `limit`.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send(&self, mut request: Request<B>, limit: Duration) -> Result<Response<Incoming>, OutwardError> {
        let uri = request.uri().clone();
        let rule = Rule::of(&uri);
        rule.check(&uri, &uri)
            .map_err(|reason| OutwardError::Forbidden { host: uri.host().unwrap_or_default().to_owned(), reason })?;
        let http = match rule {
            Rule::Remote => &self.remote,
            Rule::Local => &self.local,
        };
        if rule == Rule::Remote
            && let Some(authorization) = self.proxies.authorization(&uri)
        {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
        }
        tokio::time::timeout(limit, http.request(request))
            .await
            .map_err(|_| OutwardError::Unreachable("none in time".to_owned()))?
            .map_err(|error| OutwardError::Unreachable(cause(&error)))
    }
}

/// Two clients, so that a connection made under one rule is never reused under the other.
pub(super) struct Client {
    /// For sources elsewhere.
    remote: Result<Http, String>,
    /// For sources on this machine.
    local: Result<Http, String>,
    /// Between here and those elsewhere.
    proxies: Proxies,
}

impl Client {
    pub(super) fn new(proxies: Proxies) -> Self {
        let (remote, local) = (http(Rule::Remote, proxies.clone()), http(Rule::Local, Proxies::default()));
        Self { remote, local, proxies }
    }

    /// Asks for a URL. An answer other than 200 is given as it is, once redirects are followed.
    pub(super) async fn get(
        &self,
        connection: Connection,
        source: &SourceAddress,
        uri: Uri,
        headers: &[(header::HeaderName, HeaderValue)],
    ) -> Result<(Uri, Response<Incoming>), ExternalError> {
        let unreachable = |problem: String| ExternalError::Unreachable { connection, problem };
        let rule = Rule::of(&source.base);
        let http = match rule {
            Rule::Remote => &self.remote,
            Rule::Local => &self.local,
        };
        let http = http.as_ref().map_err(|problem| unreachable(problem.clone()))?;
        let mut uri = uri;
        for _ in 0..=REDIRECTS {
            rule.check(&uri, &source.base).map_err(|reason| ExternalError::Forbidden { connection, reason })?;
            let mut request = Request::get(uri.clone());
            if let Some(all) = request.headers_mut() {
                all.extend(headers.iter().cloned());
                all.insert(
                    header::USER_AGENT,
                    HeaderValue::from_static(concat!("codeartifact/", env!("CARGO_PKG_VERSION"))),
                );
                if rule == Rule::Remote
                    && let Some(authorization) = self.proxies.authorization(&uri)
                {
                    all.insert(header::PROXY_AUTHORIZATION, authorization);
                }
                if let Some(authorization) = &source.authorization
                    && same_place(&uri, &source.base)
                    && let Ok(mut value) = HeaderValue::from_str(authorization)
                {
                    value.set_sensitive(true);
                    all.insert(header::AUTHORIZATION, value);
                }
            }
            let request = request.body(Empty::new()).map_err(|_| ExternalError::Link)?;
            let response = tokio::time::timeout(CONNECT + HEADER, http.request(request))
                .await
                .map_err(|_| unreachable("no answer in time".to_owned()))?
                .map_err(|error| unreachable(cause(&error)))?;
            match location(&uri, &response) {
                Some(next) => uri = next?,
                None => return Ok((uri, response)),
            }
        }
        Err(unreachable(format!("more than {REDIRECTS} redirects")))
    }
}

/// The innermost reason: the outer ones say only that a request failed.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn location(from: &Uri, response: &Response<Incoming>) -> Option<Result<Uri, ExternalError>> {
    let moved = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(header::LOCATION).filter(|_| moved)?;
    let target = location.to_str().map_err(|_| ExternalError::Link);
    Some(target.and_then(|target| join(from, target)))
}

/// A link in an answer, relative to where the answer came from.
pub(super) fn join(from: &Uri, link: &str) -> Result<Uri, ExternalError> {
    let link = link.split('#').next().unwrap_or_default();
    let scheme = from.scheme_str().ok_or(ExternalError::Link)?;
    let authority = from.authority().ok_or(ExternalError::Link)?;
    let absolute = if link.contains("://") {
        link.to_owned()
    } else if let Some(rest) = link.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if link.starts_with('/') {
        format!("{scheme}://{authority}{link}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut parts: Vec<&str> = folder.split('/').collect();
        let (path, query) = link.split_once('?').map_or((link, None), |(path, query)| (path, Some(query)));
        for part in path.split('/') {
            match part {
                ".." if parts.len() > 1 => drop(parts.pop()),
                ".." | "." => {}
                part => parts.push(part),
            }
        }
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("{scheme}://{authority}{}{query}", parts.join("/"))
    };
    absolute.parse().map_err(|_| ExternalError::Link)
}

fn same_place(a: &Uri, b: &Uri) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && port(a) == port(b)
}

fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
}

/// Where a source may lead: a public one never into this machine, and none to what is not a source at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Remote,
    Local,
}

impl Rule {
    fn of(base: &Uri) -> Self {
        let host = base.host().unwrap_or_default();
        let local = host == "localhost" || address(host).is_some_and(|address| address.is_loopback());
        if local { Self::Local } else { Self::Remote }
    }

    /// A host that is an address is not resolved, so it is looked at here; and what came encrypted stays so.
    fn check(self, uri: &Uri, base: &Uri) -> Result<(), &'static str> {
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if base.scheme_str() == Some("http") => {}
            _ => return Err("a link without encryption"),
        }
        match uri.host().and_then(address) {
            Some(address) => self.admits(address),
            None => Ok(()),
        }
    }

    fn admits(self, address: IpAddr) -> Result<(), &'static str> {
        let address = address.to_canonical();
        if address.is_loopback() {
            return if self == Self::Local { Ok(()) } else { Err("this machine") };
        }
        let refused = match address {
            IpAddr::V4(v4) => {
                v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()
                    // The metadata service of another cloud, in the range of carriers.
                    || v4.octets() == [100, 100, 100, 200]
            }
            IpAddr::V6(v6) => {
                v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast()
                    // The metadata service of AWS.
                    || v6 == Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)
            }
        };
        if refused { Err("a link-local, multicast or metadata address") } else { Ok(()) }
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names, and leaves out the addresses that the rule does not admit: looked at where the connection is made,
/// a name cannot mean another address between the look and the connection.
#[derive(Clone)]
pub(super) struct Guarded {
    resolver: GaiResolver,
    rule: Rule,
}

impl Service<Name> for Guarded {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Service::<Name>::poll_ready(&mut self.resolver, context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, rule) = (self.resolver.call(name), self.rule);
        Box::pin(async move {
            let (mut admitted, mut refusal) = (Vec::new(), None);
            for address in found.await? {
                match rule.admits(address.ip()) {
                    Ok(()) => admitted.push(address),
                    Err(reason) => refusal = Some(reason),
                }
            }
            match refusal {
                Some(reason) if admitted.is_empty() => {
                    Err(io::Error::other(format!("its name means an address that is not asked: {reason}")))
                }
                _ => Ok(admitted.into_iter()),
            }
        })
    }
}

fn http<B>(rule: Rule, proxies: Proxies) -> Result<Http<B>, String>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
{
    let direct = tcp(Guarded { resolver: GaiResolver::new(), rule });
    let way = Way { direct, to_proxy: tcp(GaiResolver::new()), proxies };
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| format!("no certificates to check it with: {error}"))?;
    let connector = builder.https_or_http().enable_http1().wrap_connector(way);
    Ok(HyperClient::builder(TokioExecutor::new()).build(connector))
}

fn tcp<R>(resolver: R) -> HttpConnector<R> {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_source_leads_neither_here_nor_to_metadata() {
        let admits = |rule: Rule, address: &str| rule.admits(address.parse().unwrap()).is_ok();
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
        ] {
            assert!(!admits(Rule::Remote, address) && !admits(Rule::Local, address), "{address}");
        }
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(!admits(Rule::Remote, address) && admits(Rule::Local, address), "{address}");
        }
        for address in ["192.0.2.1", "10.0.0.1", "2001:db8::1"] {
            assert!(admits(Rule::Remote, address) && admits(Rule::Local, address), "{address}");
        }
    }

    #[test]
    fn a_literal_address_is_looked_at_and_encryption_is_kept() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        let base = uri("https://mirror.example.com/");
        let rule = Rule::of(&base);
        assert_eq!(rule, Rule::Remote);
        assert!(rule.check(&uri("https://files.example.com/x"), &base).is_ok());
        assert!(rule.check(&uri("http://files.example.com/x"), &base).is_err());
        assert!(rule.check(&uri("https://127.0.0.1/x"), &base).is_err());
        assert!(rule.check(&uri("https://[::1]/x"), &base).is_err());
        assert!(rule.check(&uri("https://169.254.169.254/x"), &base).is_err());
        assert_eq!(Rule::of(&uri("http://127.0.0.1:1/")), Rule::Local);
        assert_eq!(Rule::of(&uri("http://[::1]:1/")), Rule::Local);
        assert_eq!(Rule::of(&uri("http://localhost.example.com/")), Rule::Remote);
    }

    #[test]
    fn links_are_joined_as_urls_are() {
        let from: Uri = "https://a.example/simple/six/".parse().unwrap();
        let joined = |link| join(&from, link).unwrap().to_string();
        assert_eq!(joined("1.0/six.whl#sha256=00"), "https://a.example/simple/six/1.0/six.whl");
        assert_eq!(joined("../../packages/six.whl"), "https://a.example/packages/six.whl");
        assert_eq!(joined("/packages/six.whl?x=1"), "https://a.example/packages/six.whl?x=1");
        assert_eq!(joined("//b.example/six.whl"), "https://b.example/six.whl");
        assert_eq!(joined("https://b.example/six.whl"), "https://b.example/six.whl");
        assert_eq!(joined("../../../../x"), "https://a.example/x");
    }
}
