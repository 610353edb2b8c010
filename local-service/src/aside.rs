//! Work that is too long for the threads that serve.

use tokio::task::spawn_blocking;

/// Bytes of metadata that are taken apart or put together aside. There are two threads that serve: whatever takes a
/// millisecond on one of them delays all who are waiting, and handing over takes some microseconds.
pub(crate) const LARGE: usize = 256 << 10;

/// Works on a thread that may be busy if it is long, else here and now.
pub(crate) async fn aside<T: Send + 'static>(long: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if !long {
        return work();
    }
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The service has stopped, and whoever waits for this is dropped next.
        Err(_) => std::future::pending().await,
    }
}
