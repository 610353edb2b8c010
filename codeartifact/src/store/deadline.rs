//! A deadline for calls that the system may keep waiting, behind a dialogue or a service that hangs.

use std::{sync::mpsc, thread};

use super::{DEADLINE, StoreError};

/// Runs `work` on a thread of its own and leaves it there when the deadline passes: nothing can stop such a call, and
/// the process ends without it.
pub(super) fn within<T: Send + 'static>(
    store: &'static str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new()
        .name(store.to_owned())
        .spawn(move || {
            // Nobody listens any more after the deadline.
            let _ = sender.send(work());
        })
        .map_err(StoreError::io(store, "start"))?;
    receiver.recv_timeout(DEADLINE).unwrap_or(Err(StoreError::Timeout { store, after: DEADLINE }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hanging_work_is_left_behind() {
        let (_keep, never) = mpsc::channel::<()>();
        let start = std::time::Instant::now();
        let result = within("test", move || {
            let _ = never.recv();
            Ok(())
        });
        assert!(matches!(result, Err(StoreError::Timeout { store: "test", .. })));
        assert!(start.elapsed() < DEADLINE.mul_f32(1.25));
        assert_eq!(within("test", || Ok(1)).unwrap(), 1);
    }
}
