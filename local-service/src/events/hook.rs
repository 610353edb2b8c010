//! Posting events to a program on this machine.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Runtime, time::timeout};

/// For connecting, and for the answer: an event that was not accepted by then is posted again.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);
/// What a receiver says is not read beyond this.
const SAID: usize = 64 << 10;

type Sender = http1::SendRequest<Full<Bytes>>;

/// A receiver, and the connection to it.
pub(super) struct Hook {
    uri: Uri,
    runtime: Runtime,
    sender: Option<Sender>,
}

impl Hook {
    pub(super) fn new(uri: Uri) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Self { uri, runtime, sender: None })
    }

    /// Posts one event; fails unless the receiver says that it has it.
    pub(super) fn post(&mut self, event: &str) -> io::Result<()> {
        let kept = self.sender.take();
        let posted = self.runtime.block_on(async {
            // A kept connection may have been closed meanwhile: that is no failure of the receiver.
            if let Some(sender) = kept.filter(|sender| !sender.is_closed())
                && let Ok(sender) = send(&self.uri, sender, event).await
            {
                return Ok(sender);
            }
            let sender = timeout(CONNECT, connect(&self.uri)).await??;
            send(&self.uri, sender, event).await
        });
        self.sender = Some(posted?);
        Ok(())
    }
}

async fn connect(uri: &Uri) -> io::Result<Sender> {
    let port = uri.port_u16().unwrap_or(80);
    let stream = match uri.host() {
        Some("[::1]") => TcpStream::connect(("::1", port)).await?,
        // The name is not looked up: it means this machine, whatever a resolver says.
        Some("localhost") => match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => stream,
            Err(_) => TcpStream::connect(("::1", port)).await?,
        },
        _ => TcpStream::connect(("127.0.0.1", port)).await?,
    };
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn send(uri: &Uri, mut sender: Sender, event: &str) -> io::Result<Sender> {
    let authority = uri.authority().map_or("", hyper::http::uri::Authority::as_str);
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str))
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(event.to_owned()))
        .map_err(io::Error::other)?;
    timeout(ANSWER, async {
        sender.ready().await.map_err(io::Error::other)?;
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        // Read, so that the connection serves again.
        Limited::new(answer.into_body(), SAID).collect().await.map_err(io::Error::other)?;
        if status.is_success() { Ok(()) } else { Err(io::Error::other(format!("the receiver answered {status}"))) }
    })
    .await??;
    Ok(sender)
}
