//! A file of mode 0600 for each scope, in a folder of mode 0700. The token is in clear text: never a default.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{StoreError, StoredToken, TokenStore, Wiped};
use crate::private_folder::{self, Durability};
use crate::token::{AuthorizationToken, TokenScope};

const NAME: &str = "file";

/// No entry is larger (64 KiB); what is, is not ours.
const LARGEST: u64 = 64 * 1024;

/// The ending of an entry's file name.
const ENDING: &str = ".token";

/// Files in one folder.
#[derive(Debug)]
pub struct FileStore {
    folder: Option<PathBuf>,
}

impl FileStore {
    /// Keeps tokens in `folder`, which is made at the first save; `None` where the user has no state folder.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    fn folder(&self) -> Result<&Path, StoreError> {
        self.folder.as_deref().ok_or_else(|| StoreError::Unavailable {
            store: NAME,
            reason: "there is no state folder: HOME is not set".to_owned(),
        })
    }
}

/// The scope's file: a digest, because a key may hold any character and be longer than a file name.
fn file_name(scope: &TokenScope) -> String {
    crate::token::hex(&Sha256::digest(scope.key().as_bytes())) + ENDING
}

fn read(path: &Path) -> Result<Option<Wiped>, StoreError> {
    let refused = |reason| StoreError::Refused { store: NAME, path: path.to_owned(), reason };
    let mut file = match private_folder::file_options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(refused("it is a link"));
        }
        Err(error) => return Err(StoreError::io(NAME, "open a token's file")(error)),
    };
    let found = file.metadata().map_err(StoreError::io(NAME, "look at a token's file"))?;
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
    file.read_exact(&mut bytes.0).map_err(StoreError::io(NAME, "read a token's file"))?;
    Ok(Some(bytes))
}

impl TokenStore for FileStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        let entry = read(&self.folder()?.join(file_name(scope)))?;
        Ok(entry.and_then(|entry| AuthorizationToken::from_entry(scope, &entry.0)))
    }

    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        let folder = self.folder()?;
        private_folder::ensure(folder).map_err(|source| StoreError::Folder { store: NAME, source })?;
        private_folder::replace(folder, &file_name(scope), &token.to_entry(scope), Durability::Synced)
            .map_err(StoreError::io(NAME, "write a token's file"))
    }

    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        match fs::remove_file(self.folder()?.join(file_name(scope))) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(StoreError::io(NAME, "remove a token's file")(error))
            }
            _ => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        let entries = match fs::read_dir(self.folder()?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io(NAME, "read its folder")(error)),
        };
        let mut tokens = Vec::new();
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.ends_with(ENDING))
                && let Some(bytes) = read(&entry.path())?
            {
                tokens.extend(AuthorizationToken::peek_entry(&bytes.0));
            }
        }
        tokens.sort_by(|a, b| a.scope.cmp(&b.scope));
        Ok(tokens)
    }
}
