//! HTTP/1.1 on loopback: connections, the guard before everything, and the way to the two planes.

pub(crate) mod answer;
pub(crate) mod conditional;
mod guard;
mod patient;
mod payload;
mod target;

use std::{
    convert::Infallible,
    future::poll_fn,
    net::IpAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use hyper::{
    HeaderMap, Method, StatusCode, Uri,
    body::Incoming,
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::oneshot,
};

pub(crate) use answer::Reply;
pub(crate) use payload::{Payload, PayloadError};
pub(crate) use target::{Query, Target};

use patient::Patient;

use crate::{
    audit::Trace,
    control, events,
    faults::{Cut, Fault},
    formats,
    service::Service,
};

/// A request that passed the guard.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    /// As it was sent.
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Host and port as the client knows them: URLs in answers are made of it.
    pub(crate) authority: String,
    pub(crate) payload: Payload,
    /// Where it came from.
    pub(crate) peer: IpAddr,
    /// Did it come over TLS?
    pub(crate) secure: bool,
    /// In its id.
    number: u64,
    /// What the audit trail is to say of it.
    pub(crate) trace: Trace,
    /// Scripted: whatever token comes is treated as expired.
    pub(crate) token_expired: bool,
}

/// The two ends of a connection.
#[derive(Clone, Copy)]
struct Ends {
    peer: IpAddr,
    local: IpAddr,
    secure: bool,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by a fault rule")]
struct Closed;

/// Serves connections until `stop` fires; then lets open requests finish within the bound.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>, stop: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    {
        let mut accepting = pin!(accept(&listener, &service, &graceful));
        let mut stop = stop;
        poll_fn(|context| {
            if Pin::new(&mut stop).poll(context).is_ready() {
                return Poll::Ready(());
            }
            match accepting.as_mut().poll(context) {
                Poll::Ready(never) => match never {},
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
    }
    drop(listener);
    // What is still open after that is dropped with the runtime.
    drop(tokio::time::timeout(service.limits.drain, graceful.shutdown()).await);
}

async fn accept(listener: &TcpListener, service: &Arc<Service>, graceful: &GracefulShutdown) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers must not wait for a full packet.
                drop(stream.set_nodelay(true));
                let ends = Ends {
                    peer: peer.ip(),
                    local: stream.local_addr().unwrap_or(service.address).ip(),
                    secure: service.tls.is_some(),
                };
                let service = Arc::clone(service);
                let watcher = graceful.watcher();
                // A broken connection concerns its client only.
                tokio::spawn(async move {
                    match service.tls.clone() {
                        None => serve_stream(stream, ends, service, watcher).await,
                        Some(tls) => {
                            let secured = tokio::time::timeout(service.limits.header, tls.accept(stream)).await;
                            if let Ok(Ok(stream)) = secured {
                                serve_stream(stream, ends, service, watcher).await;
                            }
                        }
                    }
                });
            }
            // Out of descriptors, most likely: let some connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve_stream<S>(stream: S, ends: Ends, service: Arc<Service>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let header_time = service.limits.header;
    let stream = Patient::new(stream, service.limits.answer_idle);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_time)
        .serve_connection(TokioIo::new(stream), service_fn(move |request| handle(Arc::clone(&service), ends, request)));
    drop(watcher.watch(connection).await);
}

static NEXT: AtomicU64 = AtomicU64::new(1);

async fn handle(service: Arc<Service>, ends: Ends, request: hyper::Request<Incoming>) -> Result<Reply, Closed> {
    let (parts, body) = request.into_parts();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let expects = parts.headers.contains_key(header::EXPECT);
    let mut payload = Payload::new(body, expects, service.limits);
    let outcome = match guard::check(&parts.uri, &parts.headers, &guard::Known::of(&service, ends.local)) {
        Err(refused) => Err((refused.status(), refused.to_string())),
        Ok(authority) => match Target::parse(&parts.uri) {
            Err(error) => Err((StatusCode::BAD_REQUEST, error.to_string())),
            Ok(target) => Ok((authority, target)),
        },
    };
    let reply = match outcome {
        Err((status, message)) => answer::json(status, &json!({ "message": message })),
        Ok((authority, target)) => {
            let mut request = Request {
                method: parts.method.clone(),
                target,
                headers: parts.headers,
                authority,
                payload,
                uri: parts.uri,
                peer: ends.peer,
                secure: ends.secure,
                number,
                trace: Trace::default(),
                token_expired: false,
            };
            let reply = route(&service, &mut request).await?;
            payload = request.payload;
            reply
        }
    };
    payload.drain().await;
    Ok(answer::finish(reply, &parts.method, format!("local-{number}")))
}

