//! Files: from a client's own configuration to the edits that set it up for a repository, and back.
//!
//! Everything is a function from text to text. Who calls it reads the files, shows the edits, writes them, and keeps
//! the [`Change`]s, which is what taking them back needs.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use codeartifact::{Endpoint, Region};
use serde::{Deserialize, Serialize};

use crate::protocol::shown;
use crate::syntax::{Change, Syntax, SyntaxError, whole};

mod diff;
mod draft;

pub(crate) use draft::{Draft, holds_secret};

/// How a client is set up.
pub trait Settings: Sync {
    /// What the client can be asked for beyond a repository.
    fn choices(&self) -> Choices;

    /// How the folder of a project is told from its parents and children.
    fn project_marker(&self) -> ProjectMarker;

    /// Files by which a folder shows that it uses this client: those of the marker, unless other clients have them too.
    fn project_signs(&self) -> &'static [&'static str] {
        self.project_marker().files
    }

    /// The files that setting up for `goal` edits, in the order in which they are to be written.
    ///
    /// # Errors
    /// There is no place for them, such as no home folder.
    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError>;

    /// The edit that one of those files needs, from its text (`None`: it is not there).
    ///
    /// A text that is right already gives an edit without changes; so does the text an edit leaves behind.
    ///
    /// # Errors
    /// The file cannot be edited, or it uses a name for something else.
    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError>;

    /// The name by which the client will know the repository, where it knows it by one.
    ///
    /// # Errors
    /// The name asked for, or the repository's, is not one the client accepts.
    fn repository_name(&self, _goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        Ok(None)
    }

    /// The names under which the client starts the credential program, such as `keyring`. They have to be in
    /// [`Goal::links`]; a project's files do not need them.
    fn links(&self, _goal: &Goal<'_>) -> Vec<String> {
        Vec::new()
    }
}

/// What a client can be asked for beyond a repository. Whatever is not among them is refused before anything is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// Where its settings can be written, the usual one first.
    pub levels: &'static [Level],
    /// What the repository can be to it, the usual one first; never empty.
    pub roles: &'static [Role],
    /// Whether it knows a repository by a name of the user's choice.
    pub name: bool,
    /// What it calls the part of its packages that a repository can be for, such as `scope`; `None` where a repository is
    /// for all.
    pub scope: Option<&'static str>,
}

/// What a repository is to a client, beside its other sources of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It is known by a name, and used where somebody names it.
    Named,
    /// It takes the place of the client's default source.
    Default,
    /// It is asked beside the default source. Where the client takes the highest version of all sources, a stranger's
    /// package of the same name can win.
    Extra,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "named",
            Self::Default => "default",
            Self::Extra => "extra",
        })
    }
}

/// For whom a client is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// For everything the user does on this machine.
    User,
    /// For a project, in a file that is committed with it and so holds nothing about this machine.
    Project,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::User => "user",
            Level::Project => "project",
        })
    }
}

/// What a client is to be set up for.
#[derive(Debug, Clone)]
pub struct Goal<'a> {
    /// For whom.
    pub level: Level,
    /// The repository, in the client's format.
    pub endpoint: &'a Endpoint,
    /// The name the user chose for it, where the client knows it by one.
    pub name: Option<&'a str>,
    /// What it is to the client.
    pub role: Role,
    /// The parts of the client's packages it is for, as the client writes them (`@my-org`); all where there is none.
    pub scopes: &'a [String],
    /// The Region in which a token for it is asked for.
    pub region: &'a Region,
    /// The credential program's file, absolute.
    pub helper: &'a Path,
    /// The folder of the names under which clients start it, absolute.
    pub links: &'a Path,
}

impl Goal<'_> {
    /// The domain as a link's name has it after its prefix, for a client that says nothing when it asks:
    /// `DOMAIN-OWNER.REGION`.
    pub fn domain_link(&self, prefix: &str) -> String {
        format!("{prefix}{}-{}.{}", self.endpoint.domain(), self.endpoint.owner(), self.region)
    }

    /// A link's file, as text that a settings file can hold.
    ///
    /// # Errors
    /// [`SettingsError::Path`]: the folder's name is not UTF-8.
    pub fn link_path(&self, name: &str) -> Result<String, SettingsError> {
        let path = self.links.join(name);
        path.to_str().map(str::to_owned).ok_or(SettingsError::Path { path })
    }
}

/// Where files can be.
pub struct Places<'a> {
    /// The user's home folder.
    pub home: Option<&'a Path>,
    /// The project's folder.
    pub project: &'a Path,
    /// A variable of the environment, set and not empty.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// How the folder of a project is found: upwards from where one stands.
#[derive(Debug, Clone, Copy)]
pub struct ProjectMarker {
    /// Files of which every project has one.
    pub files: &'static [&'static str],
    /// Whether a file, by its name and text, belongs to the project's outermost folder. Without such a folder the nearest
    /// that has one of the files counts.
    pub is_outermost: fn(&str, &str) -> bool,
}

/// A file a client reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    /// Where it may be: the client reads the first that exists, and the last is the one to be made.
    pub candidates: Vec<PathBuf>,
    /// Whose it is.
    pub level: Level,
    /// The folder that links within the way to the file may not lead out of.
    pub anchor: PathBuf,
}

impl SettingsFile {
    /// A project's file, in its folder.
    pub(crate) fn of_project(places: &Places<'_>, name: &str) -> Self {
        let candidates = vec![places.project.join(name)];
        Self { candidates, level: Level::Project, anchor: places.project.to_path_buf() }
    }
}

