//! Assets in memory: the store of an ephemeral service, and the folder's twin in tests.

use std::{
    collections::HashMap,
    io,
    sync::{PoisonError, RwLock},
};

use bytes::Bytes;

use super::{digest::Digest, intake::StagedBytes};
use crate::state::DomainKey;

#[derive(Default)]
pub(super) struct Memory {
    assets: RwLock<HashMap<(DomainKey, Digest), Bytes>>,
}

impl Memory {
    pub(super) fn keep(&self, domain: &DomainKey, digest: &Digest, bytes: StagedBytes) {
        if let StagedBytes::Memory(bytes) = bytes {
            let mut assets = self.assets.write().unwrap_or_else(PoisonError::into_inner);
            assets.insert((domain.clone(), *digest), bytes.into());
        }
    }

    pub(super) fn open(&self, domain: &DomainKey, digest: &Digest) -> io::Result<Bytes> {
        let assets = self.assets.read().unwrap_or_else(PoisonError::into_inner);
        assets.get(&(domain.clone(), *digest)).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn remove(&self, domain: &DomainKey, digest: &Digest) {
        self.assets.write().unwrap_or_else(PoisonError::into_inner).remove(&(domain.clone(), *digest));
    }

    pub(super) fn close(&self, domain: &DomainKey) {
        self.assets.write().unwrap_or_else(PoisonError::into_inner).retain(|(kept, _), _| kept != domain);
    }
}
