//! The asset store: content-addressed, each asset once per domain.
//!
//! An asset comes in through an [`Intake`], which writes it to a staging place and computes its digests on the way;
//! [`Assets::keep`] makes it durable under its SHA-256 and returns a [`Pin`]. While a pin is held the asset stays,
//! referenced or not: so a publish whose record is not committed yet cannot lose its bytes to the removal of an
//! older version with the same content. When the last pin goes, the writer is asked to look whether anything refers
//! to the asset. Nothing is hashed on the way out.

mod digest;
mod folder;
mod intake;
mod memory;
mod upload;

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

pub(crate) use digest::{Digest, Digests, Expected, Hasher, Hex};
use folder::Folder;
pub(crate) use folder::sync_folder;
pub(crate) use intake::{Intake, Staged};
use memory::Memory;
pub(crate) use upload::{Upload, UploadError};

use crate::state::DomainKey;

/// Stored assets, of all domains.
pub(crate) struct Assets {
    place: Place,
    pins: Mutex<HashMap<(DomainKey, Digest), usize>>,
    unpinned: Box<dyn Fn(DomainKey, Digest) + Send + Sync>,
}

enum Place {
    Folder(Folder),
    Memory(Memory),
}

/// An asset to be read.
pub(crate) enum Content {
    File(std::fs::File),
    Bytes(Bytes),
}

/// Holds an asset in the store until its record is committed.
pub(crate) struct Pin {
    assets: Arc<Assets>,
    domain: DomainKey,
    digests: Digests,
    size: u64,
}

impl Assets {
    /// The store in a data folder; what an earlier process left half-done is removed. `unpinned` is told of every
    /// asset whose last pin goes.
    pub(crate) fn in_folder(
        data: &Path,
        unpinned: impl Fn(DomainKey, Digest) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Ok(Self::new(Place::Folder(Folder::open(data)?), unpinned))
    }

    /// A store that touches no disk.
    pub(crate) fn in_memory(unpinned: impl Fn(DomainKey, Digest) + Send + Sync + 'static) -> Self {
        Self::new(Place::Memory(Memory::default()), unpinned)
    }

    fn new(place: Place, unpinned: impl Fn(DomainKey, Digest) + Send + Sync + 'static) -> Self {
        Self { place, pins: Mutex::default(), unpinned: Box::new(unpinned) }
    }

    fn pins(&self) -> MutexGuard<'_, HashMap<(DomainKey, Digest), usize>> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to take in an asset.
    pub(crate) fn receive(&self) -> io::Result<Intake> {
        match &self.place {
            Place::Folder(folder) => folder.receive(),
            Place::Memory(_) => Ok(Intake::to_memory()),
        }
    }

    /// Keeps a staged asset: durable when this returns.
    pub(crate) fn keep(self: &Arc<Self>, domain: &DomainKey, staged: Staged) -> io::Result<Pin> {
        let Staged { digests, size, bytes } = staged;
        // Pinned before it is in its place, so that no removal can fall between.
        *self.pins().entry((domain.clone(), digests.sha256)).or_default() += 1;
        let pin = Pin { assets: Arc::clone(self), domain: domain.clone(), digests, size };
        match &self.place {
            Place::Folder(folder) => folder.keep(domain, &pin.digests.sha256, bytes)?,
            Place::Memory(memory) => memory.keep(domain, &pin.digests.sha256, bytes),
        }
        Ok(pin)
    }

    /// Opens an asset for reading.
    pub(crate) fn open(&self, domain: &DomainKey, digest: &Digest) -> io::Result<Content> {
        match &self.place {
            Place::Folder(folder) => folder.open_asset(domain, digest).map(Content::File),
            Place::Memory(memory) => memory.open(domain, digest).map(Content::Bytes),
        }
    }

    /// Removes an asset that nothing refers to, unless it is pinned. Only the writer may ask: it alone knows that no
    /// reference appears meanwhile.
    pub(crate) fn remove(&self, domain: &DomainKey, digest: &Digest) {
        let pins = self.pins();
        if pins.contains_key(&(domain.clone(), *digest)) {
            return;
        }
        match &self.place {
            Place::Folder(folder) => folder.remove(domain, digest),
            Place::Memory(memory) => memory.remove(domain, digest),
        }
        // Held to here: a publish of the same content pins before it puts its bytes in place.
        drop(pins);
    }

    /// Removes what is left of a domain that is gone.
    pub(crate) fn close(&self, domain: &DomainKey) {
        let pins = self.pins();
        if pins.keys().any(|(pinned, _)| pinned == domain) {
            return;
        }
        match &self.place {
            Place::Folder(folder) => folder.close(domain),
            Place::Memory(memory) => memory.close(domain),
        }
        drop(pins);
    }

    /// Removes what no record refers to, which a process that was killed may have left.
    pub(crate) fn sweep(&self, domains: &[DomainKey], refers: impl Fn(&DomainKey, &Digest) -> bool) -> io::Result<()> {
        match &self.place {
            Place::Folder(folder) => folder.sweep(domains, refers),
            Place::Memory(_) => Ok(()),
        }
    }
}

impl Pin {
    pub(crate) fn domain(&self) -> &DomainKey {
        &self.domain
    }

    pub(crate) fn digests(&self) -> &Digests {
        &self.digests
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let key = (self.domain.clone(), self.digests.sha256);
        let last = {
            let mut pins = self.assets.pins();
            let count = pins.get_mut(&key).expect("a pin is counted until it is dropped");
            *count -= 1;
            let last = *count == 0;
            if last {
                pins.remove(&key);
            }
            last
        };
        if last {
            (self.assets.unpinned)(key.0, key.1);
        }
    }
}

#[cfg(test)]
mod tests;
