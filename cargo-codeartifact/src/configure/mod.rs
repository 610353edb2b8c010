//! Package managers' settings, written so that nothing is lost: [`plan`], [`apply`], [`undo()`].
//!
//! What is to be written comes from `clients`, as edits from text to text. Here they meet the files:
//!
//! - `place`: where a file really is, links resolved once; what may be touched there, and what not;
//! - `folder`: the few things done in one folder, through its descriptor;
//! - `journal`: what was written, so that it can be taken back; never a secret;
//! - `links`: the names under which clients start the credential program, made and removed by that program;
//! - `undo`: taking it back;
//! - `standing`: what `doctor` asks and mends.
//!
//! A file has its old or its new bytes at every moment: the new ones are written beside it, synced, and renamed over
//! it. Processes of ours take turns by a lock; others are noticed, because a file is read once more just before it is
//! replaced, and the edit is then made anew on what it has become. The journal is written first, so that there is
//! nothing in a file that `undo` does not know of; what the journal knows and no file has, `undo` passes over.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clients::settings::{Edit, Finding, Goal, Level, Places, ProjectMarker, Role, SettingsError, SettingsFile};
use clients::{Client, Settings};
use codeartifact::{Endpoint, Host, Region, RepositoryName};

mod error;
mod folder;
mod journal;
mod links;
mod place;
mod standing;
#[cfg(test)]
mod tests;
mod undo;

pub(crate) use error::ConfigureError;
use journal::{Author, Claim, Journal, Lock};
pub(crate) use links::folder as links_folder;
use place::{Bounds, Place, Replaced};
pub(crate) use standing::{SeenLine, Standing, forget_gone, relink, remove_line, standing};
pub(crate) use undo::{UndoOutcome, UndoRequest, Undone, undo};

/// The credential program's name.
const HELPER: &str = "codeartifact-credential-helper";

/// How often a file that others keep changing is tried.
const ATTEMPTS: u32 = 5;

/// What to set up.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The package managers, each with what it is to be set up for. One may be there several times.
    pub(crate) wishes: Vec<Wish>,
    /// For whom.
    pub(crate) level: Level,
    /// A repository of the domain, in any format: each client gets its own.
    pub(crate) endpoint: Endpoint,
    /// The Region in which a token is asked for.
    pub(crate) region: Region,
    /// The credential program's file, absolute; [`helper`] finds it.
    pub(crate) helper: PathBuf,
    /// Edit also what belongs to another user or lies outside the home folder.
    pub(crate) force: bool,
}

/// What one client is to be set up for: within its [`Choices`](clients::settings::Choices).
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The client.
    pub(crate) client: &'static Client,
    /// The repository.
    pub(crate) repository: RepositoryName,
    /// A name of the user's choice for it.
    pub(crate) name: Option<String>,
    /// What it is to the client.
    pub(crate) role: Role,
    /// The parts of the client's packages it is for; all where there is none.
    pub(crate) scopes: Vec<String>,
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
    /// The links that would be made, by their files.
    pub(crate) links: Vec<PathBuf>,
    request: Request,
}

