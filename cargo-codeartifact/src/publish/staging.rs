//! The copy that is packed, so that the working tree is never touched: not its manifests, not its lock file, not its
//! `target` folder, not its git index.
//!
//! Of a git tree the copy is a repository, too - the same commit, sharing the objects - holding the files git would
//! see, as they are now: so cargo packs the same files, and records the commit, as it would have in place. Ignored
//! files come along where a member's `include` may ask for them. Without git it is a plain copy without build folders.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use codeartifact::Host;
use tempfile::TempDir;

use super::error::PublishError;
use super::git::GitTree;
use super::manifest::Rewrite;
use super::workspace::{Workspace, folder_of};

/// A private folder with a copy of a workspace, gone when dropped.
#[derive(Debug)]
pub(super) struct Stage {
    /// Removed when dropped.
    _folder: TempDir,
    /// Held as long as the folder is in use.
    _lock: File,
    /// The private folder, links resolved, as cargo and git print it.
    top: PathBuf,
    /// The folder of the original that the copy stands for: git's top, or the nearest above all that is copied.
    base: PathBuf,
    /// The workspace's root manifest in the copy.
    manifest: PathBuf,
}

/// What the private folders' names begin with.
const PREFIX: &str = "codeartifact-publish-";
/// The file that is locked while a private folder is in use.
const LOCK: &str = "in-use";
/// The copy, below the private folder.
const COPY: &str = "source";
/// Cargo's target folder, below the private folder.
const TARGET: &str = "target";

impl Stage {
    /// Copies `workspace`. `folders` are those to copy, in the original; see [`folders`].
    pub(super) fn copy(workspace: &Workspace, folders: &[PathBuf], host: &Host) -> Result<Self, PublishError> {
        let (folder, top) = Self::private(host)?;
        let lock = Self::lock(&top)?;
        let copy = top.join(COPY);
        let tree = GitTree::holding(&workspace.root, host)?;
        let tree = tree.filter(|tree| folders.iter().all(|folder| folder.starts_with(tree.root())));
        let base = tree.as_ref().map_or_else(|| shared(folders), |tree| tree.root().to_owned());
        let copier =
            Copier { base: &base, copy: &copy, folders, skip: workspace.metadata.target_directory.as_std_path() };
        match &tree {
            Some(tree) => {
                tree.clone_bare_of_files(&copy)?;
                for folder in folders {
                    for file in tree.files(folder)? {
                        copier.any(&base.join(file))?;
                    }
                }
                for member in workspace.members() {
                    let folder = folder_of(member);
                    // A member may be ignored as a whole, too: one that is generated.
                    if may_include_ignored(folder, &workspace.root)? || !copier.at(folder).exists() {
                        copier.folder(folder)?;
                    }
                }
            }
            None => folders.iter().try_for_each(|folder| copier.folder(folder))?,
        }
        for member in workspace.members() {
            for file in [member.readme(), member.license_file()].into_iter().flatten() {
                let file = super::manifest::normal(file.as_std_path());
                if file.starts_with(&base) && file.exists() {
                    copier.any(&file)?;
                }
            }
        }
        Ok(Self { manifest: copier.at(&workspace.root).join("Cargo.toml"), _folder: folder, _lock: lock, top, base })
    }

    /// A new private folder, and its path with links resolved, as cargo and git print it.
    fn private(host: &Host) -> Result<(TempDir, PathBuf), PublishError> {
        let top =
            ["TMPDIR", "TEMP", "TMP"].iter().find_map(|name| host.var_os(name)).map_or("/tmp".into(), PathBuf::from);
        sweep(&top);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir_in(&top).map_err(PublishError::file("make a folder in", &top))?;
        let path = folder.path().canonicalize().map_err(PublishError::file("find", folder.path()))?;
        Ok((folder, path))
    }

    /// Marks the folder as in use until this value is dropped or the process ends, however it ends.
    fn lock(top: &Path) -> Result<File, PublishError> {
        let path = top.join(LOCK);
        let lock = File::create(&path).map_err(PublishError::file("create", &path))?;
        lock.lock().map_err(PublishError::file("lock", &path))?;
        Ok(lock)
    }

    /// The root manifest in the copy.
    pub(super) fn manifest(&self) -> &Path {
        &self.manifest
    }

    /// Cargo's target folder, beside the copy.
    pub(super) fn target_dir(&self) -> PathBuf {
        self.top.join(TARGET)
    }

