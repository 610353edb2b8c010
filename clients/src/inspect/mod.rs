//! What is wrong with clients' settings: from the texts of files and variables to findings.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `places` | which files and variables each client reads, and which of them win |
//! | `secrets` | what in a text is a secret, a CodeArtifact token or another one, and when a token ended |
//! | `url` | a registry's address: whose it is, what is wrong with it, how it may be shown |
//! | `mentions` | addresses and programs in files of which no more has to be understood |
//! | one per family of clients | what each has to have, and what must not be |
//!
//! Nothing is opened here and no clock is read: who calls [`inspect`] reads the files that [`locations`] names. A finding
//! never holds a value that may be a secret, only where it stands.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use codeartifact::{Endpoint, Trust};

mod cargo;
mod javascript;
mod jvm;
mod mentions;
mod nuget;
mod places;
mod python;
mod secrets;
mod shell;
mod url;

pub use places::{Ground, locations};
pub use secrets::{Secret, SecretKind};

/// How a file is written, and by whom it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// `config.toml` of Cargo.
    Cargo,
    /// `credentials.toml` of Cargo.
    CargoCredentials,
    /// `.npmrc`: npm, pnpm, Yarn 1, Bun.
    Npmrc,
    /// `.yarnrc` of Yarn 1.
    Yarnrc1,
    /// `yarn.lock`, for which Yarn it is of.
    YarnLock,
    /// `.yarnrc.yml` of Yarn.
    Yarnrc,
    /// `bunfig.toml` of Bun.
    Bunfig,
    /// `pip.conf`.
    Pip,
    /// `uv.toml`.
    Uv,
    /// `pyproject.toml`: uv, Poetry, PDM, hatch.
    Pyproject,
    /// What `uv auth login` keeps.
    UvCredentials,
    /// `.pypirc`: twine, hatch.
    Pypirc,
    /// Poetry's, PDM's and hatch's own TOML.
    PythonToml,
    /// Maven's `settings.xml`.
    Maven,
    /// Options that Maven is always given: `.mvn/maven.config`.
    MavenOptions,
    /// `gradle.properties` and sbt's `.credentials`.
    Properties,
    /// `NuGet.Config`.
    Nuget,
    /// `.bundle/config`.
    Bundle,
    /// RubyGems' `.gemrc` and `credentials`.
    Gem,
    /// `registries.json` of Swift.
    Swift,
    /// Gradle's scripts and lists for all builds of a user.
    Gradle,
    /// sbt's settings for all builds of a user.
    Sbt,
    /// `.bazelrc`.
    Bazelrc,
    /// `.netrc`.
    Netrc,
    /// A shell's start-up file.
    Shell,
}

/// Whose settings a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// A project's: it may be committed.
    Project,
    /// The user's.
    User,
    /// The machine's.
    System,
}

/// A file that a client may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub path: PathBuf,
    /// How it is written.
    pub form: Form,
    /// Whose it is.
    pub whose: Whose,
}

/// A file that is there. No `Debug`: it may hold secrets.
#[derive(Clone)]
pub struct Document {
    /// Where.
    pub location: Location,
    /// Its text.
    pub text: String,
}

/// What is looked at.
pub struct View<'a> {
    /// The files, of each form the winning one first: as [`locations`] names them.
    pub documents: &'a [Document],
    /// The variables that are set and not empty.
    pub variables: &'a BTreeMap<String, String>,
    /// Which addresses are ours.
    pub trust: &'a Trust,
    /// The time, to judge tokens by.
    pub now: SystemTime,
}

/// Where a setting is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// By a variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "the variable {name}"),
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its stable name.
    pub code: &'static str,
    /// The client, by name.
    pub client: &'static str,
    /// What it is, in a phrase.
    pub message: String,
    /// Where it is.
    pub origin: Option<Origin>,
    /// What to do about it.
    pub fix: String,
}

/// A repository of ours that a client is set up for.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The client, by name.
    pub client: &'static str,
    /// The repository.
    pub endpoint: Endpoint,
    /// Where that is set.
    pub origin: Origin,
}

/// A program that a settings file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The client that would run it, by name.
    pub client: &'static str,
    /// It, as written.
    pub name: String,
    /// Where.
    pub origin: Origin,
}

/// What came of looking.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// What is wrong.
    pub found: Vec<Found>,
    /// The repositories in use.
    pub uses: Vec<Use>,
    /// The programs that are named.
    pub programs: Vec<Program>,
    /// Files with secrets, tokens or not, with the line of the first.
    pub secrets: Vec<(Location, Secret)>,
    /// Clients that start a program `keyring` from PATH.
    pub keyring_users: Vec<&'static str>,
}

/// Looks at everything.
pub fn inspect(view: &View<'_>) -> Inspection {
    let mut inspector = Inspector { view, out: Inspection::default() };
    cargo::inspect(&mut inspector);
    javascript::inspect(&mut inspector);
    python::inspect(&mut inspector);
    jvm::inspect(&mut inspector);
    nuget::inspect(&mut inspector);
    shell::inspect(&mut inspector);
    mentions::inspect(&mut inspector);
    secrets::inspect(&mut inspector);
    inspector.out
}

