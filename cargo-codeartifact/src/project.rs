//! `codeartifact.toml`: what a project says about the repositories it reads from and publishes to.
//!
//! The file lies in the folder a command is started in, or above. It is written by whoever writes the project, so it
//! may name a domain, an owner, a Region and repositories, and nothing that decides who asks or where the question
//! goes: no profile, no endpoint, no program. Those live in the user's own files, and a project file that tries to
//! choose one is refused rather than ignored.
//!
//! A file may hold the organisation's part too (`[domain]`, `[repositories]`, ...); that part is passed over here.

mod reader;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clients::{Client, settings::Role};
use codeartifact::{AccountId, DomainName, PackageFormat, Region, RepositoryName};

use reader::{Reader, Table};

/// The file's name.
pub(crate) const FILE_NAME: &str = "codeartifact.toml";

/// More than any real file; a larger one is not read.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The nearest known key is offered only within this many edits.
const NEAR: usize = 3;

/// The tables of the organisation's part.
const ORGANISATION: [&str; 8] =
    ["domain", "principals", "repositories", "package-groups", "retention", "promotion", "approval", "removed"];

/// Keys people may expect in a project file, and that only the user's own files may hold.
const USERS_OWN: [&str; 11] = [
    "profile",
    "role",
    "role-arn",
    "endpoint",
    "endpoint-url",
    "program",
    "helper",
    "command",
    "credential-process",
    "trusted-owners",
    "store",
];

/// A project's file, read and checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// The file.
    pub(crate) path: PathBuf,
    /// `[project] domain`
    pub(crate) domain: Option<DomainName>,
    /// `[project] owner`
    pub(crate) owner: Option<AccountId>,
    /// `[project] region`
    pub(crate) region: Option<Region>,
    /// `[project] repository`: to read from.
    pub(crate) repository: Option<RepositoryName>,
    /// `[project] publish-to`
    pub(crate) publish_to: PublishTo,
    /// `[clients.NAME]`, by the client's name.
    pub(crate) clients: BTreeMap<&'static str, ClientChoice>,
    /// `[publish] version`
    pub(crate) version: VersionChoice,
    /// `[publish] packages`: folders, with `*`; empty means all that is found.
    pub(crate) packages: Vec<String>,
}

/// Where a project publishes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum PublishTo {
    /// It does not say.
    #[default]
    Unsaid,
    /// One repository for every format.
    One(RepositoryName),
    /// A repository by format.
    ByFormat(Vec<(PackageFormat, RepositoryName)>),
}

impl PublishTo {
    /// The repository for a format.
    pub(crate) fn of(&self, format: PackageFormat) -> Option<&RepositoryName> {
        match self {
            Self::Unsaid => None,
            Self::One(repository) => Some(repository),
            Self::ByFormat(rows) => rows.iter().find(|(of, _)| *of == format).map(|(_, repository)| repository),
        }
    }
}

/// `[clients.NAME]`: what differs from the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClientChoice {
    /// `repository`: to read from, in place of `[project] repository`.
    pub(crate) repository: Option<RepositoryName>,
    /// `registry`: a name for it.
    pub(crate) name: Option<String>,
    /// `replace-default = true`, `index = "replace"` or `"extra"`.
    pub(crate) role: Option<Role>,
    /// `scopes`: then only these; each perhaps with a repository of its own.
    pub(crate) scopes: Vec<(String, Option<RepositoryName>)>,
}

/// `[publish] version`: where versions come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum VersionChoice {
    /// From the manifests.
    #[default]
    Manifest,
    /// From git.
    Git,
}

/// A project file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// It is there and cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is larger than [`LARGEST_FILE`].
    #[error("`{}` is larger than {LARGEST_FILE} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A key that means nothing.
    #[error("{place}: unknown key `{key}` in {table}")]
    UnknownKey {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The table it is in: `[project]`, or `the file`.
        table: String,
        /// All that are known there.
        known: Vec<&'static str>,
    },
    /// A key that only the user's own files may hold.
    #[error("{place}: a project file cannot choose `{key}`")]
    UsersOwn {
        /// Where.
        place: Place,
        /// The key.
        key: String,
    },
    /// A value of another kind than the key's.
    #[error("{place}: `{key}` has the type {found}, and is meant to be {expected}")]
    WrongKind {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What it is.
        found: &'static str,
        /// What it is meant to be.
        expected: &'static str,
    },
    /// A value that breaks a rule.
    #[error("{place}: `{key}` cannot be used")]
    Invalid {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The rule.
        source: codeartifact::EndpointError,
    },
    /// A word that is none of the known ones.
    #[error("{place}: `{key}` is `{found}`, and is meant to be {expected}")]
    UnknownWord {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The word.
        found: String,
        /// The known ones.
        expected: &'static str,
    },
    /// Two keys that exclude each other.
    #[error("{place}: `{key}` and `{other}` exclude each other")]
    Exclusive {
        /// Where the second is.
        place: Place,
        /// One.
        key: &'static str,
        /// The other.
        other: &'static str,
    },
}

