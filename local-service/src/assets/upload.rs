//! An upload: the asynchronous side of an [`Intake`]. Disk and hashing run on the blocking threads, in pieces, so
//! that a slow client holds no thread and a large asset no memory.

use std::{io, sync::Arc};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::{Assets, Digest, Intake, Pin};
use crate::state::DomainKey;

/// Bytes that are gathered before they are written.
const PIECE: usize = 512 << 10;

/// One asset coming in.
pub(crate) struct Upload {
    assets: Arc<Assets>,
    intake: Option<Intake>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    size: u64,
}

/// An upload that was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("the content has SHA-256 {found}, and {expected} was announced")]
    OtherContent { expected: Digest, found: Digest },
    #[error("the asset could not be stored")]
    Storage(#[source] io::Error),
}

impl Upload {
    pub(crate) fn new(assets: &Arc<Assets>) -> Self {
        Self { assets: Arc::clone(assets), intake: None, waiting: Vec::new(), waiting_bytes: 0, size: 0 }
    }

    /// Bytes taken so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes.
    pub(crate) async fn push(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        self.size += bytes.len() as u64;
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_bytes >= PIECE {
            let (assets, intake, waiting) = self.take();
            self.intake = Some(blocking(move || write(&assets, intake, &waiting)).await?);
        }
        Ok(())
    }

    /// Keeps the asset in a domain; it is durable when this returns. With an expected digest: only if it is that.
    pub(crate) async fn keep(mut self, domain: DomainKey, expected: Option<Digest>) -> Result<Pin, UploadError> {
        let (assets, intake, waiting) = self.take();
        blocking(move || {
            let staged = write(&assets, intake, &waiting)?.finish();
            match expected {
                Some(expected) if expected != staged.digests.sha256 => {
                    Err(UploadError::OtherContent { expected, found: staged.digests.sha256 })
                }
                _ => assets.keep(&domain, staged).map_err(UploadError::Storage),
            }
        })
        .await
    }

    fn take(&mut self) -> (Arc<Assets>, Option<Intake>, Vec<Bytes>) {
        self.waiting_bytes = 0;
        (Arc::clone(&self.assets), self.intake.take(), std::mem::take(&mut self.waiting))
    }
}

fn write(assets: &Assets, intake: Option<Intake>, waiting: &[Bytes]) -> Result<Intake, UploadError> {
    let mut intake = match intake {
        Some(intake) => intake,
        None => assets.receive().map_err(UploadError::Storage)?,
    };
    for bytes in waiting {
        intake.write(bytes).map_err(UploadError::Storage)?;
    }
    Ok(intake)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    spawn_blocking(work).await.unwrap_or_else(|stopped| Err(UploadError::Storage(io::Error::other(stopped))))
}
