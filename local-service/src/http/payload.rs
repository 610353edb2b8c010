//! A request's body: bounded in size and in time.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::{StatusCode, body::Incoming};

use crate::service::Limits;

/// Read and thrown away before an early answer, so that the client finishes sending and reads it.
const DRAINED: u64 = 64 << 20;

/// Bytes that may follow what a body is about.
const AFTER: u64 = 64 << 10;

/// The body of a request, read at most once.
pub(crate) struct Payload {
    body: Incoming,
    /// The client waits for `100 Continue`; reading sends it.
    expects: bool,
    touched: bool,
    ended: bool,
    announced: Option<u64>,
    received: u64,
    began: Option<Instant>,
    limits: Limits,
}

/// A body that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("the request body came too slowly")]
    TooSlow,
    #[error("the request body has more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the request body ended early")]
    Broken,
}

impl PayloadError {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

impl Payload {
    pub(crate) fn new(body: Incoming, expects: bool, limits: Limits) -> Self {
        let announced = hyper::body::Body::size_hint(&body).exact();
        let ended = hyper::body::Body::is_end_stream(&body);
        Self { body, expects, touched: false, ended, announced, received: 0, began: None, limits }
    }

    /// The size that the client announced.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, PayloadError> {
        self.touched = true;
        while !self.ended {
            let deadline = self.deadline();
            let frame =
                tokio::time::timeout_at(deadline.into(), self.body.frame()).await.map_err(|_| PayloadError::TooSlow)?;
            match frame {
                None => self.ended = true,
                Some(Err(_)) => {
                    self.ended = true;
                    return Err(PayloadError::Broken);
                }
                Some(Ok(frame)) => {
                    // Trailers are no part of the body.
                    if let Ok(data) = frame.into_data() {
                        self.received += data.len() as u64;
                        return Ok(Some(data));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The next bytes must come within the idle bound, and all together not slower than the lowest rate.
    fn deadline(&mut self) -> Instant {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        let earned = Duration::from_secs(self.received / self.limits.body_rate.max(1));
        (now + self.limits.body_idle).min(began + self.limits.body_start + earned)
    }

    /// The whole body.
    pub(crate) async fn read_all(&mut self, limit: u64) -> Result<Bytes, PayloadError> {
        if self.announced.is_some_and(|announced| announced > limit) {
            return Err(PayloadError::TooLarge { limit });
        }
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if (whole.len() + bytes.len()) as u64 > limit {
                return Err(PayloadError::TooLarge { limit });
            }
            if whole.is_empty() && self.announced == Some(bytes.len() as u64) {
                return Ok(bytes);
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }

    /// Reads to the end what follows the part that was wanted. It says nothing; but a request that is cut off there did
    /// not come whole, and its client will hear of no answer.
    pub(crate) async fn end(&mut self) -> Result<(), PayloadError> {
        let already = self.received;
        while self.next().await?.is_some() {
            if self.received - already > AFTER {
                return Err(PayloadError::TooLarge { limit: AFTER });
            }
        }
        Ok(())
    }

    /// Reads what nobody wanted, unless the client still waits to be asked for it.
    ///
    /// Clients that send first and read afterwards would otherwise see a reset instead of the answer.
    pub(crate) async fn drain(&mut self) {
        if self.expects && !self.touched {
            return;
        }
        let already = self.received;
        while self.received - already < DRAINED {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}
