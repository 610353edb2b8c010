//! The metadata file in a distribution. A package is a stranger's archive: of it are read this many bytes and no more,
//! packed or unpacked, and nothing of it is ever written anywhere.

use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};

use flate2::read::GzDecoder;
use zip::ZipArchive;

use super::file_name::{self, Kind};
use super::version;
use crate::assets::Content;

/// Bytes of the metadata file, unpacked.
const METADATA: u64 = 4 << 20;
/// Bytes that are read of an archive: the directory of a wheel of a hundred thousand files fits.
const READ: u64 = 16 << 20;
/// Bytes of an sdist that are unpacked: builders put `PKG-INFO` near the beginning.
const UNPACKED: u64 = 64 << 20;

/// Why there is no metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArchiveProblem {
    /// No archive of its kind, or it has no metadata file where one belongs.
    #[error("the distribution has no metadata that can be read")]
    Unreadable,
    #[error("the distribution's metadata has more than {METADATA} bytes")]
    TooLarge,
}

/// The metadata file of a distribution of this project and version. Blocks.
pub(super) fn metadata(content: Content, file: &str, project: &str) -> Result<Vec<u8>, ArchiveProblem> {
    match content {
        Content::File(opened) => read(BufReader::new(opened), file, project),
        Content::Bytes(bytes) => read(Cursor::new(bytes), file, project),
    }
}

fn read(archive: impl Read + Seek, file: &str, project: &str) -> Result<Vec<u8>, ArchiveProblem> {
    let (kind, version) = file_name::read(file, project).ok_or(ArchiveProblem::Unreadable)?;
    let archive = Bounded { inner: archive, left: READ };
    match kind {
        Kind::Wheel => unzip(archive, |path| {
            // `NAME-VERSION.dist-info/METADATA`: another distribution's may be vendored further down.
            let folder = path.strip_suffix("/METADATA")?.strip_suffix(".dist-info")?;
            let (name, spelled) = folder.split_once('-')?;
            (file_name::normal(name) == project && version::normal(spelled)? == version).then_some(())
        }),
        Kind::Sdist => match file.rsplit_once('.') {
            Some((_, "zip")) => {
                unzip(archive, |path| path.strip_suffix("/PKG-INFO").filter(|folder| !folder.contains('/')).map(|_| ()))
            }
            Some((_, "gz" | "tgz")) => untar(archive),
            _ => Err(ArchiveProblem::Unreadable),
        },
    }
}

fn unzip(
    archive: Bounded<impl Read + Seek>,
    is_metadata: impl Fn(&str) -> Option<()>,
) -> Result<Vec<u8>, ArchiveProblem> {
    let unreadable = |_| ArchiveProblem::Unreadable;
    let mut archive = ZipArchive::new(archive).map_err(unreadable)?;
    let found = archive
        .file_names()
        .find(|path| is_metadata(path).is_some())
        .map(str::to_owned)
        .ok_or(ArchiveProblem::Unreadable)?;
    let entry = archive.by_name(&found).map_err(|_| ArchiveProblem::Unreadable)?;
    bounded(entry)
}

fn untar(archive: Bounded<impl Read>) -> Result<Vec<u8>, ArchiveProblem> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive).take(UNPACKED));
    let entries = archive.entries().map_err(|_| ArchiveProblem::Unreadable)?;
    for entry in entries {
        let entry = entry.map_err(|_| ArchiveProblem::Unreadable)?;
        let path = entry.path_bytes();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        let found = path.strip_suffix(b"/PKG-INFO").is_some_and(|folder| !folder.contains(&b'/'));
        if found && entry.header().entry_type().is_file() {
            return bounded(entry);
        }
    }
    Err(ArchiveProblem::Unreadable)
}

/// All of a file; what it says of its own size is not believed.
fn bounded(file: impl Read) -> Result<Vec<u8>, ArchiveProblem> {
    let mut bytes = Vec::new();
    file.take(METADATA + 1).read_to_end(&mut bytes).map_err(|_| ArchiveProblem::Unreadable)?;
    if bytes.len() as u64 > METADATA { Err(ArchiveProblem::TooLarge) } else { Ok(bytes) }
}

/// A reader that fails after so many bytes, wherever they are.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.inner.read(&mut buffer[..most])?;
        self.left -= count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}
