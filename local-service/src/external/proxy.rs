//! The way to public sources through a proxy, where a network has no other.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::{
    Uri,
    header::HeaderValue,
    rt::{Read, ReadBufCursor, Write},
};
use hyper_util::{
    client::{
        legacy::connect::{Connected, Connection, HttpConnector, proxy::Tunnel},
        proxy::matcher::Matcher,
    },
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower_service::Service;

use super::client::Guarded;

/// Which proxy a source is asked through: by default none.
///
/// Sources on this machine are always asked directly. Through a proxy it is the proxy that finds out what a name means,
/// so what is refused then is a forbidden address in a URL, and not a name that means one.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Matcher>>);

impl Proxies {
    /// As the variables `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` have it: URLs, with a name and password
    /// where the proxy wants them; the last is a list of hosts, domains and networks that are asked directly. What is
    /// no URL is passed over, as other programs do.
    pub fn new(http: Option<&str>, https: Option<&str>, all: Option<&str>, none: Option<&str>) -> Self {
        if http.or(https).or(all).is_none() {
            return Self(None);
        }
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let matcher = Matcher::builder().http(text(http)).https(text(https)).all(text(all)).no(text(none)).build();
        Self(Some(Arc::new(matcher)))
    }

    /// What a proxy is told of who asks, for requests that are sent to it as they are.
    pub(super) fn authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        if uri.scheme_str() != Some("http") {
            return None;
        }
        self.0.as_ref()?.intercept(uri)?.basic_auth().cloned()
    }
}

/// The proxies, without what authorises.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxies").field(&self.0).finish()
    }
}

/// Connects to a source, or to the proxy before it.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) direct: HttpConnector<Guarded>,
    /// To a proxy, which may be anywhere: its address is the user's own setting.
    pub(super) to_proxy: HttpConnector,
    pub(super) proxies: Proxies,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Road, Box<dyn Error + Send + Sync>>> + Send>>;

impl Service<Uri> for Way {
    type Response = Road;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Both connectors are always ready; each is asked before it is called.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.0.as_ref().and_then(|proxies| proxies.intercept(&uri)) else {
            let connecting = self.direct.call(uri);
            return Box::pin(async { Ok(Road { stream: connecting.await?, proxied: false }) });
        };
        if !matches!(proxy.uri().scheme_str(), Some("http")) {
            let problem = io::Error::other("the proxy is not spoken to over http, which is all that is supported");
            return Box::pin(async { Err(problem.into()) });
        }
        if uri.scheme_str() == Some("https") {
            let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
            if let Some(authorization) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(authorization.clone());
            }
            return Box::pin(async move { Ok(Road { stream: tunnel.call(uri).await?, proxied: false }) });
        }
        let connecting = self.to_proxy.call(proxy.uri().clone());
        Box::pin(async { Ok(Road { stream: connecting.await?, proxied: true }) })
    }
}

/// A connection to a source, to the other end of a tunnel, or to a proxy that wants whole URLs.
pub(super) struct Road {
    stream: TokioIo<TcpStream>,
    proxied: bool,
}

impl Connection for Road {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.proxied)
    }
}

impl Read for Road {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, to: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, to)
    }
}

impl Write for Road {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_a_proxy_is_not_shown() {
        let proxies = Proxies::new(Some("http://user:canary@proxy.example:3128"), None, None, Some(".corp.example"));
        assert!(!format!("{proxies:?}").contains("canary"), "{proxies:?}");
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        assert!(proxies.authorization(&uri("http://packages.example/x")).is_some());
        assert!(proxies.authorization(&uri("http://packages.corp.example/x")).is_none());
        // Told to the proxy when the tunnel is asked for, and to nobody behind it.
        assert!(proxies.authorization(&uri("https://packages.example/x")).is_none());
        assert!(Proxies::new(None, None, None, Some("*")).0.is_none());
    }
}
