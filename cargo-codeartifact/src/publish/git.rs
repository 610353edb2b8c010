//! What git knows of a tree, asked of the program and never written: `--no-optional-locks` keeps even `git status`
//! from refreshing the index.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codeartifact::Host;

use super::error::PublishError;

/// A git work tree.
#[derive(Debug, Clone)]
pub(super) struct GitTree {
    root: PathBuf,
    variables: Vec<(OsString, OsString)>,
}

impl GitTree {
    /// The work tree that holds `folder`; `None` where there is none.
    ///
    /// A folder that its repository ignores is no part of it: a home folder kept in git does not make every project
    /// below it one.
    pub(super) fn holding(folder: &Path, host: &Host) -> Result<Option<Self>, PublishError> {
        let variables = host
            .vars()
            // Inside a hook these point at the repository of the hook, whatever folder is asked about.
            .filter(|(name, _)| !matches!(name.to_str(), Some("GIT_DIR" | "GIT_WORK_TREE" | "GIT_INDEX_FILE")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut tree = Self { root: folder.to_owned(), variables };
        // Without a repository no git is needed.
        if !folder.ancestors().any(|folder| folder.join(".git").exists()) {
            return Ok(None);
        }
        // Where there is one, git's own words say why it will not look at it, such as another owner's.
        let root = tree.output(["rev-parse", "--show-toplevel"].map(OsStr::new))?;
        let root = path_of(root.strip_suffix(b"\n").unwrap_or(&root));
        let ignored = tree.command(["check-ignore", "--quiet", "."]).status();
        if ignored.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        tree.root = root.canonicalize().map_err(PublishError::file("find", folder))?;
        Ok(Some(tree))
    }

    /// The top folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Paths, at or below those given, that are changed, staged, or new and not ignored.
    pub(super) fn changes(&self, scope: &[PathBuf]) -> Result<Vec<String>, PublishError> {
        let args =
            ["--literal-pathspecs", "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--"];
        let text = self.output(args.iter().map(OsStr::new).chain(scope.iter().map(|path| path.as_os_str())))?;
        let entries = text.split(|byte| *byte == 0).filter(|entry| entry.len() > 3);
        Ok(entries.map(|entry| String::from_utf8_lossy(&entry[3..]).into_owned()).collect())
    }

    /// Files below `folder` that are tracked, or new and not ignored, relative to the top folder. Deleted ones, too.
    pub(super) fn files(&self, folder: &Path) -> Result<Vec<PathBuf>, PublishError> {
        let args = [
            "--literal-pathspecs",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
            "--full-name",
            "--",
        ];
        let text = self.output(args.iter().map(OsStr::new).chain([folder.as_os_str()]))?;
        let mut files: Vec<_> = text.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(path_of).collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The commit checked out, in full; `None` before the first.
    pub(super) fn head(&self) -> Result<Option<String>, PublishError> {
        self.try_line(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
    }

    /// Whether the history is cut, as CI systems check out by default.
    pub(super) fn is_shallow(&self) -> Result<bool, PublishError> {
        Ok(self.try_line(["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true"))
    }

    /// The tags on a commit.
    pub(super) fn tags_at(&self, commit: &str) -> Result<Vec<String>, PublishError> {
        let text = self.output(["tag", "--points-at", commit].map(OsStr::new))?;
        Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
    }

    /// The nearest tag behind `HEAD` that looks like a version and is none of `besides`: the one with the fewest
    /// commits since.
    pub(super) fn nearest_tag(&self, besides: &[String]) -> Result<Option<String>, PublishError> {
        let mut args: Vec<OsString> =
            ["describe", "--tags", "--abbrev=0", "--match=v[0-9]*", "--match=[0-9]*"].map(OsString::from).into();
        // A pattern, so what a tag may hold of its signs is escaped.
        let exclude = |tag: &String| format!("--exclude={}", tag.replace('\\', "\\\\").replace('*', "\\*"));
        args.extend(besides.iter().map(exclude).map(OsString::from));
        args.push("HEAD".into());
        self.try_line(args)
    }

    /// The commit a tag names.
    pub(super) fn commit_of_tag(&self, tag: &str) -> Result<Option<String>, PublishError> {
        self.try_line(["rev-parse", "--verify", "--quiet", &format!("refs/tags/{tag}^{{commit}}")])
    }

    /// Commits in `HEAD` that are not in `since`; all of them without one.
    pub(super) fn distance(&self, since: Option<&str>) -> Result<u64, PublishError> {
        let range = since.map_or_else(|| "HEAD".to_owned(), |commit| format!("{commit}..HEAD"));
        let text = self.output(["rev-list", "--count", &range].map(OsStr::new))?;
        String::from_utf8_lossy(&text).trim().parse().map_err(|_| PublishError::GitFailed {
            operation: "rev-list".into(),
            output: String::from_utf8_lossy(&text).into(),
        })
    }

    /// A second repository at `copy` with the same history and index, sharing the objects, without any file checked
    /// out and without running anything a repository or a user has set up to run.
    pub(super) fn clone_bare_of_files(&self, copy: &Path) -> Result<(), PublishError> {
        let args = ["clone", "--quiet", "--shared", "--no-checkout", "--no-tags", "--template=", "--"];
        self.output(args.iter().map(OsStr::new).chain([self.root.as_os_str(), copy.as_os_str()]))?;
        let there = Self { root: copy.to_owned(), variables: self.variables.clone() };
        if there.head()?.is_some() {
            there.output(["read-tree", "HEAD"].map(OsStr::new))?;
        }
        Ok(())
    }

    fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Command {
        let mut command = Command::new("git");
        command
            .args(["--no-optional-locks", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
            .args(args);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("LC_ALL", "C").current_dir(&self.root).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The answer, which has to come.
    fn output<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Result<Vec<u8>, PublishError> {
        let mut command = self.command(args);
        let words = command.get_args().skip(5).map(OsStr::to_string_lossy);
        let operation = words.into_iter().find(|word| !word.starts_with('-')).unwrap_or_default().into_owned();
        let output = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .map_err(|source| PublishError::NotStarted { program: "git".into(), source })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(PublishError::GitFailed { operation, output: String::from_utf8_lossy(&output.stderr).into_owned() })
    }

    /// One line, or `None` where git says no.
    fn try_line<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Result<Option<String>, PublishError> {
        let output = self
            .command(args)
            .stdout(Stdio::piped())
            .output()
            .map_err(|source| PublishError::NotStarted { program: "git".into(), source })?;
        let line = String::from_utf8_lossy(&output.stdout).trim_end_matches(['\n', '\r']).to_owned();
        Ok((output.status.success() && !line.is_empty()).then_some(line))
    }
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
