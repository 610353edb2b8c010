//! What is found.

use std::{fmt, path::PathBuf};

use crate::configure::SeenLine;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Something does not work.
    Error,
    /// Something will not work, or is a risk.
    Warning,
    /// Something could be better. It counts for no exit code.
    Advice,
}

impl Severity {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Its stable name, one of `codes`.
    pub(super) code: &'static str,
    /// The client, or what else it is about: `identity`, `service`, `stores`, `helper`, `journal`, `shell`.
    pub(super) about: String,
    /// What it is, in a phrase.
    pub(super) message: String,
    /// Where.
    pub(super) place: Option<Place>,
    /// What to do about it.
    pub(super) fix: String,
    /// How `--fix` does it, where that is safe.
    pub(super) mend: Option<Mend>,
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A file or folder.
    File(PathBuf, Option<usize>),
    /// A variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, Some(line)) => write!(f, "{}:{line}", path.display()),
            Self::File(path, None) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "${name}"),
        }
    }
}

/// A safe remedy: nothing that could be missed is lost by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mend {
    /// Takes group and others the rights on a file.
    Tighten(PathBuf),
    /// Leads a link of ours to the program where it is now.
    Relink { folder: PathBuf, name: String },
    /// Forgets in our journal what is in no file any more.
    ForgetGone,
    /// Removes a line of `.npmrc` whose CodeArtifact token has ended. It is kept nowhere: it was a secret, and is of no use.
    RemoveEnded { path: PathBuf, line: SeenLine },
}

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tighten(path) => write!(f, "make {} readable by you alone (mode 0600)", path.display()),
            Self::Relink { folder, name } => write!(f, "lead {} to the credential helper", folder.join(name).display()),
            Self::ForgetGone => f.write_str("forget in the journal what is in no file any more"),
            Self::RemoveEnded { path, line } => {
                write!(f, "remove line {} of {}, a token that has ended", line.number, path.display())
            }
        }
    }
}
