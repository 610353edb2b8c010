//! Assets as files: `assets/DOMAIN/FA/SHA256` below the data folder.
//!
//! Every part of a path is a digest in hexadecimal: no name that a client chose ever becomes part of one. A file is
//! written in `staging`, flushed, renamed to its place, and the folders above it are flushed, in that order; so a
//! file in its place is whole, and one that a record refers to is on the disk.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    digest::Digest,
    intake::{Intake, StagedBytes, StagedFile},
};
use crate::state::DomainKey;

pub(super) struct Folder {
    assets: PathBuf,
    staging: PathBuf,
    next: AtomicU64,
    /// Domains whose folders are known to be there, and flushed.
    made: Mutex<HashSet<DomainKey>>,
}

impl Folder {
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let (assets, staging) = (data.join("assets"), data.join("staging"));
        // What is staged belongs to requests that nobody answers any more.
        match fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir(&staging)?;
        fs::create_dir_all(&assets)?;
        sync_folder(data)?;
        Ok(Self { assets, staging, next: AtomicU64::default(), made: Mutex::default() })
    }

    pub(super) fn receive(&self) -> io::Result<Intake> {
        let path = self.staging.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Intake::to_file(StagedFile::new(file, path)))
    }

    pub(super) fn keep(&self, domain: &DomainKey, digest: &Digest, bytes: StagedBytes) -> io::Result<()> {
        let StagedBytes::File(staged) = bytes else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "staged for another kind of store"));
        };
        staged.sync()?;
        let path = self.path(domain, digest);
        let folder = path.parent().expect("an asset lies two folders below `assets`");
        self.make(domain)?;
        // Over a file that may be there: its name is its content, and only this one is known to be flushed.
        staged.rename_to(&path)?;
        sync_folder(folder)
    }

    pub(super) fn open_asset(&self, domain: &DomainKey, digest: &Digest) -> io::Result<File> {
        File::open(self.path(domain, digest))
    }

    /// A file that cannot be removed wastes space and does no harm: the next start tries again.
    pub(super) fn remove(&self, domain: &DomainKey, digest: &Digest) {
        drop(fs::remove_file(self.path(domain, digest)));
    }

    pub(super) fn close(&self, domain: &DomainKey) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.remove(domain);
        // What stays behind is swept by the next start.
        drop(fs::remove_dir_all(self.domain(domain)));
    }

    pub(super) fn sweep(&self, domains: &[DomainKey], refers: impl Fn(&DomainKey, &Digest) -> bool) -> io::Result<()> {
        for folder in fs::read_dir(&self.assets)? {
            let folder = folder?.path();
            match domains.iter().find(|domain| self.domain(domain) == folder) {
                None => remove(&folder)?,
                Some(domain) => sweep_domain(&folder, |digest| refers(domain, digest))?,
            }
        }
        Ok(())
    }

    fn domain(&self, domain: &DomainKey) -> PathBuf {
        self.assets.join(&Digest::of(domain.to_string().as_bytes()).to_string()[..32])
    }

    fn path(&self, domain: &DomainKey, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.domain(domain).join(&name[..2]).join(name)
    }

    /// Makes a domain's folder with its whole fan, flushed once: one flush for each of 256 first assets would cost
    /// more than all of them.
    fn make(&self, domain: &DomainKey) -> io::Result<()> {
        // Held while the folders are made: `close` may not fall between.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.contains(domain) {
            return Ok(());
        }
        let folder = self.domain(domain);
        create(&folder)?;
        for fan in 0..=u8::MAX {
            create(&folder.join(format!("{fan:02x}")))?;
        }
        sync_folder(&folder)?;
        sync_folder(&self.assets)?;
        made.insert(domain.clone());
        Ok(())
    }
}

/// Makes a folder that may be there already.
fn create(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn sweep_domain(folder: &Path, refers: impl Fn(&Digest) -> bool) -> io::Result<()> {
    for fan in fs::read_dir(folder)? {
        let fan = fan?;
        if !fan.file_type()?.is_dir() {
            remove(&fan.path())?;
            continue;
        }
        for asset in fs::read_dir(fan.path())? {
            let asset = asset?;
            let digest = asset.file_name().to_str().and_then(|name| name.parse().ok());
            if !digest.is_some_and(|digest| refers(&digest)) {
                remove(&asset.path())?;
            }
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Flushes a folder's entries. Windows has no such call: its file systems log them.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}
