//! Answers: their bodies, and the headers every one of them has.

use std::{
    future::Future as _,
    io::{self, Read as _, Seek as _, SeekFrom},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Method, Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{self, HeaderValue},
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
    time::Sleep,
};

use crate::assets::Content;

/// Bytes of an asset in memory at a time.
const PIECE: u64 = 256 << 10;

/// An answer.
pub(crate) type Reply = Response<AnswerBody>;

/// The body of an answer: its length is always known.
pub(crate) enum AnswerBody {
    Bytes(Bytes),
    File(FileBody),
    /// What comes from elsewhere while it is sent.
    Streamed(Streamed),
    /// Nothing, in place of a body of this length: the answer to HEAD.
    Withheld,
    /// Another body, in small pieces with pauses.
    Slow(SlowBody),
    /// The first bytes of another body, then a cut connection.
    Cut {
        body: Box<AnswerBody>,
        left: u64,
        length: u64,
    },
}

/// A file, or a range of one, read in pieces on the blocking threads.
pub(crate) struct FileBody {
    reading: Reading,
    left: u64,
}

/// Pieces from another task. One that says an error, or fewer bytes than announced, cuts the connection.
pub(crate) struct Streamed {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

enum Reading {
    Idle(Option<std::fs::File>),
    Busy(JoinHandle<io::Result<(std::fs::File, Bytes)>>),
}

impl AnswerBody {
    /// Part of an asset of this size: `length` bytes from `offset`. An asset of another size is not the one that was
    /// stored.
    pub(crate) fn content(content: Content, size: u64, offset: u64, length: u64) -> io::Result<Self> {
        let found = match &content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(file) => file.metadata()?.len(),
        };
        if found != size {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the stored file has another size than the asset"));
        }
        match content {
            Content::Bytes(bytes) => {
                let past_end = || io::Error::from(io::ErrorKind::UnexpectedEof);
                let begin = usize::try_from(offset).map_err(|_| past_end())?;
                let end = usize::try_from(offset + length).map_err(|_| past_end())?;
                if end > bytes.len() { Err(past_end()) } else { Ok(Self::Bytes(bytes.slice(begin..end))) }
            }
            Content::File(mut file) => {
                if offset > 0 {
                    file.seek(SeekFrom::Start(offset))?;
                }
                Ok(Self::File(FileBody { reading: Reading::Idle(Some(file)), left: length }))
            }
        }
    }

    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.left,
            Self::Streamed(streamed) => streamed.left,
            Self::Withheld => 0,
            Self::Slow(slow) => slow.left,
            Self::Cut { length, .. } => *length,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Withheld => Poll::Ready(None),
            Self::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::File(file) => file.poll(context),
            Self::Streamed(streamed) => streamed.poll(context),
            Self::Slow(slow) => slow.poll(context),
            Self::Cut { body, left, .. } => {
                if *left == 0 {
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
                }
                match ready!(Pin::new(body.as_mut()).poll_frame(context)) {
                    Some(Ok(frame)) => {
                        let mut data = frame.into_data().unwrap_or_default();
                        data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= data.len() as u64;
                        Poll::Ready(Some(Ok(Frame::data(data))))
                    }
                    other => Poll::Ready(other),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Withheld => true,
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::File(file) => file.left == 0,
            Self::Streamed(streamed) => streamed.left == 0,
            Self::Slow(slow) => slow.left == 0,
            Self::Cut { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

/// A body that is sent no faster than at a rate.
pub(crate) struct SlowBody {
    body: Box<AnswerBody>,
    /// Taken from the body and not sent yet.
    rest: Bytes,
    left: u64,
    /// Bytes between two pauses.
    piece: usize,
    pause: Pin<Box<Sleep>>,
}

/// Between two pieces of a slow body.
const PAUSE: Duration = Duration::from_millis(50);

impl SlowBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        ready!(self.pause.as_mut().poll(context));
        while self.rest.is_empty() {
            match ready!(Pin::new(self.body.as_mut()).poll_frame(context)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                other => return Poll::Ready(other),
            }
        }
        let piece = self.rest.split_to(self.piece.min(self.rest.len()));
        self.left = self.left.saturating_sub(piece.len() as u64);
        self.pause.as_mut().reset(tokio::time::Instant::now() + PAUSE);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// The same answer, its body sent no faster than so many bytes a second.
pub(crate) fn slow(reply: Reply, rate: u32) -> Reply {
    reply.map(|body| {
        let piece = usize::try_from(rate / 20).unwrap_or(usize::MAX).max(1);
        let pause = Box::pin(tokio::time::sleep(PAUSE));
        AnswerBody::Slow(SlowBody { left: body.length(), body: Box::new(body), rest: Bytes::new(), piece, pause })
    })
}

impl Streamed {
    pub(crate) fn new(pieces: mpsc::Receiver<io::Result<Bytes>>, length: u64) -> Self {
        Self { pieces, left: length }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match ready!(self.pieces.poll_recv(context)) {
            Some(Ok(bytes)) => {
                let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
                    return Poll::Ready(Some(Err(io::ErrorKind::InvalidData.into())));
                };
                self.left = left;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None if self.left == 0 => Poll::Ready(None),
            None => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
        }
    }
}

impl FileBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match &mut self.reading {
                Reading::Idle(file) => {
                    let Some(mut file) = file.take().filter(|_| self.left > 0) else {
                        return Poll::Ready(None);
                    };
                    let wanted = self.left.min(PIECE);
                    self.reading = Reading::Busy(spawn_blocking(move || {
                        let mut piece = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
                        file.by_ref().take(wanted).read_to_end(&mut piece)?;
                        Ok((file, piece.into()))
                    }));
                }
                Reading::Busy(task) => {
                    let read = ready!(Pin::new(task).poll(context)).map_err(io::Error::other);
                    let (file, piece) = match read.and_then(|read| read) {
                        Ok(read) => read,
                        Err(error) => {
                            self.reading = Reading::Idle(None);
                            return Poll::Ready(Some(Err(error)));
                        }
                    };
                    if piece.is_empty() {
                        // Shorter than its record says: the connection is cut, which the client notices.
                        self.reading = Reading::Idle(None);
                        return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                    }
                    self.left -= piece.len() as u64;
                    self.reading = Reading::Idle(Some(file));
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
        }
    }
}

/// An answer with a body of a type.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(AnswerBody::Bytes(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(AnswerBody::Bytes(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Reply {
    reply(status, "application/json", value.to_string())
}

/// The headers that every answer has; a HEAD answer keeps its length and loses its body.
pub(crate) fn finish(mut reply: Reply, method: &Method, request_id: String) -> Reply {
    let bodiless = matches!(reply.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless {
        let length = reply.body().length();
        reply.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if method == Method::HEAD {
        *reply.body_mut() = AnswerBody::Withheld;
    }
    let headers = reply.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_maybe_shared(Bytes::from(request_id)) {
        headers.insert("x-amzn-requestid", id);
    }
    reply
}

/// The same answer, cut in the middle of its body.
pub(crate) fn cut(reply: Reply) -> Reply {
    reply.map(|body| {
        let length = body.length();
        AnswerBody::Cut { left: length / 2, length, body: Box::new(body) }
    })
}
