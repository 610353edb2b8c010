//! Connections, what is let in, and when nobody comes any more.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener as StdListener},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use local_service::Outward;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::spawn_blocking,
    time::Instant,
};

use super::{
    cache::Cache,
    carried::Carried,
    guard::{self, Key, Peer},
    peer,
    tokens::Tokens,
};

/// For the header of a request.
const HEADER: Duration = Duration::from_secs(30);

/// For what is open when the proxy stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What begins with it is about the proxy itself.
pub(super) const ABOUT: &str = "/_proxy/";

/// A running proxy.
pub(super) struct Proxy {
    pub(super) listening: SocketAddr,
    pub(super) key: Key,
    pub(super) tokens: Arc<Tokens>,
    pub(super) outward: Outward<Carried>,
    pub(super) cache: Option<Arc<Cache>>,
    /// How old what is said of packages may be where the service cannot be asked.
    pub(super) stale_for: Duration,
    pub(super) clock: codeartifact::Host,
    pub(super) activity: Activity,
    pub(super) stop: Notify,
}

/// Whether anybody is served.
pub(super) struct Activity {
    busy: AtomicUsize,
    last: Mutex<Instant>,
    pub(super) served: AtomicU64,
    /// Without content from the service.
    pub(super) kept: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        let (served, kept) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { busy: AtomicUsize::new(0), last: Mutex::new(Instant::now()), served, kept }
    }

    fn touch(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request, until the last byte of its answer is sent.
struct Busy(Arc<Proxy>);

impl Busy {
    fn new(proxy: &Arc<Proxy>) -> Self {
        proxy.activity.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(proxy))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.activity.touch();
        self.0.activity.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body, and with it the request that is not over.
struct Answer {
    body: Carried,
    _busy: Busy,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Serves until it is told to stop, or nobody has come for `idle`.
pub(super) async fn serve(listener: StdListener, proxy: Arc<Proxy>, idle: Option<Duration>) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let graceful = GracefulShutdown::new();
    {
        let accepting = pin!(accept(&listener, &proxy, &graceful));
        let ending = pin!(async {
            let told = pin!(proxy.stop.notified());
            let deserted = pin!(deserted(&proxy, idle));
            select(told, deserted).await;
        });
        match select(accepting, ending).await {
            Either::Left((never, _)) => match never {},
            Either::Right(((), _)) => {}
        }
    }
    drop(listener);
    // What is still open after that is dropped with the runtime.
    drop(tokio::time::timeout(DRAIN, graceful.shutdown()).await);
    Ok(())
}

/// Nobody has come for so long, and nobody is served.
async fn deserted(proxy: &Proxy, idle: Option<Duration>) {
    let Some(idle) = idle else { return std::future::pending().await };
    loop {
        let end = proxy.activity.last() + idle;
        if proxy.activity.busy.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(idle).await;
        } else if Instant::now() < end {
            tokio::time::sleep_until(end).await;
        } else {
            return;
        }
    }
}

async fn accept(listener: &TcpListener, proxy: &Arc<Proxy>, graceful: &GracefulShutdown) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let watcher = graceful.watcher();
                let proxy = Arc::clone(proxy);
                // A broken connection concerns its client only.
                tokio::spawn(async move {
                    // Small answers must not wait for a full packet.
                    drop(stream.set_nodelay(true));
                    let peer = whose(&stream, from, &proxy).await;
                    let service = service_fn(move |request| handle(Arc::clone(&proxy), peer, request));
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(HEADER)
                        .serve_connection(TokioIo::new(stream), service);
                    drop(watcher.watch(connection).await);
                });
            }
            // Out of descriptors, most likely: let some connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn whose(stream: &TcpStream, from: SocketAddr, proxy: &Proxy) -> Peer {
    let to = stream.local_addr().unwrap_or(proxy.listening);
    spawn_blocking(move || peer::of(from, to)).await.unwrap_or(Peer::Unknown)
}

async fn handle(proxy: Arc<Proxy>, peer: Peer, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    let busy = Busy::new(&proxy);
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let refused = guard::check(method, uri, headers, proxy.listening, peer, &proxy.key).err();
    let response = match refused {
        Some(refused @ guard::Refused::Host) => refusal(StatusCode::MISDIRECTED_REQUEST, &refused.to_string()),
        Some(refused @ guard::Refused::Method) => refusal(StatusCode::METHOD_NOT_ALLOWED, &refused.to_string()),
        Some(refused @ guard::Refused::Key) => {
            let mut response = refusal(StatusCode::UNAUTHORIZED, &refused.to_string());
            let challenge = HeaderValue::from_static("Basic realm=\"codeartifact proxy\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Some(refused) => refusal(StatusCode::FORBIDDEN, &refused.to_string()),
        None => {
            if let Some(asked) = request.uri().path().strip_prefix(ABOUT) {
                about(&proxy, asked, &request)
            } else {
                proxy.activity.touch();
                proxy.activity.served.fetch_add(1, Ordering::Relaxed);
                proxy.pass(request).await
            }
        }
    };
    Ok(response.map(|body| Answer { body, _busy: busy }))
}

/// What the commands ask a running proxy: always with its key.
fn about(proxy: &Proxy, asked: &str, request: &Request<Incoming>) -> Response<Carried> {
    if !proxy.key.is_in(request.headers()) {
        return refusal(StatusCode::FORBIDDEN, "this is for who has the proxy's key");
    }
    match asked {
        "stop" if request.method() == hyper::Method::POST => {
            proxy.stop.notify_one();
            json_answer(StatusCode::OK, &json!({ "stopping": true }))
        }
        "status" => {
            let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            let idle = proxy.activity.last().elapsed().as_secs();
            let cache = proxy.cache.as_ref().map(|cache| cache.used());
            json_answer(
                StatusCode::OK,
                &json!({
                    "identity": proxy.tokens.identity(),
                    "requests": count(&proxy.activity.served),
                    "fromCache": count(&proxy.activity.kept),
                    "idleSeconds": idle,
                    "cacheBytes": cache,
                }),
            )
        }
        _ => refusal(StatusCode::NOT_FOUND, "there is nothing of that name"),
    }
}

fn json_answer(status: StatusCode, value: &Value) -> Response<Carried> {
    let mut response = Response::new(Carried::Whole(Some(value.to_string().into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A refusal, in the members in which npm, Cargo and others look for its reason; pip shows the status line alone.
pub(super) fn refusal(status: StatusCode, message: &str) -> Response<Carried> {
    let value = json!({ "error": message, "message": message, "errors": [{ "detail": message }] });
    let mut response = json_answer(status, &value);
    let plain: String =
        message.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { ' ' }).take(300).collect();
    if let Ok(reason) = hyper::ext::ReasonPhrase::try_from(plain) {
        response.extensions_mut().insert(reason);
    }
    response
}
