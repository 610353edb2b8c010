//! Where a file really is, and whether it is ours to touch.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::error::ConfigureError;
use super::folder::{Contents, Folder, LARGEST, Owner, Unreadable, owner_and_mode};

/// How far a path may lead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// The user's home folder.
    pub(super) home: Option<&'a Path>,
    /// The folder of the settings themselves, where it is elsewhere.
    pub(super) anchor: &'a Path,
    /// Go wherever it leads, whosever it is.
    pub(super) force: bool,
}

/// A file's place: its folder, perhaps still to be made, and its name there.
pub(super) struct Place {
    /// The file as named.
    path: PathBuf,
    /// The folder it is in, links resolved.
    at: PathBuf,
    name: OsString,
    folder: Option<Folder>,
    force: bool,
}

/// Whether a file was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaced {
    Yes,
    /// It was not, or not for long: somebody else wrote it at the same time.
    Raced,
}

/// A file before it is replaced; one that is not there has no mode.
struct Standing {
    mode: Option<u32>,
}

/// As many links as Linux follows.
const MOST_LINKS: u32 = 40;

impl Place {
    /// Finds the place of a file that may or may not be there, and refuses one that is not to be touched.
    pub(super) fn find(path: &Path, bounds: Bounds<'_>) -> Result<Self, ConfigureError> {
        let mut file = path.to_path_buf();
        let mut linked = false;
        for count in 0.. {
            match file.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {}
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(system("read", &file, error)),
            }
            if count == MOST_LINKS {
                return Err(ConfigureError::EndlessLinks { path: path.to_path_buf() });
            }
            let folder = file.parent().unwrap_or(Path::new("/"));
            check_folder(folder, bounds.force)?;
            let target = fs::read_link(&file).map_err(|error| system("read", &file, error))?;
            file = folder.join(target);
            linked = true;
        }
        let not_a_file = || ConfigureError::NotAFile { path: path.to_path_buf() };
        let name = file.file_name().ok_or_else(not_a_file)?.to_owned();
        let folder = file.parent().ok_or_else(not_a_file)?;
        let at = resolved(folder)?;
        if linked || at != folder {
            check_reach(path, &at, bounds)?;
        }
        let existing = existing(&at);
        check_folder(existing, bounds.force)?;
        let folder =
            if existing == at { Some(Folder::open(&at).map_err(|error| system("open", &at, error))?) } else { None };
        Ok(Self { path: path.to_path_buf(), at, name, folder, force: bounds.force })
    }

    /// The folders that have to be made for the file, outermost first.
    pub(super) fn missing_folders(&self) -> Vec<PathBuf> {
        let existing = existing(&self.at);
        let mut missing: Vec<_> =
            self.at.ancestors().take_while(|folder| *folder != existing).map(Path::to_path_buf).collect();
        missing.reverse();
        missing
    }

    /// The same place with its folder made.
    pub(super) fn made(mut self) -> Result<Self, ConfigureError> {
        if self.folder.is_none() {
            fs::create_dir_all(&self.at).map_err(|error| system("make", &self.at, error))?;
            self.folder = Some(Folder::open(&self.at).map_err(|error| system("open", &self.at, error))?);
        }
        Ok(self)
    }

    /// The file's bytes; `None` where it is not there.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, ConfigureError> {
        Ok(self.contents()?.map(|contents| contents.bytes))
    }

    /// Replaces the file's bytes, if they are still `expected`.
    ///
    /// The new ones are written beside it and synced; then it is read once more; then they take its place at once. It
    /// keeps its mode; a new file gets `mode`.
    pub(super) fn replace(&self, expected: Option<&[u8]>, new: &[u8], mode: u32) -> Result<Replaced, ConfigureError> {
        let folder = self.folder();
        let Some(before) = self.unchanged(expected)? else { return Ok(Replaced::Raced) };
        let beside = self.beside();
        let failed = |error| {
            // The failure to report is the first one.
            let _ = folder.remove(&beside);
            system("write", &self.path, error)
        };
        folder.create(&beside, new, before.mode.unwrap_or(mode)).map_err(failed)?;
        if self.unchanged(expected)?.is_none() {
            folder.remove(&beside).map_err(failed)?;
            return Ok(Replaced::Raced);
        }
        if expected.is_some() {
            folder.replace(&beside, &self.name).map_err(failed)?;
        } else {
            // A new name is never taken from a file that came in between.
            match folder.name_anew(&beside, &self.name) {
                Ok(()) => folder.remove(&beside).map_err(failed)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    folder.remove(&beside).map_err(failed)?;
                    return Ok(Replaced::Raced);
                }
                // Some file systems know one name for each file.
                Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
                    folder.replace(&beside, &self.name).map_err(failed)?;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        folder.sync().map_err(|error| system("write", &self.path, error))?;
        Ok(if self.read()?.as_deref() == Some(new) { Replaced::Yes } else { Replaced::Raced })
    }

    /// Removes the file, if its bytes are still `expected`.
    pub(super) fn remove(&self, expected: &[u8]) -> Result<Replaced, ConfigureError> {
        if self.unchanged(Some(expected))?.is_none() {
            return Ok(Replaced::Raced);
        }
        let folder = self.folder();
        folder.remove(&self.name).and_then(|()| folder.sync()).map_err(|error| system("remove", &self.path, error))?;
        Ok(Replaced::Yes)
    }

    /// The file as it stands, if it still has the bytes expected.
    fn unchanged(&self, expected: Option<&[u8]>) -> Result<Option<Standing>, ConfigureError> {
        let contents = self.contents()?;
        let same = contents.as_ref().map(|contents| contents.bytes.as_slice()) == expected;
        Ok(same.then(|| Standing { mode: contents.and_then(|contents| contents.mode) }))
    }

    fn contents(&self) -> Result<Option<Contents>, ConfigureError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let contents = folder.read(&self.name).map_err(|unreadable| match unreadable {
            Unreadable::System(error) => system("read", &self.path, error),
            Unreadable::NotAFile => ConfigureError::NotAFile { path: self.path.clone() },
            Unreadable::TooLarge => ConfigureError::TooLarge { path: self.path.clone(), limit: LARGEST },
        })?;
        if let Some(contents) = &contents {
            check_owner(&self.path, contents.owner, self.force)?;
        }
        Ok(contents)
    }

    fn folder(&self) -> &Folder {
        self.folder.as_ref().expect("the folder of a file to be written is made first")
    }

    /// A name for what is written beside the file: nobody else's, and known for ours to the next run.
    fn beside(&self) -> OsString {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut name = self.prefix();
        name.push(format!("{}-{number}", std::process::id()));
        name
    }

    fn prefix(&self) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(&self.name);
        prefix.push(".codeartifact-");
        prefix
    }

    /// Removes what a killed run left beside the file. To be called under the lock: then none of it is in use.
    pub(super) fn sweep(&self) -> Result<(), ConfigureError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let prefix = self.prefix();
        let left = folder.names().map_err(|error| system("read", &self.at, error))?;
        for name in left.iter().filter(|name| starts_with(name, &prefix)) {
            folder.remove(name).map_err(|error| system("remove", &self.at.join(name), error))?;
        }
        Ok(())
    }
}

