//! Folders that only the user may enter: locks, failure notes and, where the user chose so, tokens.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// A folder of ours cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made or looked at.
    #[error("cannot use the folder {path}")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else has its name.
    #[error("{path} is not a folder")]
    NotFolder {
        /// What is in the way.
        path: PathBuf,
    },
    /// Somebody else owns it, who could read or replace what we keep there.
    #[error("the folder {path} belongs to another user")]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// Others may write to it, and may have done so.
    #[error("the folder {path} can be changed by others (mode {mode:o})")]
    Shared {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl FolderError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            FolderError::Unusable { path, .. } => format!("make {} a folder you may write to", path.display()),
            FolderError::NotFolder { path } => format!("move {} away", path.display()),
            FolderError::Foreign { path } => {
                format!("run as the owner of {}, or set XDG_RUNTIME_DIR and XDG_STATE_HOME to your own", path.display())
            }
            FolderError::Shared { path, .. } => {
                format!("look what is in it, then: chmod 700 {}", path.display())
            }
        }
    }
}

/// Makes `path` (and what is missing above it) with mode 0700, or checks that it is a folder of ours that nobody else
/// may write to. One that others could only read is tightened: nothing of theirs can be in it.
pub fn ensure(path: &Path) -> Result<(), FolderError> {
    let unusable = |source| FolderError::Unusable { path: path.to_owned(), source };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let created = builder.create(path);
    // Not followed: a link could lead where the checks below say nothing about.
    let found = match (created, fs::symlink_metadata(path)) {
        (_, Ok(found)) => found,
        (Err(source), Err(_)) | (Ok(()), Err(source)) => return Err(unusable(source)),
    };
    if !found.is_dir() {
        return Err(FolderError::NotFolder { path: path.to_owned() });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(FolderError::Foreign { path: path.to_owned() });
        }
        let mode = found.mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(FolderError::Shared { path: path.to_owned(), mode });
        }
        if mode & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        }
    }
    Ok(())
}

/// Options that open a file in a private folder: 0600 when made, never through a link.
pub(crate) fn file_options() -> fs::OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // `O_CLOEXEC` is the standard library's own addition. `O_NONBLOCK`: a pipe in the file's place must not hang us.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let mut options = fs::OpenOptions::new();
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
        options
    }
    #[cfg(not(unix))]
    fs::OpenOptions::new()
}

/// The age from which an unfinished file is a leftover of a killed process.
const LEFTOVER: Duration = Duration::from_mins(10);

/// What the names of unfinished files end with.
const UNFINISHED: &str = "-new";

/// Whether a crash of the machine may lose the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk when the call returns.
    Synced,
    /// When the system gets to it: notes that matter for seconds.
    Lazy,
}

/// Puts `content` into `folder/name`, whole or not at all: a new file of mode 0600 beside it, then a rename.
pub fn replace(folder: &Path, name: &str, content: &[u8], durability: Durability) -> io::Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let unfinished =
        folder.join(format!(".{name}.{}.{}{UNFINISHED}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let result = (|| {
        // Exclusive: a file somebody put there before us is never written to.
        let mut file = file_options().write(true).create_new(true).open(&unfinished)?;
        file.write_all(content)?;
        if durability == Durability::Synced {
            file.sync_all()?;
            sweep(folder, &file);
        }
        fs::rename(&unfinished, folder.join(name))?;
        #[cfg(unix)]
        if durability == Durability::Synced {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    })();
    if result.is_err() {
        // Gone already where the rename did it; a leftover is swept later.
        let _ = fs::remove_file(&unfinished);
    }
    result
}

/// Removes what killed processes left. `newest` was written just now, so its time is the folder's own clock.
fn sweep(folder: &Path, newest: &fs::File) {
    let Some(now) = newest.metadata().and_then(|found| found.modified()).ok() else { return };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(UNFINISHED));
        let age =
            entry.metadata().and_then(|found| found.modified()).ok().and_then(|then| now.duration_since(then).ok());
        if ours && age.is_some_and(|age| age >= LEFTOVER) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("a/b");
        ensure(&folder).unwrap();
        for durability in [Durability::Synced, Durability::Lazy] {
            for content in [&b"one"[..], b"", b"three"] {
                replace(&folder, "note", content, durability).unwrap();
                assert_eq!(fs::read(folder.join("note")).unwrap(), content);
            }
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_may_enter() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("new/inner");
        ensure(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&outer.path().join("new"))), (0o700, 0o700));

        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        ensure(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700, "tightened");

        fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(ensure(&folder), Err(FolderError::Shared { mode: 0o770, .. })));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();

        let link = outer.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(matches!(ensure(&link), Err(FolderError::NotFolder { .. })));
        let file = outer.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(ensure(&file), Err(FolderError::NotFolder { .. })));
        replace(&folder, "note", b"x", Durability::Lazy).unwrap();
        assert_eq!(mode(&folder.join("note")), 0o600);
    }

    #[test]
    fn leftovers_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join(".x.1.1-new");
        let recent = folder.path().join(".x.1.2-new");
        let foreign = folder.path().join("x-new");
        for path in [&old, &recent, &foreign] {
            fs::write(path, "").unwrap();
        }
        let then = fs::metadata(&old).unwrap().modified().unwrap() - LEFTOVER;
        fs::File::options().write(true).open(&old).unwrap().set_modified(then).unwrap();
        fs::File::options().write(true).open(&foreign).unwrap().set_modified(then).unwrap();
        replace(folder.path(), "note", b"", Durability::Synced).unwrap();
        assert_eq!((old.exists(), recent.exists(), foreign.exists()), (false, true, true));
    }
}
