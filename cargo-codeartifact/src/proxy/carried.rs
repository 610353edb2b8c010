//! Bodies on their way through: whole, or in pieces from another task, so that a file of any size takes little memory.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{sync::mpsc, task::spawn_blocking};

/// Bytes of a file in memory at a time.
const PIECE: usize = 64 << 10;

/// Pieces that wait for a slow reader.
pub(super) const PIECES: usize = 16;

/// A body of this size is kept in memory until it is sent; a larger one in a file without a name.
const IN_MEMORY: usize = 1 << 20;

/// A body.
pub(super) enum Carried {
    Whole(Option<Bytes>),
    Pieces {
        pieces: mpsc::Receiver<io::Result<Bytes>>,
        /// How many bytes are still to come, where it is known. Fewer cut the connection.
        left: Option<u64>,
    },
}

impl Carried {
    pub(super) fn empty() -> Self {
        Self::Whole(None)
    }

    /// A file from its beginning.
    pub(super) fn file(file: File, size: u64) -> Self {
        Self::shared_file(Arc::new(file), size)
    }

    fn shared_file(file: Arc<File>, size: u64) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES);
        spawn_blocking(move || {
            let mut file = &*file;
            let mut left = size;
            let mut begun = file.rewind();
            while left > 0 {
                let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
                let read = std::mem::replace(&mut begun, Ok(())).and_then(|()| file.read_exact(&mut piece));
                left -= piece.len() as u64;
                let is_broken = read.is_err();
                // Nobody listens any more: the client went away.
                if sender.blocking_send(read.map(|()| Bytes::from(piece))).is_err() || is_broken {
                    return;
                }
            }
        });
        Self::Pieces { pieces, left: Some(size) }
    }
}

impl Body for Carried {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            Self::Pieces { left: Some(0), .. } => Poll::Ready(None),
            Self::Pieces { pieces, left } => pieces.poll_recv(context).map(|piece| match (piece, &mut *left) {
                (Some(Ok(piece)), left) => {
                    if let Some(left) = left {
                        *left = left.saturating_sub(piece.len() as u64);
                    }
                    Some(Ok(Frame::data(piece)))
                }
                (Some(Err(error)), _) => Some(Err(error)),
                (None, Some(_)) => Some(Err(io::ErrorKind::UnexpectedEof.into())),
                (None, None) => None,
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Pieces { left: Some(0), .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Pieces { left: Some(left), .. } => SizeHint::with_exact(*left),
            Self::Pieces { left: None, .. } => SizeHint::default(),
        }
    }
}

/// What a client sends, taken whole before it is sent on, since it may have to be sent twice: a token that was refused
/// is replaced by another.
pub(super) enum Upload {
    Nothing,
    Memory(Bytes),
    File(Arc<File>, u64),
}

impl Upload {
    /// Takes it.
    pub(super) async fn of(mut body: Incoming) -> io::Result<Self> {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(io::Error::other)?.into_data() else { continue };
            bytes.extend_from_slice(&data);
            if bytes.len() > IN_MEMORY {
                return Self::spooled(bytes, body).await;
            }
        }
        Ok(if bytes.is_empty() { Self::Nothing } else { Self::Memory(bytes.into()) })
    }

    async fn spooled(begun: Vec<u8>, mut body: Incoming) -> io::Result<Self> {
        let (sender, mut pieces) = mpsc::channel::<Bytes>(PIECES);
        let writing = spawn_blocking(move || {
            let mut file = tempfile::tempfile()?;
            file.write_all(&begun)?;
            let mut size = begun.len() as u64;
            while let Some(piece) = pieces.blocking_recv() {
                file.write_all(&piece)?;
                size += piece.len() as u64;
            }
            io::Result::Ok((file, size))
        });
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(io::Error::other)?.into_data() else { continue };
            // The disk is full: the writer says so below.
            if sender.send(data).await.is_err() {
                break;
            }
        }
        drop(sender);
        let (file, size) = writing.await.map_err(io::Error::other)??;
        Ok(Self::File(Arc::new(file), size))
    }

    /// To be sent, once more.
    pub(super) fn body(&self) -> Carried {
        match self {
            Self::Nothing => Carried::empty(),
            Self::Memory(bytes) => Carried::Whole(Some(bytes.clone())),
            Self::File(file, size) => Carried::shared_file(Arc::clone(file), *size),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}
