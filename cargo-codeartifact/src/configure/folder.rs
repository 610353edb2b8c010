//! The few things done in a folder, on the folder itself and not on whatever its path may lead to a moment later.

use std::{ffi::OsStr, io, path::Path};

/// What stands in a folder under a name.
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    /// Its permissions, where the system has such.
    pub(super) mode: Option<u32>,
    /// Whose it is, where the system says.
    pub(super) owner: Option<Owner>,
}

/// Whose something is, and who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) owner: u32,
    pub(super) user: u32,
}

/// The largest file read.
pub(super) const LARGEST: u64 = 4 * 1024 * 1024;

/// Why a name could not be read as a file.
pub(super) enum Unreadable {
    System(io::Error),
    NotAFile,
    TooLarge,
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

pub(super) use system::{Folder, owner_and_mode};

/// Reads at most [`LARGEST`] bytes.
fn read_all(file: std::fs::File) -> Result<Vec<u8>, Unreadable> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(Unreadable::TooLarge) } else { Ok(bytes) }
}

#[cfg(unix)]
mod system {
    use std::{
        fs::{File, Metadata, Permissions},
        io::Write as _,
        os::{
            fd::OwnedFd,
            unix::fs::{MetadataExt as _, PermissionsExt as _},
        },
    };

    use rustix::fs::{self, AtFlags, Mode, OFlags};

    use super::{Contents, OsStr, Owner, Path, Unreadable, io, read_all};

    /// A folder, held by its descriptor.
    pub(crate) struct Folder(OwnedFd);

    impl Folder {
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Self(fs::open(path, flags, Mode::empty())?))
        }

        /// The file of that name; `None` where there is none. Links are not followed: they were resolved.
        pub(crate) fn read(&self, name: &OsStr) -> Result<Option<Contents>, Unreadable> {
            // Without `NONBLOCK`, opening a pipe would wait for a writer.
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = match fs::openat(&self.0, name, flags, Mode::empty()) {
                Ok(file) => File::from(file),
                Err(rustix::io::Errno::NOENT) => return Ok(None),
                Err(rustix::io::Errno::LOOP) => return Err(Unreadable::NotAFile),
                Err(error) => return Err(io::Error::from(error).into()),
            };
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(Unreadable::NotAFile);
            }
            let (mode, owner) = (Some(metadata.mode() & 0o777), Some(owner(&metadata)));
            Ok(Some(Contents { bytes: read_all(file)?, mode, owner }))
        }

        /// Makes a file that is not there, with these bytes, on the disk when this returns.
        pub(crate) fn create(&self, name: &OsStr, bytes: &[u8], mode: u32) -> io::Result<()> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut file = File::from(fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?);
            file.write_all(bytes)?;
            if mode != 0o600 {
                file.set_permissions(Permissions::from_mode(mode))?;
            }
            file.sync_all()
        }

        /// Puts a file in another's place, at once.
        pub(crate) fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            Ok(fs::renameat(&self.0, from, &self.0, to)?)
        }

        /// Gives a file a name that no other may have; the old name stays.
        pub(crate) fn name_anew(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            Ok(fs::linkat(&self.0, from, &self.0, to, AtFlags::empty())?)
        }

        pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
            Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?)
        }

        pub(crate) fn names(&self) -> io::Result<Vec<std::ffi::OsString>> {
            use std::os::unix::ffi::OsStrExt as _;
            let mut names = Vec::new();
            for entry in fs::Dir::read_from(&self.0)? {
                names.push(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned());
            }
            Ok(names)
        }

        /// Brings the names to the disk.
        pub(crate) fn sync(&self) -> io::Result<()> {
            match fs::fsync(&self.0) {
                // Some file systems have no such thing for folders.
                Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }
    }

    pub(crate) fn owner_and_mode(path: &Path) -> io::Result<Option<(Owner, u32)>> {
        let metadata = path.metadata()?;
        Ok(Some((owner(&metadata), metadata.mode())))
    }

    fn owner(metadata: &Metadata) -> Owner {
        Owner { owner: metadata.uid(), user: rustix::process::geteuid().as_raw() }
    }
}

#[cfg(not(unix))]
mod system {
    use std::{fs, io::Write as _, path::PathBuf};

    use super::{Contents, OsStr, Owner, Path, Unreadable, io, read_all};

    /// A folder, by its path: the standard library offers no more.
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn open(path: &Path) -> io::Result<Self> {
            path.read_dir().map(|_| Self(path.to_path_buf()))
        }

        pub(crate) fn read(&self, name: &OsStr) -> Result<Option<Contents>, Unreadable> {
            let path = self.0.join(name);
            let metadata = match path.symlink_metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            if !metadata.is_file() {
                return Err(Unreadable::NotAFile);
            }
            Ok(Some(Contents { bytes: read_all(fs::File::open(path)?)?, mode: None, owner: None }))
        }

        pub(crate) fn create(&self, name: &OsStr, bytes: &[u8], _mode: u32) -> io::Result<()> {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(self.0.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()
        }

        pub(crate) fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            fs::rename(self.0.join(from), self.0.join(to))
        }

        pub(crate) fn name_anew(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            fs::hard_link(self.0.join(from), self.0.join(to))
        }

        pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
            fs::remove_file(self.0.join(name))
        }

        pub(crate) fn names(&self) -> io::Result<Vec<std::ffi::OsString>> {
            self.0.read_dir()?.map(|entry| entry.map(|entry| entry.file_name())).collect()
        }

        /// The system syncs names itself.
        pub(crate) fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Access control lists say who may do what; they are the system's to check.
    pub(crate) fn owner_and_mode(_path: &Path) -> io::Result<Option<(Owner, u32)>> {
        Ok(None)
    }
}