    /// A file in the private folder, outside the copy.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }

    /// Where a path of the original is in the copy.
    fn at(&self, original: &Path) -> PathBuf {
        let below = original.strip_prefix(&self.base).expect("what is copied is below the base");
        self.top.join(COPY).join(below)
    }

    /// Rewrites the manifests in the copy: the members' and the root's.
    pub(super) fn rewrite(&self, workspace: &Workspace, rewrite: &Rewrite<'_>) -> Result<(), PublishError> {
        let mut folders: BTreeSet<&Path> = workspace.members().into_iter().map(folder_of).collect();
        folders.insert(&workspace.root);
        for folder in folders {
            let original = folder.join("Cargo.toml");
            let path = self.at(&original);
            let text = fs::read_to_string(&path).map_err(PublishError::file("read", &path))?;
            if let Some(new) = rewrite.apply(&text, folder, &original)? {
                fs::write(&path, new).map_err(PublishError::file("write", &path))?;
            }
        }
        Ok(())
    }
}

/// Removes the private folders of runs that were killed: those that nobody has locked. A folder that cannot be removed
/// stays for the system to clear, as any temporary one.
fn sweep(top: &Path) {
    for entry in fs::read_dir(top).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|found| found.is_dir() && is_mine(&found));
        // A folder without the file is not locked yet, or half removed.
        let Some(lock) = is_ours.then(|| File::open(entry.path().join(LOCK)).ok()).flatten() else { continue };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a folder is this user's: the place of temporary files is often everybody's.
#[cfg(unix)]
fn is_mine(found: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(found) == rustix::process::geteuid().as_raw()
}

/// There the place of temporary files is the user's own.
#[cfg(not(unix))]
fn is_mine(_found: &fs::Metadata) -> bool {
    true
}

/// The folders to copy: the workspace's own and those of members outside it, none below another.
pub(super) fn folders(workspace: &Workspace) -> Vec<PathBuf> {
    let mut folders: BTreeSet<PathBuf> = workspace.members().into_iter().map(|it| folder_of(it).to_owned()).collect();
    folders.insert(workspace.root.clone());
    let all: Vec<_> = folders.iter().cloned().collect();
    folders.retain(|folder| !all.iter().any(|other| other != folder && folder.starts_with(other)));
    folders.into_iter().collect()
}

/// The nearest folder above all.
fn shared(folders: &[PathBuf]) -> PathBuf {
    let first = folders.first().cloned().unwrap_or_default();
    let above = first.ancestors().find(|folder| folders.iter().all(|other| other.starts_with(folder)));
    above.map(Path::to_owned).unwrap_or(first.clone())
}

/// Whether a package lists what it packs itself: then git's view does not count, and ignored files may be in the list.
fn may_include_ignored(folder: &Path, root: &Path) -> Result<bool, PublishError> {
    let parse = |folder: &Path| -> Result<toml_edit::DocumentMut, PublishError> {
        let path = folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(PublishError::file("read", &path))?;
        text.parse().map_err(|source| PublishError::Manifest { path, source })
    };
    let package = parse(folder)?;
    let Some(include) = package.get("package").and_then(|package| package.get("include")) else { return Ok(false) };
    if include.is_array() {
        return Ok(true);
    }
    let inherited = parse(root)?;
    let package = inherited.get("workspace").and_then(|workspace| workspace.get("package"));
    Ok(package.and_then(|package| package.get("include")).is_some())
}

/// Copies below one folder to the same place below another.
struct Copier<'a> {
    base: &'a Path,
    copy: &'a Path,
    /// What is copied.
    folders: &'a [PathBuf],
    /// The build folder, which is not.
    skip: &'a Path,
}