impl Planned {
    /// A repository of the domain it is about.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.request.endpoint
    }

    /// Whether everything is right already.
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.links.is_empty()
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
    /// The folder of links, where a client needs one.
    pub(crate) links: Option<PathBuf>,
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
    let mut planned =
        Planned { edits: Vec::new(), findings: Vec::new(), names: Vec::new(), links: Vec::new(), request };
    let request = &planned.request;
    // Two clients may read one file: each edit is planned on what the ones before it make of it.
    let mut drafts = Drafts::new();
    for wish in &request.wishes {
        let client = wish.client;
        let task = Task::new(wish, request, host)?;
        for name in task.links() {
            let link = task.folder.join(name);
            if link.symlink_metadata().is_err() && !planned.links.contains(&link) {
                planned.links.push(link);
            }
        }
        let name = task.goal().map_settings(|goal| task.settings.repository_name(goal))?;
        planned.names.extend(name.map(|name| Named { client: client.name, name }));
        for file in task.files()? {
            let path = task.path(&file);
            let place = Place::find(&path, task.bounds(&file))?;
            let text = match drafts.get(&path) {
                Some(draft) => Some(draft.clone()),
                None => place.read()?,
            };
            let edit = task.edit(&file, &path, text.as_deref())?;
            if !edit.is_empty() {
                drafts.insert(path, edit.after.clone().into_bytes());
            }
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
    let mut applied = Applied { files: Vec::new(), links: None, journal: journal.path().to_path_buf() };
    for wish in &request.wishes {
        let task = Task::new(wish, request, host)?;
        // First: a file that names a link nobody made is the worse half.
        let links = task.links();
        if !links.is_empty() {
            links::make(&links, &task.claim(), &task.maker(), &mut journal)?;
            applied.links = Some(task.folder.clone());
        }
        for file in task.files()? {
            let path = task.path(&file);
            let outcome = task.write(&file, &path, &mut journal)?;
            // Whoever made a file in this run did not change it.
            match applied.files.iter_mut().find(|(other, _)| *other == path) {
                Some((_, before)) if *before == FileOutcome::Unchanged => *before = outcome,
                Some(_) => {}
                None => applied.files.push((path, outcome)),
            }
        }
    }
    Ok(applied)
}

/// What files are to become, by path.
type Drafts = HashMap<PathBuf, Vec<u8>>;

/// A client to be set up.
struct Task<'a> {
    wish: &'a Wish,
    settings: &'static dyn Settings,
    request: &'a Request,
    host: &'a Host,
    endpoint: Endpoint,
    project: PathBuf,
    home: Option<PathBuf>,
    /// Of links.
    folder: PathBuf,
}

impl<'a> Task<'a> {
    fn new(wish: &'a Wish, request: &'a Request, host: &'a Host) -> Result<Self, ConfigureError> {
        let settings = wish.client.settings.expect("a request names clients that can be set up");
        Ok(Self {
            wish,
            settings,
            request,
            host,
            endpoint: request.endpoint.sibling(wish.client.format, &wish.repository),
            project: project(host.current_dir(), settings.project_marker()),
            home: host.home(),
            folder: links::folder(host).ok_or(ConfigureError::NoLinksFolder)?,
        })
    }

    fn goal(&self) -> Aim<'_> {
        Aim(Goal {
            level: self.request.level,
            endpoint: &self.endpoint,
            name: self.wish.name.as_deref(),
            role: self.wish.role,
            scopes: &self.wish.scopes,
            region: &self.request.region,
            helper: &self.request.helper,
            links: &self.folder,
        })
    }

    fn links(&self) -> Vec<String> {
        self.settings.links(&self.goal().0)
    }

    fn maker(&self) -> links::Maker<'_> {
        links::Maker { helper: &self.request.helper, host: self.host, folder: &self.folder }
    }

    fn claim(&self) -> Claim {
        Claim::of(self.wish.client.name, self.request.level, &self.project)
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
            let author = Author { claim: &self.claim(), anchor: &file.anchor };
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
    marked(from, marker).unwrap_or(from).to_path_buf()
}

/// That folder, where there is one with a marked file.
fn marked(from: &Path, marker: ProjectMarker) -> Option<&Path> {
    let mut nearest = None;
    for folder in from.ancestors() {
        for name in marker.files {
            let Ok(text) = std::fs::read_to_string(folder.join(name)) else { continue };
            if (marker.is_outermost)(name, &text) {
                return Some(folder);
            }
            nearest = nearest.or(Some(folder));
        }
    }
    nearest
}

/// Whether one stands in a project of that client.
pub(crate) fn in_project(client: &Client, host: &Host) -> bool {
    let signs = |settings: &dyn Settings| ProjectMarker { files: settings.project_signs(), is_outermost: |_, _| false };
    client.settings.is_some_and(|settings| marked(host.current_dir(), signs(settings)).is_some())
}