async fn route(service: &Arc<Service>, request: &mut Request) -> Result<Reply, Closed> {
    match request.target.parts().as_slice() {
        ["v1", ..] => {
            let operation = control::operation_of(&request.method, &request.target);
            let name = operation.map_or("unknown", |operation| operation.name);
            faulty(service, request, name, async |service, request| {
                control::dispatch(service, request, operation).await
            })
            .await
        }
        ["d", ..] => {
            let name = formats::request_name(&request.method, &request.target);
            faulty(service, request, name, async |service, request| formats::serve(service, request).await).await
        }
        // What the service tells of itself needs no key, and is for this machine.
        ["_local", ..] if !request.peer.to_canonical().is_loopback() => {
            Ok(answer::json(StatusCode::NOT_FOUND, &json!({ "message": "nothing is served at this path" })))
        }
        ["_local", "counters"] if request.method == Method::GET || request.method == Method::HEAD => {
            let mut counters = json!({ "operations": service.counters.all() });
            if let Some(audit) = &service.audit {
                counters["audit"] = json!(audit.lines());
            }
            Ok(answer::json(StatusCode::OK, &counters))
        }
        ["_local", "events"] if request.method == Method::GET || request.method == Method::HEAD => {
            Ok(events::page(service, &request.target.query))
        }
        _ => Ok(answer::json(StatusCode::NOT_FOUND, &json!({ "message": "nothing is served at this path" }))),
    }
}

/// Counts a call, notes it for the audit trail, and does to it what the fault rules say.
async fn faulty(
    service: &Arc<Service>,
    request: &mut Request,
    name: &'static str,
    act: impl AsyncFnOnce(&Arc<Service>, &mut Request) -> Reply,
) -> Result<Reply, Closed> {
    service.counters.called(name);
    let heard = (&request.method, &request.uri, &request.headers, request.peer);
    request.trace.begin(service, request.number, name, heard);
    service.look_at_faults();
    let fault = service.faults.pick(name, request.uri.path()).unwrap_or_default();
    let outcome = act_under(service, request, fault, act).await;
    match &outcome {
        Ok(reply) => request.trace.answered(reply),
        Err(Closed) => request.trace.cut(),
    }
    if outcome.as_ref().map_or(true, |reply| reply.status().is_client_error() || reply.status().is_server_error()) {
        service.counters.failed(name);
    }
    outcome
}

async fn act_under(
    service: &Arc<Service>,
    request: &mut Request,
    fault: Fault,
    act: impl AsyncFnOnce(&Arc<Service>, &mut Request) -> Reply,
) -> Result<Reply, Closed> {
    if !fault.delay.is_zero() {
        tokio::time::sleep(fault.delay).await;
    }
    if fault.cut == Some(Cut::Before) {
        return Err(Closed);
    }
    if let Some(failure) = &fault.failure {
        let plane = request.target.segments.first().map(String::as_str);
        return Ok(if plane == Some("v1") { control::refusal(failure) } else { formats::refusal(request, failure) });
    }
    request.token_expired = fault.expire_token;
    let mut reply = fault.bent.act(act(service, request)).await;
    if fault.bent.skew != 0 {
        let date = fault.bent.act(async { http_date(service.clock.millis()) }).await;
        reply.headers_mut().insert(header::DATE, header_value(&date));
    }
    if let Some(rate) = fault.bytes_per_second {
        reply = answer::slow(reply, rate.get());
    }
    match fault.cut {
        None => Ok(reply),
        Some(Cut::Body) => Ok(answer::cut(reply)),
        Some(Cut::Before | Cut::After) => Err(Closed),
    }
}

/// As the `Date` header has it.
fn http_date(millis: u64) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc2822).unwrap_or_default().replace("+0000", "GMT")
}

/// A header that is text, if it is there once.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// A header value of any text: what a header cannot hold is percent-encoded.
pub(crate) fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).ok().filter(|_| text.is_ascii()).unwrap_or_else(|| {
        let encoded = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        HeaderValue::from_str(&encoded).expect("percent-encoded text is printable ASCII")
    })
}
