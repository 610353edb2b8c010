//! What a running service has to say to whoever runs it.

use std::{fmt, sync::Arc};

/// Gets what a person should know and no client is told: one sentence each, from any thread. Nobody by default.
#[derive(Clone, Default)]
pub struct Notices(Option<Arc<Tell>>);

type Tell = dyn Fn(&str) + Send + Sync;

impl Notices {
    /// Hands them to a function, which must not take long.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(crate) fn tell(&self, notice: &str) {
        if let Some(tell) = &self.0 {
            tell(notice);
        }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}
