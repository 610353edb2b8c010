//! Why a publish stopped.

use std::fmt;
use std::path::PathBuf;

use codeartifact::control_plane::{ControlPlaneError, PackageVersionStatus};
use codeartifact::{AuthorizeError, EndpointError};

use super::archive::{ArchiveError, Difference};

/// Who can do something about a failure; the program edge makes its exit code of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureClass {
    /// The request is not possible as it stands: a conflict, a faulty file, a dirty tree.
    User,
    /// No AWS identity, or a token that is not accepted.
    Identity,
    /// A policy says no.
    Denied,
    /// The service, or the way to it.
    Service,
    /// A defect of this program or of the machine under it.
    Internal,
}

/// A publish stopped. Before the first upload everything has been checked, so that what is refused leaves nothing
/// half done; versions already uploaded stay, and the next run finds them and goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("no Cargo.toml at `{}`", path.display())]
    NoManifest { path: PathBuf },
    #[error("cannot start `{program}`")]
    NotStarted { program: String, source: std::io::Error },
    #[error("`{command}` failed ({status}){}", Quoted(.output))]
    CargoFailed { command: &'static str, status: std::process::ExitStatus, output: String },
    #[error("`{command}` said something unexpected")]
    CargoUnreadable { command: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("cargo {found} cannot pack a workspace whose members depend on each other: it takes {needed} or later")]
    CargoTooOld { found: String, needed: String },
    #[error("`git {operation}` failed{}", Quoted(.output))]
    GitFailed { operation: String, output: String },
    #[error("`{}` is not in a git repository with a commit, so there is no version to take from it", path.display())]
    NoHistory { path: PathBuf },
    #[error("the history of `{}` is cut short: the distance to the last version tag cannot be counted", path.display())]
    ShallowHistory { path: PathBuf },
    #[error("`{}` has changes that are not committed: {}", path.display(), Few(.files))]
    Dirty { path: PathBuf, files: Vec<String> },
    #[error("`{text}` is not a version")]
    InvalidVersion { text: String, source: semver::Error },
    #[error("nothing to publish at `{}`{}", path.display(), Reasons(.skipped))]
    NothingToPublish { path: PathBuf, skipped: Vec<(String, String)> },
    #[error("`{krate}` depends on `{dependency}`, which is not published: {reason}")]
    DependsOnUnpublished { krate: String, dependency: String, reason: String },
    #[error(
        "cargo took a crate named `{dependency}` from a registry for the one of this workspace that `{krate}` needs"
    )]
    StrangersCrate { krate: String, dependency: String },
    #[error("the crates {} depend on each other in a circle", Few(.crates))]
    Circle { crates: Vec<String> },
    #[error("two packages named `{name}` are to be published: {} and {}", first.display(), second.display())]
    SameName { name: String, first: PathBuf, second: PathBuf },
    #[error("cannot read `{}`", path.display())]
    Manifest { path: PathBuf, source: toml_edit::TomlError },
    #[error("cannot read what cargo packed as `{krate}`")]
    PackedManifest { krate: String, source: clients::cargo::publish::PackedManifestError },
    #[error("cannot read the {which} archive of `{krate}` {version}")]
    Archive { krate: String, version: String, which: &'static str, source: Box<ArchiveError> },
    #[error(
        "`{krate}` {version} is already published with other content: stored SHA-256 {stored}, packed now SHA-256 \
         {packed}{}", Differing(.differences)
    )]
    DifferentContent { krate: String, version: String, stored: String, packed: String, differences: Vec<Difference> },
    #[error("`{krate}` {version} is in the repository with status {}: it is neither reused nor replaced", Status(.status))]
    NotReusable { krate: String, version: String, status: PackageVersionStatus },
    #[error("`{krate}` {version} is in the repository, but holds no .crate file")]
    NoCrateFile { krate: String, version: String },
    #[error("`{krate}` {version} packs to {size} bytes, more than the {limit} bytes an upload can hold")]
    TooLarge { krate: String, version: String, size: u64, limit: u64 },
    #[error("the service named `{url}` as the repository's endpoint, which is not one a token may go to")]
    ForeignEndpoint { url: String },
    #[error("the repository refused `{krate}` {version} with status {status}{}", Quoted(.detail))]
    Refused { krate: String, version: String, status: u16, detail: String },
    #[error("reading the index of `{krate}` failed with status {status}{}", Quoted(.detail))]
    IndexRefused { krate: String, status: u16, detail: String },
    #[error("cannot reach `{url}`")]
    Unreachable { url: String, source: ureq::Error },
    #[error("`{krate}` {version} was accepted, but did not show in the index within {seconds} seconds")]
    NotVisible { krate: String, version: String, seconds: u64 },
    #[error("`{krate}` {version} shows in the index with SHA-256 {shown}, but SHA-256 {sent} was sent")]
    OtherDigest { krate: String, version: String, shown: String, sent: String },
    #[error("cannot {action} `{}`", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the proxy or certificate setting {name} cannot be used")]
    Connection { name: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error(transparent)]
    Authorize(#[from] AuthorizeError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

impl PublishError {
    /// Makes an error of a failed access to a file; for `map_err`.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| PublishError::File { action, path, source }
    }

    /// Who can do something about it. The transparent variants have kinds of their own; see
    /// [`ControlPlaneError::kind`].
    pub(crate) fn class(&self) -> FailureClass {
        match self {
            PublishError::Refused { status, .. } | PublishError::IndexRefused { status, .. } => match status {
                401 => FailureClass::Identity,
                403 => FailureClass::Denied,
                400..=499 => FailureClass::User,
                _ => FailureClass::Service,
            },
            PublishError::Unreachable { .. }
            | PublishError::NotVisible { .. }
            | PublishError::OtherDigest { .. }
            | PublishError::ForeignEndpoint { .. }
            | PublishError::ControlPlane(_)
            | PublishError::NoCrateFile { .. }
            | PublishError::Endpoint(_) => FailureClass::Service,
            PublishError::Authorize(_) => FailureClass::Identity,
            PublishError::CargoUnreadable { .. } | PublishError::PackedManifest { .. } => FailureClass::Internal,
            PublishError::NoManifest { .. }
            | PublishError::NotStarted { .. }
            | PublishError::CargoFailed { .. }
            | PublishError::CargoTooOld { .. }
            | PublishError::GitFailed { .. }
            | PublishError::NoHistory { .. }
            | PublishError::ShallowHistory { .. }
            | PublishError::Dirty { .. }
            | PublishError::InvalidVersion { .. }
            | PublishError::NothingToPublish { .. }
            | PublishError::DependsOnUnpublished { .. }
            | PublishError::StrangersCrate { .. }
            | PublishError::Circle { .. }
            | PublishError::SameName { .. }
            | PublishError::Manifest { .. }
            | PublishError::Archive { .. }
            | PublishError::DifferentContent { .. }
            | PublishError::NotReusable { .. }
            | PublishError::TooLarge { .. }
            | PublishError::File { .. }
            | PublishError::Connection { .. } => FailureClass::User,
        }
    }

    /// What to do next, where that can be said.
    pub(crate) fn hints(&self) -> Vec<String> {
        let hint = match self {
            PublishError::NoManifest { .. } => "name the folder of a package or workspace: `publish PATH`",
            PublishError::CargoTooOld { .. } => "update the toolchain, for example with `rustup update`",
            PublishError::NotStarted { program, .. } if program == "git" => {
                "the folder is in a git repository, and git says what has changed there: install it"
            }
            PublishError::NoHistory { .. } => "give the version: `publish --version V`",
            PublishError::ShallowHistory { .. } => {
                "fetch the rest with `git fetch --unshallow --tags`, or give the version: `publish --version V`"
            }
            PublishError::Dirty { .. } => "commit or stash them, or publish what is there with `--allow-dirty`",
            PublishError::InvalidVersion { .. } => "a version is MAJOR.MINOR.PATCH, such as 1.4.0 or 1.4.0-rc.1",
            PublishError::DependsOnUnpublished { .. } => {
                "make the dependency publishable, or a development dependency without a version"
            }
            PublishError::StrangersCrate { .. } => {
                "its requirement does not fit the version in the workspace: write the one that does"
            }
            PublishError::Circle { .. } => {
                "a development dependency within the workspace needs no version: with `path` alone it is left out of \
                 what is published"
            }
            PublishError::DifferentContent { .. } => {
                "a version once published never changes: publish under a new version (in the manifest, with \
                 `--version V` or `--version-from git`)"
            }
            PublishError::NotReusable { .. } => "publish under a new version",
            PublishError::NotVisible { .. } | PublishError::Unreachable { .. } => {
                "run the same command again: what is there is found and skipped"
            }
            PublishError::Refused { status: 401, .. } => "forget the token and fetch another with `logout`, then again",
            PublishError::Refused { status: 403, .. } => {
                "publishing takes codeartifact:PublishPackageVersion on the package and \
                 codeartifact:ReadFromRepository on the repository"
            }
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

/// Foreign text after a colon, or nothing; control characters escaped, cut to what a reader reads.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.trim();
        if text.is_empty() { Ok(()) } else { write!(f, ": {}", escaped(text)) }
    }
}

/// Foreign text made safe for a terminal: control characters but line ends escaped, at most 4,000 characters.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars().take(4000) {
        if character == '\t' {
            safe.push_str("    ");
        } else if character == '\n' || !character.is_control() {
            safe.push(character);
        } else {
            safe.extend(character.escape_default());
        }
    }
    safe
}

/// The first few of a list.
struct Few<'a>(&'a [String]);

impl fmt::Display for Few<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (index, item) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}`{}`", if index == 0 { "" } else { ", " }, escaped(item))?;
        }
        match self.0.len().checked_sub(SHOWN) {
            Some(more @ 1..) => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

struct Reasons<'a>(&'a [(String, String)]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, (name, reason))| {
            write!(f, "{}`{name}` is left out ({reason})", if index == 0 { ": " } else { ", " })
        })
    }
}

struct Differing<'a>(&'a [Difference]);

impl fmt::Display for Differing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (index, difference) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{difference}", if index == 0 { "; " } else { ", " })?;
        }
        match self.0.len().checked_sub(SHOWN) {
            Some(more @ 1..) => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

struct Status<'a>(&'a PackageVersionStatus);

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            PackageVersionStatus::Published => "Published",
            PackageVersionStatus::Unfinished => "Unfinished",
            PackageVersionStatus::Unlisted => "Unlisted",
            PackageVersionStatus::Archived => "Archived",
            PackageVersionStatus::Disposed => "Disposed",
            PackageVersionStatus::Deleted => "Deleted",
        })
    }
}
