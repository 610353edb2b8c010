//! Entries as files of mode 0600, one for each scope, in a folder of mode 0700: what the stores on disk have in common.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{StoreError, Wiped};
use crate::private_folder::{self, Durability};
use crate::token::TokenScope;

/// No entry is larger (64 KiB); what is, is not ours.
const LARGEST: u64 = 64 * 1024;

/// The files of one store.
#[derive(Debug)]
pub(super) struct Entries {
    store: &'static str,
    /// The ending of their names, with its dot.
    ending: &'static str,
    folder: Option<PathBuf>,
}

impl Entries {
    /// Files in `folder`, which is made when the first is written; `None` where the user has no state folder.
    pub(super) fn new(store: &'static str, ending: &'static str, folder: Option<PathBuf>) -> Self {
        Self { store, ending, folder }
    }

    /// The scope's file: a digest, because a key may hold any character and be longer than a file name.
    pub(super) fn name_of(&self, scope: &TokenScope) -> String {
        crate::token::hex(&Sha256::digest(scope.key().as_bytes())) + self.ending
    }

    /// The names of all of them.
    pub(super) fn names(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(self.folder()?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io(self.store, "read its folder")(error)),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter(|name| name.ends_with(self.ending)).collect())
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Wiped>, StoreError> {
        let path = self.folder()?.join(name);
        let refused = |reason| StoreError::Refused { store: self.store, path: path.clone(), reason };
        let mut file = match private_folder::file_options().read(true).open(&path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            #[cfg(unix)]
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Err(refused("it is a link"));
            }
            Err(error) => return Err(StoreError::io(self.store, "open a token's file")(error)),
        };
        let found = file.metadata().map_err(StoreError::io(self.store, "look at a token's file"))?;
        if !found.is_file() {
            return Err(refused("it is no file"));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            if found.uid() != rustix::process::geteuid().as_raw() {
                return Err(refused("it belongs to another user"));
            }
            if found.mode() & 0o077 != 0 {
                return Err(refused("others may read or change it"));
            }
        }
        if found.len() > LARGEST {
            return Err(refused("it is larger than any token"));
        }
        // Whole or not at all: an entry is replaced by a rename, so its size cannot change under us.
        let mut bytes = Wiped(vec![0; usize::try_from(found.len()).unwrap_or_default()]);
        file.read_exact(&mut bytes.0).map_err(StoreError::io(self.store, "read a token's file"))?;
        Ok(Some(bytes))
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = self.folder()?;
        private_folder::ensure(folder).map_err(|source| StoreError::Folder { store: self.store, source })?;
        private_folder::replace(folder, name, bytes, Durability::Synced)
            .map_err(StoreError::io(self.store, "write a token's file"))
    }

    /// Removing the absent succeeds.
    pub(super) fn remove(&self, name: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.folder()?.join(name)) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(StoreError::io(self.store, "remove a token's file")(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the files whose content is not `worth_keeping`. What is not ours to read is left where it is.
    pub(super) fn retain(&self, worth_keeping: impl Fn(&str, &[u8]) -> bool) -> Result<(), StoreError> {
        for name in self.names()? {
            if let Ok(Some(bytes)) = self.read(&name)
                && !worth_keeping(&name, &bytes.0)
            {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    fn folder(&self) -> Result<&Path, StoreError> {
        self.folder.as_deref().ok_or_else(|| StoreError::Unavailable {
            store: self.store,
            reason: "there is no state folder: HOME is not set".to_owned(),
        })
    }
}