impl Copier<'_> {
    fn at(&self, original: &Path) -> PathBuf {
        original.strip_prefix(self.base).map_or_else(|_| self.copy.to_owned(), |below| self.copy.join(below))
    }

    /// A whole folder, but for what is built, and what belongs to version control.
    fn folder(&self, folder: &Path) -> Result<(), PublishError> {
        let entries = fs::read_dir(folder).map_err(PublishError::file("read", folder))?;
        fs::create_dir_all(self.at(folder)).map_err(PublishError::file("make", self.at(folder)))?;
        for entry in entries {
            let path = entry.map_err(PublishError::file("read", folder))?.path();
            let version_control = path.file_name().is_some_and(|name| name == ".git" || name == ".hg" || name == ".jj");
            // The tag that build folders carry so that backups pass them over.
            if version_control || path == self.skip || path.join("CACHEDIR.TAG").exists() {
                continue;
            }
            self.any(&path)?;
        }
        Ok(())
    }

    /// A file, a folder or a link. What has gone since it was listed is passed over.
    fn any(&self, path: &Path) -> Result<(), PublishError> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(PublishError::File { action: "read", path: path.to_owned(), source }),
        };
        let to = self.at(path);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(PublishError::file("make", parent))?;
        }
        if found.is_symlink() {
            return self.link(path, &to);
        }
        if found.is_dir() {
            return self.folder(path);
        }
        // A pipe or a socket is nothing that could be packed, and reading one may never end.
        if !found.is_file() {
            return Ok(());
        }
        fs::copy(path, &to).map(drop).map_err(PublishError::file("copy", path))
    }

    /// A link that stays within what is copied is kept; another leads to the same place as before.
    fn link(&self, path: &Path, to: &Path) -> Result<(), PublishError> {
        let Ok(leads_to) = path.canonicalize() else { return Ok(()) };
        let target = fs::read_link(path).map_err(PublishError::file("read", path))?;
        let stays = target.is_relative() && self.folders.iter().any(|folder| leads_to.starts_with(folder));
        match make_link(if stays { &target } else { &leads_to }, to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.map_err(PublishError::file("make", to)),
        }
    }
}

#[cfg(unix)]
fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn make_link(target: &Path, link: &Path) -> io::Result<()> {
    // Links need a privilege there; what is linked to will do, and a folder is rare enough to be left to cargo's error.
    let target = link.parent().map_or_else(|| target.to_owned(), |folder| folder.join(target));
    if target.is_file() { fs::copy(target, link).map(drop) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn copies_sources_and_leaves_what_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let (from, to) = (base.join("from"), base.join("to"));
        for file in ["src/lib.rs", "deep/er/file", ".hidden", "target/x", "built/CACHEDIR.TAG", "built/y", ".git/HEAD"]
        {
            write(&from.join(file), file);
        }
        let outside = base.join("outside");
        write(&outside, "out");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("src/lib.rs", from.join("inner")).unwrap();
            std::os::unix::fs::symlink("../outside", from.join("outer")).unwrap();
            std::os::unix::fs::symlink("nowhere", from.join("dangling")).unwrap();
        }
        let folders = [from.clone()];
        let copier = Copier { base: &from, copy: &to, folders: &folders, skip: &from.join("target") };
        copier.folder(&from).unwrap();
        // A second time changes nothing: ignored files are copied over what git listed.
        copier.folder(&from).unwrap();

        assert_eq!(fs::read_to_string(to.join("deep/er/file")).unwrap(), "deep/er/file");
        assert!(to.join(".hidden").exists() && to.join("src/lib.rs").exists());
        for gone in ["target", "built", ".git", "dangling"] {
            assert!(fs::symlink_metadata(to.join(gone)).is_err(), "{gone}");
        }
        #[cfg(unix)]
        {
            assert_eq!(fs::read_link(to.join("inner")).unwrap(), Path::new("src/lib.rs"));
            assert_eq!(fs::read_to_string(to.join("outer")).unwrap(), "out");
        }
    }

    #[test]
    fn the_shared_folder_is_the_nearest_above_all() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        for (folders, above) in [(&["/a/b"][..], "/a/b"), (&["/a/b/c", "/a/b/d"], "/a/b"), (&["/a/bc", "/a/b"], "/a")] {
            assert_eq!(shared(&paths(folders)), Path::new(above));
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let top = tempfile::tempdir().unwrap();
        let variables = [("TMPDIR", top.path().to_str().unwrap())];
        let host = Host::for_test(&[], &variables, "/", std::time::SystemTime::UNIX_EPOCH);
        let (folder, path) = Stage::private(&host).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_run_left_is_removed_and_what_is_in_use_is_not() {
        let top = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = top.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let left = folder("codeartifact-publish-left");
        drop(Stage::lock(&left).unwrap());
        let used = folder("codeartifact-publish-used");
        let lock = Stage::lock(&used).unwrap();
        let (new, other) = (folder("codeartifact-publish-new"), folder("other"));
        sweep(top.path());
        assert_eq!([&left, &used, &new, &other].map(|path| path.exists()), [false, true, true, true]);
        drop(lock);
    }
}
