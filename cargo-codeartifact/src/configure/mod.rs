//! Package managers' settings, written so that nothing is lost: [`plan`], [`apply`], [`undo()`].
//!
//! What is to be written comes from `clients`, as edits from text to text. Here they meet the files:
//!
//! - `place`: where a file really is, links resolved once; what may be touched there, and what not;
//! - `folder`: the few things done in one folder, through its descriptor;
//! - `journal`: what was written, so that it can be taken back; never a secret;
//! - `undo`: taking it back.
//!
//! A file has its old or its new bytes at every moment: the new ones are written beside it, synced, and renamed over
//! it. Processes of ours take turns by a lock; others are noticed, because a file is read once more just before it is
//! replaced, and the edit is then made anew on what it has become. The journal is written first, so that there is
//! nothing in a file that `undo` does not know of; what the journal knows and no file has, `undo` passes over.

use std::path::{Path, PathBuf};

use clients::settings::{Edit, Finding, Goal, Level, Places, ProjectMarker, SettingsError, SettingsFile};
use clients::{Client, Settings};
use codeartifact::{Endpoint, Host};

mod error;
mod folder;
mod journal;
mod place;
#[cfg(test)]
mod tests;
mod undo;

pub(crate) use error::ConfigureError;
use journal::{Author, Claim, Journal, Lock};
use place::{Bounds, Place, Replaced};
pub(crate) use undo::{UndoOutcome, UndoRequest, Undone, undo};

/// The credential program's name.
const HELPER: &str = "codeartifact-credential-helper";

/// How often a file that others keep changing is tried.
const ATTEMPTS: u32 = 5;

/// What to set up.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The package managers.
    pub(crate) clients: Vec<&'static Client>,
    /// For whom.
    pub(crate) level: Level,
    /// The repository, in any format: each client gets its own.
    pub(crate) endpoint: Endpoint,
    /// A name of the user's choice for it.
    pub(crate) registry: Option<String>,
    /// Let it stand in for the client's default registry.
    pub(crate) replace_default: bool,
    /// The credential program's file, absolute; [`helper`] finds it.
    pub(crate) helper: PathBuf,
    /// Edit also what belongs to another user or lies outside the home folder.
    pub(crate) force: bool,
}

/// What would be written.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The edits, without those that change nothing.
    pub(crate) edits: Vec<Edit>,
    /// What the user should know.
    pub(crate) findings: Vec<Finding>,
    /// The names under which clients will know the repository.
    pub(crate) names: Vec<Named>,
    request: Request,
}

impl Planned {
    /// Whether everything is right already.
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }
}

/// A client's name for the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The client, by name.
    pub(crate) client: &'static str,
    /// The name.
    pub(crate) name: String,
}

/// What was written.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    /// Every file looked at, with what happened to it.
    pub(crate) files: Vec<(PathBuf, FileOutcome)>,
    /// Where it is kept what was written, for `undo`.
    pub(crate) journal: PathBuf,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileOutcome {
    /// It was not there.
    Created,
    /// It was edited.
    Changed,
    /// It was right already.
    Unchanged,
}

/// The credential program's file: beside the running program, where both are installed.
pub(crate) fn helper(host: &Host) -> Result<PathBuf, ConfigureError> {
    let name = format!("{HELPER}{}", std::env::consts::EXE_SUFFIX);
    let folder = host.program().and_then(|program| program.parent().map(Path::to_path_buf)).unwrap_or_default();
    let helper = folder.join(&name);
    if helper.is_file() { Ok(helper) } else { Err(ConfigureError::NoHelper { folder }) }
}

/// Says what would be written. Reads files, writes none.
pub(crate) fn plan(request: Request, host: &Host) -> Result<Planned, ConfigureError> {
    let mut planned = Planned { edits: Vec::new(), findings: Vec::new(), names: Vec::new(), request };
    let request = &planned.request;
    for &client in &request.clients {
        let task = Task::new(client, request, host);
        let name = task.goal().map_settings(|goal| task.settings.repository_name(goal))?;
        planned.names.extend(name.map(|name| Named { client: client.name, name }));
        for file in task.files()? {
            let path = task.path(&file);
            let place = Place::find(&path, task.bounds(&file))?;
            let text = place.read()?;
            let edit = task.edit(&file, &path, text.as_deref())?;
            for finding in &edit.findings {
                if !planned.findings.contains(finding) {
                    planned.findings.push(finding.clone());
                }
            }
            if !edit.is_empty() {
                planned.edits.push(edit);
            }
        }
    }
    Ok(planned)
}