fn starts_with(name: &OsStr, prefix: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes())
}

/// A path with its links resolved, also where its last parts are not there.
fn resolved(path: &Path) -> Result<PathBuf, ConfigureError> {
    let existing = existing(path);
    let start = existing.canonicalize().map_err(|error| system("read", existing, error))?;
    Ok(match path.strip_prefix(existing) {
        Ok(rest) if rest.as_os_str().is_empty() => start,
        Ok(rest) => start.join(rest),
        Err(_) => start,
    })
}

/// The nearest folder above that is there, or the path itself.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"))
}

fn check_reach(path: &Path, at: &Path, bounds: Bounds<'_>) -> Result<(), ConfigureError> {
    let within = |folder: &Path| resolved(folder).is_ok_and(|folder| at.starts_with(folder));
    if bounds.force || bounds.home.is_some_and(within) || within(bounds.anchor) {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default();
    Err(ConfigureError::Escapes { path: path.to_path_buf(), target: at.join(name) })
}

fn check_folder(folder: &Path, force: bool) -> Result<(), ConfigureError> {
    let found = owner_and_mode(folder).map_err(|error| system("read", folder, error))?;
    let Some((owner, mode)) = found.filter(|_| !force) else { return Ok(()) };
    if mode & 0o002 != 0 {
        return Err(ConfigureError::OpenFolder { path: folder.to_path_buf() });
    }
    check_owner(folder, Some(owner), force)
}

fn check_owner(path: &Path, owner: Option<Owner>, force: bool) -> Result<(), ConfigureError> {
    match owner {
        Some(Owner { owner, user }) if owner != user && !force => {
            Err(ConfigureError::OtherOwner { path: path.to_path_buf(), owner, user })
        }
        _ => Ok(()),
    }
}

fn system(action: &'static str, path: &Path, source: io::Error) -> ConfigureError {
    ConfigureError::System { action, path: path.to_path_buf(), source }
}
