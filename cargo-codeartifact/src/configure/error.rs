//! What can go wrong with files that belong to others.

use std::{io, path::PathBuf};

use clients::settings::SettingsError;
use clients::syntax::SyntaxError;

/// A package manager could not be set up, or not be set back. No file was left half written, and those of the same run
/// that were written before stay written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigureError {
    /// The file cannot be edited for what was asked, or what was asked cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The credential program is not where it belongs.
    #[error("there is no credential helper in {}", .folder.display())]
    NoHelper {
        /// The folder of the running program.
        folder: PathBuf,
    },
    /// There is no place to keep what was written.
    #[error("there is no folder to keep what was written, for `--undo`")]
    NoStateFolder,
    /// There is no place for the names under which clients start the credential program.
    #[error("there is no folder for the links to the credential helper")]
    NoLinksFolder,
    /// The credential program did not make or remove its links.
    #[error("`{command}` failed: {reason}")]
    Links {
        /// What was run.
        command: String,
        /// What it said.
        reason: String,
    },
    /// The system said no.
    #[error("cannot {action} {}", .path.display())]
    System {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else than a file is there.
    #[error("{} is not a regular file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// No configuration file is as large.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// Links lead out of where the file belongs.
    #[error("{} leads to {}, outside the home folder", .path.display(), .target.display())]
    Escapes {
        /// The file as named.
        path: PathBuf,
        /// Where it really is.
        target: PathBuf,
    },
    /// Links lead in a circle, or through too many.
    #[error("{} is a link that leads nowhere", .path.display())]
    EndlessLinks {
        /// The file as named.
        path: PathBuf,
    },
    /// The file or folder belongs to somebody else.
    #[error("{} belongs to user {owner}, not to user {user}", .path.display())]
    OtherOwner {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who runs this.
        user: u32,
    },
    /// Everybody may put files, and links, into the folder.
    #[error("everybody may write to the folder {}", .path.display())]
    OpenFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else keeps writing the file.
    #[error("{} was changed by another program in each of {attempts} attempts", .path.display())]
    Contended {
        /// The file.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// Another run holds the lock.
    #[error("another `configure` holds {} for more than {seconds} s", .path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The journal is not one of ours.
    #[error("the journal {} cannot be used: {reason}", .path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Why, without quoting it.
        reason: String,
    },
    /// A file to be set back is no longer readable as what it was.
    #[error("cannot edit {}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SyntaxError,
    },
}

impl ConfigureError {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::NoHelper { .. } => {
                Some("install it: from a checkout, `cargo build --release --workspace` builds both programs".to_owned())
            }
            Self::NoStateFolder => Some("set `HOME`, or `XDG_STATE_HOME`".to_owned()),
            Self::NoLinksFolder => Some("set `HOME`, or `XDG_DATA_HOME`".to_owned()),
            Self::Links { command, .. } => Some(format!("run `{command}` to see more")),
            Self::System { .. } | Self::NotAFile { .. } | Self::TooLarge { .. } => None,
            Self::Escapes { target, .. } => Some(format!("edit {} yourself, or move it home", target.display())),
            Self::EndlessLinks { .. } => Some("remove the link".to_owned()),
            Self::OtherOwner { .. } => Some("run this as the user whose settings they are".to_owned()),
            Self::OpenFolder { path } => Some(format!("take that right away: `chmod o-w` on {}", path.display())),
            Self::Contended { .. } => Some("end the program that writes it, and run this again".to_owned()),
            Self::Busy { .. } => Some("wait for it, or end it".to_owned()),
            Self::Journal { .. } => Some(
                "use the version that wrote it, or move it away and take back by hand what the marks show".to_owned(),
            ),
            Self::Syntax { .. } => Some("correct the file, and run this again; it was left as it is".to_owned()),
        }
    }
}
