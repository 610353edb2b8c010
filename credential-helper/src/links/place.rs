//! Links in a folder: what is there, making one, removing one. Nothing that is not ours is ever changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::journal::{Kind, Link, digest};

/// What is where a link is to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A link to the program.
    InPlace,
    /// A link of ours that leads elsewhere, or nowhere: the program has moved, or is another version.
    Stale,
    /// Something of somebody else's.
    Foreign,
}

/// What is at `path`, where a link like `wanted` is to be and the journal has `known`.
pub(super) fn look(path: &Path, wanted: &Kind, known: Option<&Link>) -> io::Result<Found> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let is_ours = known.is_some_and(|link| is(path, &found, &link.kind));
    Ok(match () {
        () if leads_to(path, &found, wanted) => Found::InPlace,
        () if is_ours => Found::Stale,
        () => Found::Foreign,
    })
}

/// Whether what is at a link's path is that link still: else it is somebody else's by now.
pub(super) fn is_still(link: &Link) -> io::Result<Option<bool>> {
    match fs::symlink_metadata(&link.path) {
        Ok(found) => Ok(Some(is(&link.path, &found, &link.kind))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a link of ours can be started.
pub(super) fn is_sound(link: &Link) -> bool {
    link.path.metadata().is_ok_and(|found| found.is_file())
}

fn is(path: &Path, found: &fs::Metadata, kind: &Kind) -> bool {
    match kind {
        Kind::Symbolic(target) => found.is_symlink() && fs::read_link(path).is_ok_and(|leads| leads == *target),
        Kind::Copy(sha256) => found.is_file() && digest(path).is_ok_and(|of| of == *sha256),
    }
}

/// Whether what is there is as good as what is wanted: a link that somebody made by hand counts too.
fn leads_to(path: &Path, found: &fs::Metadata, wanted: &Kind) -> bool {
    match wanted {
        Kind::Symbolic(target) => {
            let same = || Some(path.canonicalize().ok()? == target.canonicalize().ok()?);
            found.is_symlink() && same().unwrap_or(false)
        }
        Kind::Copy(_) => is(path, found, wanted),
    }
}

/// Makes a link where nothing is; whatever came there in the meantime stays, and is an error.
pub(super) fn make(link: &Link, program: &Path) -> io::Result<()> {
    match &link.kind {
        Kind::Symbolic(target) => symlink(target, &link.path),
        Kind::Copy(_) => copy(program, &link.path),
    }
}

/// Replaces a link of ours: there is always one of the two.
pub(super) fn repair(link: &Link, program: &Path) -> io::Result<()> {
    let name = link.path.file_name().unwrap_or_default().to_string_lossy();
    let beside = link.path.with_file_name(format!(".{name}.{}-new", std::process::id()));
    // A process of the same number may have been killed here.
    let _ = fs::remove_file(&beside);
    make(&Link { path: beside.clone(), kind: link.kind.clone() }, program)?;
    let result = fs::rename(&beside, &link.path);
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result
}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    copy(target, path)
}

/// A second name where the file systems allow it, else a copy.
fn copy(program: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(program, path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => {
            let mut from = fs::File::open(program)?;
            let mut to = fs::File::options().write(true).create_new(true).open(path)?;
            io::copy(&mut from, &mut to)?;
            to.sync_all()?;
            fs::set_permissions(path, from.metadata()?.permissions())
        }
    }
}

/// The folder cannot be used for links.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    /// It cannot be made or looked at.
    #[error("cannot use the folder {}", .path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may put something into it, which package managers would start.
    #[error("the folder {} {reason}; choose another with --dir", .path.display())]
    Shared {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        reason: String,
    },
}

/// Makes a folder for links and says which folders were made, the outer ones first; or checks that one that is there is
/// the user's own, and nobody else's to change.
pub(super) fn ensure_folder(path: &Path) -> Result<Vec<PathBuf>, PlaceError> {
    let unusable = |source| PlaceError::Unusable { path: path.to_owned(), source };
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| folder.symlink_metadata().is_err()).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(unusable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let found = path.metadata().map_err(unusable)?;
        let shared = |reason: String| Err(PlaceError::Shared { path: path.to_owned(), reason });
        if found.uid() != rustix::process::geteuid().as_raw() {
            return shared("belongs to another user".to_owned());
        }
        let mode = found.mode() & 0o7777;
        if mode & 0o022 != 0 {
            return shared(format!("can be changed by others (mode {mode:o})"));
        }
    }
    Ok(missing.into_iter().rev().map(Path::to_owned).collect())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_not_in_the_journal_is_not_ours() {
        let root = tempfile::tempdir().unwrap();
        let (program, path) = (root.path().join("program"), root.path().join("keyring"));
        fs::write(&program, "").unwrap();
        let wanted = Kind::Symbolic(program.clone());
        let known = |target: &str| Link { path: path.clone(), kind: Kind::Symbolic(target.into()) };
        assert_eq!(look(&path, &wanted, None).unwrap(), Found::Nothing);
        symlink("/gone", &path).unwrap();
        assert_eq!(look(&path, &wanted, None).unwrap(), Found::Foreign);
        assert_eq!(look(&path, &wanted, Some(&known("/other"))).unwrap(), Found::Foreign);
        assert_eq!(look(&path, &wanted, Some(&known("/gone"))).unwrap(), Found::Stale);
        repair(&known(program.to_str().unwrap()), &program).unwrap();
        assert_eq!(look(&path, &wanted, None).unwrap(), Found::InPlace, "whoever made it");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert_eq!(look(&path, &wanted, Some(&known("/gone"))).unwrap(), Found::Foreign);
        assert!(make(&known("/x"), &program).is_err(), "nothing is replaced");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }

    #[test]
    fn copies_are_told_by_what_is_in_them() {
        let root = tempfile::tempdir().unwrap();
        let (program, path) = (root.path().join("program"), root.path().join("keyring"));
        fs::write(&program, "v1").unwrap();
        let link = Link { path: path.clone(), kind: Kind::Copy(digest(&program).unwrap()) };
        make(&link, &program).unwrap();
        assert_eq!(look(&path, &link.kind, None).unwrap(), Found::InPlace);
        assert_eq!(is_still(&link).unwrap(), Some(true));
        // An upgrade replaces the program's file and leaves the second name with the old one.
        fs::remove_file(&program).unwrap();
        fs::write(&program, "v2").unwrap();
        let newer = Link { path: path.clone(), kind: Kind::Copy(digest(&program).unwrap()) };
        assert_eq!(look(&path, &newer.kind, Some(&link)).unwrap(), Found::Stale);
        repair(&newer, &program).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"v2");
        assert_eq!(is_still(&link).unwrap(), Some(false));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "nothing is left beside it");
    }

    #[test]
    fn a_folder_that_others_may_change_takes_no_links() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        assert_eq!(ensure_folder(&folder).unwrap(), [root.path().join("a"), folder.clone()]);
        assert!(ensure_folder(&folder).unwrap().is_empty());
        for mode in [0o777, 0o775, 0o1777] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(ensure_folder(&folder), Err(PlaceError::Shared { .. })), "{mode:o}");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(ensure_folder(&folder).is_ok());
        assert!(ensure_folder(&root.path().join("a/b/../c")).is_ok());
        fs::write(root.path().join("file"), "").unwrap();
        assert!(matches!(ensure_folder(&root.path().join("file")), Err(PlaceError::Unusable { .. })));
    }
}