impl ProjectError {
    /// The next step.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key, known, .. } => Some(match nearest(key, known) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known keys there: {}", known.join(", ")),
            }),
            Self::UsersOwn { .. } => Some("say it in your own AWS files, in variables or as an option".to_owned()),
            Self::Unreadable { .. }
            | Self::TooLarge { .. }
            | Self::Syntax { .. }
            | Self::WrongKind { .. }
            | Self::Invalid { .. }
            | Self::UnknownWord { .. }
            | Self::Exclusive { .. } => None,
        }
    }
}

/// The nearest known key, if one is near enough to have been meant.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(key, known), *known))
        .filter(|(distance, known)| *distance <= NEAR.min(known.len() / 2))
        .min()
        .map(|(_, known)| known)
}

/// A place in a file: `FILE:LINE:COLUMN`, both from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) path: PathBuf,
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

impl Project {
    /// The file of `folder` or of the nearest folder above that has one.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, ProjectError> {
        for folder in folder.ancestors() {
            let path = folder.join(FILE_NAME);
            match read(&path) {
                Ok(Some(text)) => return Self::parse(&path, &text).map(Some),
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Reads a file's text.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ProjectError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let reader = Reader::new(path, text)?;
        let mut project = Self { path: path.to_owned(), ..Self::default() };
        let root = reader.root();
        let known: Vec<&'static str> = ["project", "clients", "publish"].into_iter().chain(ORGANISATION).collect();
        root.only(&known, &USERS_OWN)?;
        if let Some(table) = root.table("project")? {
            table.only(&["domain", "owner", "region", "repository", "publish-to"], &USERS_OWN)?;
            project.domain = table.name("domain")?;
            project.owner = table.name("owner")?;
            project.region = table.name("region")?;
            project.repository = table.name("repository")?;
            project.publish_to = match table.table_or_text("publish-to")? {
                None => PublishTo::Unsaid,
                Some(Err(())) => table.name("publish-to")?.map_or(PublishTo::Unsaid, PublishTo::One),
                Some(Ok(by_format)) => {
                    by_format.only(&PackageFormat::ALL.map(PackageFormat::as_str), &USERS_OWN)?;
                    let mut rows = Vec::new();
                    for format in PackageFormat::ALL {
                        if let Some(repository) = by_format.name(format.as_str())? {
                            rows.push((format, repository));
                        }
                    }
                    PublishTo::ByFormat(rows)
                }
            };
        }
        if let Some(clients) = root.table("clients")? {
            clients.only(&clients::CLIENTS.iter().map(|client| client.name).collect::<Vec<_>>(), &USERS_OWN)?;
            for client in clients::CLIENTS {
                if let Some(table) = clients.table(client.name)? {
                    project.clients.insert(client.name, ClientChoice::read(client, &table)?);
                }
            }
        }
        if let Some(table) = root.table("publish")? {
            table.only(&["version", "packages"], &USERS_OWN)?;
            project.version = match table.text("version")?.as_deref() {
                None | Some("manifest") => VersionChoice::Manifest,
                Some("git") => VersionChoice::Git,
                Some(word) => return Err(table.unknown_word("version", word, "`manifest` or `git`")),
            };
            project.packages = table.texts("packages")?;
        }
        Ok(project)
    }
}

impl ClientChoice {
    fn read(client: &Client, table: &Table<'_>) -> Result<Self, ProjectError> {
        let choices = client.settings.map(clients::Settings::choices);
        let has = |role| choices.is_none_or(|choices| choices.roles.contains(&role));
        let mut known = vec!["repository"];
        known.extend(choices.is_none_or(|choices| choices.name).then_some("registry"));
        known.extend((has(Role::Named) && has(Role::Default)).then_some("replace-default"));
        known.extend(has(Role::Extra).then_some("index"));
        known.extend(choices.is_none_or(|choices| choices.scope.is_some()).then_some("scopes"));
        table.only(&known, &USERS_OWN)?;
        let mut choice =
            Self { repository: table.name("repository")?, name: table.text("registry")?, ..Self::default() };
        if table.truth("replace-default")?.unwrap_or(false) {
            if choice.name.is_some() {
                return Err(table.exclusive("registry", "replace-default"));
            }
            choice.role = Some(Role::Default);
        }
        choice.role = match table.text("index")?.as_deref() {
            None => choice.role,
            Some("replace") => Some(Role::Default),
            Some("extra") => Some(Role::Extra),
            Some(word) => return Err(table.unknown_word("index", word, "`replace` or `extra`")),
        };
        choice.scopes = table.scopes("scopes")?;
        Ok(choice)
    }
}

/// The text of a file; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, ProjectError> {
    let unreadable = |source| ProjectError::Unreadable { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = String::new();
    file.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(ProjectError::TooLarge { path: path.to_owned() });
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