/// What a setting says.
#[derive(Clone)]
struct Setting {
    value: String,
    origin: Origin,
}

impl Setting {
    fn of_variable(view: &View<'_>, name: &str) -> Option<Self> {
        let value = view.variables.get(name)?.clone();
        Some(Self { value, origin: Origin::Variable(name.to_owned()) })
    }
}

struct Inspector<'a> {
    view: &'a View<'a>,
    out: Inspection,
}

impl<'a> Inspector<'a> {
    fn documents(&self, form: Form) -> impl Iterator<Item = &'a Document> + use<'a> {
        self.view.documents.iter().filter(move |document| document.location.form == form)
    }

    fn found(
        &mut self,
        code: &'static str,
        client: &'static str,
        origin: &Origin,
        message: String,
        fix: impl Into<String>,
    ) {
        let found = Found { code, client, message, origin: Some(origin.clone()), fix: fix.into() };
        if !self.out.found.contains(&found) {
            self.out.found.push(found);
        }
    }

    /// A file that its client cannot read.
    fn faulty(&mut self, client: &'static str, path: &Path, line: usize, reason: &str) {
        let origin = Origin::File { path: path.to_owned(), line };
        let message = format!("{client} cannot read this file: {reason}");
        self.found(
            "file-faulty",
            client,
            &origin,
            message,
            "correct the file; `configure` leaves it as it is until then",
        );
    }

    /// One address: says what is wrong with it, and gives the repository where it is ours.
    fn address(&mut self, client: &'static str, setting: &Setting) -> Option<Endpoint> {
        match url::judge(&setting.value, self.view.trust) {
            url::Verdict::Ours(endpoint) => {
                let seen = Use { client, endpoint: (*endpoint).clone(), origin: setting.origin.clone() };
                if !self.out.uses.contains(&seen) {
                    self.out.uses.push(seen);
                }
                Some(*endpoint)
            }
            url::Verdict::Faulty(reason) => {
                let shown = url::shown(&setting.value);
                let message = format!("`{shown}` is meant to be CodeArtifact's and gets no token: {reason}");
                let fix =
                    "write the address as `aws codeartifact get-repository-endpoint` answers it, or run `configure`";
                self.found("registry-url-faulty", client, &setting.origin, message, fix);
                None
            }
            url::Verdict::Plain => {
                let shown = url::shown(&setting.value);
                let message =
                    format!("`{shown}` is asked without encryption: whoever is on the way can change packages");
                self.found("http-registry", client, &setting.origin, message, "write `https` in place of `http`");
                None
            }
            url::Verdict::Other => None,
        }
    }

    /// A setting that is made in several places, the winning one first: an address of ours that is hidden by another is
    /// found.
    fn slot(&mut self, client: &'static str, what: &str, settings: &[Setting]) -> Option<(Endpoint, Origin)> {
        let ours: Vec<_> = settings.iter().map(|setting| self.address(client, setting)).collect();
        let place = ours.iter().position(Option::is_some)?;
        let hidden = &settings[place];
        if place > 0 {
            let winner = &settings[0];
            let message = format!(
                "{client}'s {what} is `{}`, and not the repository that {} says",
                url::shown(&winner.value),
                hidden.origin
            );
            let fix = match &winner.origin {
                Origin::Variable(name) => format!("unset {name}, or set it to the repository"),
                Origin::File { path, line } => format!("remove line {line} of {}", path.display()),
            };
            self.found("registry-overridden", client, &winner.origin, message, fix);
            return None;
        }
        ours.into_iter().next().flatten().map(|endpoint| (endpoint, hidden.origin.clone()))
    }
}

/// `FILE:LINE`
fn at(document: &Document, line: usize) -> Origin {
    Origin::File { path: document.location.path.clone(), line }
}

/// The line of a place in a text, from 1.
fn line_at(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or_default().matches('\n').count()
}

/// Names of variables in `${NAME}`, `${NAME-default}` excluded, and `${env.NAME}`.
fn references(value: &str, prefix: &str) -> Vec<String> {
    value
        .match_indices(prefix)
        .filter_map(|(at, _)| {
            let rest = &value[at + prefix.len()..];
            let name = &rest[..rest.find('}')?];
            let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            plain.then(|| name.to_owned())
        })
        .collect()
}

/// The variable that `exec` sets for whatever refers to it, and how those begin that are set for Maven's run: not set outside,
/// and rightly so.
const OF_EXEC: &str = "CODEARTIFACT_AUTH_TOKEN";

impl Inspector<'_> {
    /// Variables that a value refers to and nobody has set.
    fn unset(&mut self, client: &'static str, setting: &Setting, prefix: &str) {
        for name in references(&setting.value, prefix) {
            if name.starts_with(OF_EXEC) || self.view.variables.contains_key(&name) {
                continue;
            }
            let message = format!("{client} is to take a credential from the variable {name}, which is not set");
            let fix = format!("run `cargo codeartifact configure {client}`, or set {name}");
            self.found("reference-unset", client, &setting.origin, message, fix);
        }
    }
}

#[cfg(test)]
mod tests;