/// What a file is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub path: PathBuf,
    /// Its text now; `None` where it is not there.
    pub before: Option<String>,
    /// Its text then; empty where it is to go.
    pub after: String,
    /// Why, in a phrase.
    pub why: String,
    /// Whose file it is: a new one of the user's is readable by the user alone, one of a project's by everybody.
    pub level: Level,
    /// How it is written.
    pub syntax: Syntax,
    /// What is changed; empty where all is right.
    pub changes: Vec<Change>,
    /// What has to be there and is already. Where an earlier run wrote it, this run relies on it too.
    pub present: Vec<Change>,
    /// What the user should know.
    pub findings: Vec<Finding>,
}

impl Edit {
    /// The edit that makes a file of ours, as a whole: a script in the client's own language. An earlier text of ours, told
    /// by [`MARK`](crate::syntax::whole::MARK), is replaced.
    ///
    /// # Errors
    /// [`SettingsError::Foreign`]: there is a file of that name, and it is not ours.
    pub fn whole(file: &SettingsFile, text: Option<&[u8]>, ours: &str, why: &str) -> Result<Self, SettingsError> {
        let path = file.candidates.last().cloned().unwrap_or_default();
        let planned = whole::set(text, ours).map_err(|_foreign| SettingsError::Foreign { path: path.clone() })?;
        let (changes, present) = match planned {
            whole::Planned::Change(change) => (vec![change], Vec::new()),
            whole::Planned::Present(change) => (Vec::new(), vec![change]),
        };
        Ok(Self {
            path,
            before: text.map(|text| String::from_utf8_lossy(text).into_owned()),
            after: ours.to_owned(),
            why: why.to_owned(),
            level: file.level,
            syntax: Syntax::Whole,
            changes,
            present,
            findings: Vec::new(),
        })
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.before.as_deref().unwrap_or_default() == self.after
    }

    /// The changed lines, `- ` before and `+ ` after, each as it may be shown: values of secret-bearing keys are
    /// masked, control characters escaped.
    pub fn diff(&self) -> String {
        diff::lines(self.before.as_deref().unwrap_or_default(), &self.after)
    }
}

/// Something the user should know that is not an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its stable name.
    pub code: &'static str,
    /// What it is, in a phrase.
    pub message: String,
    /// The file it is about.
    pub path: Option<PathBuf>,
    /// The line in it, from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A file that cannot be edited for a goal, or a goal that cannot be.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    /// The file is not what it should be.
    #[error("cannot edit {}", shown_path(path))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        source: SyntaxError,
    },
    /// The name stands for something else.
    #[error("{}:{line}: {what} `{name}` is in use for `{url}`", shown_path(path))]
    NameInUse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is named: `registry`.
        what: &'static str,
        /// The name.
        name: String,
        /// What it stands for, as it may be shown.
        url: String,
    },
    /// The name is none the client accepts.
    #[error("`{name}` cannot be the name of a registry: {rule}")]
    Name {
        /// The name, as it may be shown.
        name: String,
        /// The rule, in words.
        rule: &'static str,
    },
    /// A file of that name is there, and not from us.
    #[error("{} is not from `configure`", shown_path(path))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A part of packages, named as the client does not name it.
    #[error("`{scope}` is no {what}: {rule}")]
    Scope {
        /// The text, as it may be shown.
        scope: String,
        /// What it should be, such as `scope`.
        what: &'static str,
        /// The rule, in words.
        rule: &'static str,
    },
    /// What would have to be replaced looks like a secret, which is not kept for taking it back.
    #[error("{}:{line}: `{key}` holds what looks like a secret", shown_path(path))]
    SecretInTheWay {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The way to the value.
        key: String,
    },
    /// Nobody's home: a user-level file has no place.
    #[error("there is no home folder for the user-level settings of {client}")]
    NoHome {
        /// The client.
        client: &'static str,
    },
    /// A path that a text file cannot hold.
    #[error("the path {} is not UTF-8", shown_path(path))]
    Path {
        /// The path.
        path: PathBuf,
    },
}

impl SettingsError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax { source: SyntaxError::NoRoom { .. }, .. } => {
                Some("write that table under a `[header]` of its own, and run this again".to_owned())
            }
            Self::Syntax { source: SyntaxError::OtherEncoding { .. }, .. } => {
                Some("save the file as UTF-8, and run this again; it was left as it is".to_owned())
            }
            Self::Syntax { .. } => Some("correct the file, and run this again; it was left as it is".to_owned()),
            Self::NameInUse { .. } => Some("choose another name with `--registry NAME`, or remove that one".to_owned()),
            Self::Name { .. } => Some("choose a name with `--registry NAME`".to_owned()),
            Self::Foreign { path } => Some(format!("move {} away, and run this again", shown_path(path))),
            Self::SecretInTheWay { .. } => Some("remove the value by hand, and run this again".to_owned()),
            Self::NoHome { .. } => Some("set `HOME`".to_owned()),
            Self::Path { .. } | Self::Scope { .. } => None,
        }
    }
}

fn shown_path(path: &Path) -> String {
    shown(&path.display().to_string(), 500)
}

/// Whether a text holds what looks like a secret: a long word without the shape of a path, a URL or a name.
pub(crate) fn looks_secret(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | '-' | '.' | '~'))).any(|word| {
        word.len() >= 32
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !word.contains(".codeartifact.")
    })
}

/// A URL without its user part, which may hold a password.
pub(crate) fn without_user(url: &str) -> String {
    match url_parts(url) {
        Some((scheme, _, rest)) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}

/// A URL's scheme, user part, and what follows that.
fn url_parts(url: &str) -> Option<(&str, Option<&str>, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(match rest[..authority].rfind('@') {
        Some(at) => (scheme, Some(&rest[..at]), &rest[at + 1..]),
        None => (scheme, None, rest),
    })
}
