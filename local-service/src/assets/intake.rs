//! An asset on its way in: written to a staging place, hashed as it passes.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::digest::{Digests, Hasher};

/// Takes in the bytes of one asset. Dropped before it is kept, it leaves nothing behind.
pub(crate) struct Intake {
    bytes: StagedBytes,
    hasher: Hasher,
    size: u64,
}

/// All bytes of an asset, not in the store yet.
pub(crate) struct Staged {
    pub(crate) digests: Digests,
    pub(crate) size: u64,
    pub(super) bytes: StagedBytes,
}

pub(super) enum StagedBytes {
    File(StagedFile),
    Memory(Vec<u8>),
}

/// A file in the staging folder, removed when it is dropped there.
pub(super) struct StagedFile {
    file: File,
    /// `None` once it was renamed to its place.
    path: Option<PathBuf>,
}

impl Intake {
    pub(super) fn to_file(file: StagedFile) -> Self {
        Self { bytes: StagedBytes::File(file), hasher: Hasher::default(), size: 0 }
    }

    pub(super) fn to_memory() -> Self {
        Self { bytes: StagedBytes::Memory(Vec::new()), hasher: Hasher::default(), size: 0 }
    }

    /// The next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.bytes {
            StagedBytes::File(staged) => staged.file.write_all(bytes)?,
            StagedBytes::Memory(memory) => memory.extend_from_slice(bytes),
        }
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// No more bytes.
    pub(crate) fn finish(self) -> Staged {
        Staged { digests: self.hasher.finish(), size: self.size, bytes: self.bytes }
    }
}

impl StagedFile {
    pub(super) fn new(file: File, path: PathBuf) -> Self {
        Self { file, path: Some(path) }
    }

    /// Flushes the bytes to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    pub(super) fn rename_to(mut self, place: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            fs::rename(path, place)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // If this fails, the next start sweeps it.
            drop(fs::remove_file(path));
        }
    }
}