/// Writes what was planned; where a file has changed since, what is right for it now. Also where nothing was planned:
/// what an earlier run wrote is then kept for this one too when the earlier one is taken back.
pub(crate) fn apply(planned: &Planned, host: &Host) -> Result<Applied, ConfigureError> {
    let request = &planned.request;
    let state = host.state_dir().ok_or(ConfigureError::NoStateFolder)?;
    let _lock = Lock::take(&state)?;
    let mut journal = Journal::load(&state)?;
    let mut applied = Applied { files: Vec::new(), journal: journal.path().to_path_buf() };
    for &client in &request.clients {
        let task = Task::new(client, request, host);
        for file in task.files()? {
            let path = task.path(&file);
            let outcome = task.write(&file, &path, &mut journal)?;
            applied.files.push((path, outcome));
        }
    }
    Ok(applied)
}

/// A client to be set up.
struct Task<'a> {
    client: &'static Client,
    settings: &'static dyn Settings,
    request: &'a Request,
    host: &'a Host,
    endpoint: Endpoint,
    project: PathBuf,
    home: Option<PathBuf>,
}

impl<'a> Task<'a> {
    fn new(client: &'static Client, request: &'a Request, host: &'a Host) -> Self {
        let settings = client.settings.expect("a request names clients that can be set up");
        Self {
            client,
            settings,
            request,
            host,
            endpoint: request.endpoint.sibling(client.format, request.endpoint.repository()),
            project: project(host.current_dir(), settings.project_marker()),
            home: host.home(),
        }
    }

    fn goal(&self) -> Aim<'_> {
        Aim(Goal {
            level: self.request.level,
            endpoint: &self.endpoint,
            name: self.request.registry.as_deref(),
            replace_default: self.request.replace_default,
            helper: &self.request.helper,
        })
    }

    fn claim(&self) -> Claim {
        Claim::of(self.request.level, &self.project)
    }

    fn bounds<'b>(&'b self, file: &'b SettingsFile) -> Bounds<'b> {
        Bounds { home: self.home.as_deref(), anchor: &file.anchor, force: self.request.force }
    }

    fn files(&self) -> Result<Vec<SettingsFile>, ConfigureError> {
        let variable = |name: &str| self.host.var(name).map(str::to_owned);
        let places = Places { home: self.home.as_deref(), project: &self.project, variable: &variable };
        self.goal().map_settings(|goal| self.settings.files(goal, &places))
    }

    /// The file the client reads, else the one to be made.
    fn path(&self, file: &SettingsFile) -> PathBuf {
        let there = file.candidates.iter().find(|path| path.symlink_metadata().is_ok());
        let path = there.or(file.candidates.last()).expect("a file has a place");
        self.host.current_dir().join(path)
    }

    /// The edit, for the file as it is really called.
    fn edit(&self, file: &SettingsFile, path: &Path, text: Option<&[u8]>) -> Result<Edit, ConfigureError> {
        let file = SettingsFile { candidates: vec![path.to_path_buf()], ..file.clone() };
        self.goal().map_settings(|goal| self.settings.edit(goal, &file, text))
    }

    fn write(&self, file: &SettingsFile, path: &Path, journal: &mut Journal) -> Result<FileOutcome, ConfigureError> {
        for _ in 0..ATTEMPTS {
            let place = Place::find(path, self.bounds(file))?;
            place.sweep()?;
            let text = place.read()?;
            let edit = self.edit(file, path, text.as_deref())?;
            let before = journal.clone();
            let author = Author { client: self.client.name, claim: &self.claim(), anchor: &file.anchor };
            if journal.record(&author, &edit, &place.missing_folders()) {
                journal.save()?;
            }
            if edit.is_empty() {
                return Ok(FileOutcome::Unchanged);
            }
            let place = place.made()?;
            if place.replace(text.as_deref(), edit.after.as_bytes(), new_mode(file.level))? == Replaced::Yes {
                return Ok(if text.is_none() { FileOutcome::Created } else { FileOutcome::Changed });
            }
            *journal = before;
        }
        journal.save()?;
        Err(ConfigureError::Contended { path: path.to_path_buf(), attempts: ATTEMPTS })
    }
}

/// A goal, so that settings' errors are told from ours in one place.
struct Aim<'a>(Goal<'a>);

impl Aim<'_> {
    fn map_settings<T>(&self, ask: impl FnOnce(&Goal<'_>) -> Result<T, SettingsError>) -> Result<T, ConfigureError> {
        ask(&self.0).map_err(ConfigureError::from)
    }
}

/// The mode of a file that is made: a project's is committed and read by everybody, the user's own is not.
fn new_mode(level: Level) -> u32 {
    match level {
        Level::User => 0o600,
        Level::Project => 0o644,
    }
}

/// The folder of the project one stands in: upwards, the outermost by the client's own marks, else the nearest that has
/// a marked file, else the folder one stands in.
fn project(from: &Path, marker: ProjectMarker) -> PathBuf {
    let mut nearest = None;
    for folder in from.ancestors() {
        let Ok(text) = std::fs::read_to_string(folder.join(marker.file)) else { continue };
        if (marker.is_outermost)(&text) {
            return folder.to_path_buf();
        }
        nearest = nearest.or(Some(folder));
    }
    nearest.unwrap_or(from).to_path_buf()
}
