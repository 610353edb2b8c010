//! Taking back what [`apply`](super::apply) wrote.

use std::path::PathBuf;

use clients::settings::{Edit, Level};
use clients::{CLIENTS, Client};
use codeartifact::Host;

use super::error::ConfigureError;
use super::journal::{Claim, Journal, JournaledChange, JournaledFile, Lock};
use super::place::{Bounds, Place, Replaced};
use super::{ATTEMPTS, links, new_mode, project};

/// What to take back.
#[derive(Debug, Clone)]
pub(crate) struct UndoRequest {
    /// Of these package managers; of all where none is named.
    pub(crate) clients: Vec<&'static Client>,
    /// At this level; at project level, for the project one stands in.
    pub(crate) level: Level,
    /// Only say what would be done.
    pub(crate) dry_run: bool,
    /// Edit also what belongs to another user or lies outside the home folder.
    pub(crate) force: bool,
}

/// What was taken back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Undone {
    /// The edits, to be shown.
    pub(crate) edits: Vec<Edit>,
    /// Every file that had something of ours, with what happened to it.
    pub(crate) files: Vec<(PathBuf, UndoOutcome)>,
    /// What others have changed since: it stays, and is no longer ours.
    pub(crate) left: Vec<Left>,
    /// The links that were made, which are gone.
    pub(crate) links: Vec<PathBuf>,
}

impl Undone {
    /// Whether there was nothing to take back.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.left.is_empty() && self.links.is_empty()
    }
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UndoOutcome {
    /// What was ours is out of it.
    Restored,
    /// It was made by us, nothing else was in it, and it is gone.
    Removed,
    /// What was ours had gone already, or serves another project still.
    AlreadyGone,
}

/// A value that others have changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    /// The file.
    pub(crate) path: PathBuf,
    /// The way to the value.
    pub(crate) key: String,
}

/// Takes back everything that was written at a level, however often.
pub(crate) fn undo(request: &UndoRequest, host: &Host) -> Result<Undone, ConfigureError> {
    let state = host.state_dir().ok_or(ConfigureError::NoStateFolder)?;
    let mut undone = Undone::default();
    if !state.exists() {
        return Ok(undone);
    }
    let _lock = Lock::take(&state)?;
    let mut journal = Journal::load(&state)?;
    let clients = if request.clients.is_empty() { CLIENTS } else { &request.clients };
    let claims: Vec<_> = clients
        .iter()
        .filter_map(|client| {
            let project = project(host.current_dir(), client.settings?.project_marker());
            Some(Claim::of(client.name, request.level, &project))
        })
        .collect();
    let is_meant = |claim: &Claim| claims.contains(claim);
    journal.hand_over(is_meant);
    // The last written is taken back first.
    let files = journal.files().to_vec();
    for file in files.iter().rev() {
        let meant = |change: &&JournaledChange| change.claims.iter().any(is_meant);
        if !file.changes.iter().any(|change| meant(&change)) {
            continue;
        }
        let ours: Vec<_> = file.changes.iter().filter(|change| change.claims.iter().all(is_meant)).cloned().collect();
        take_back(file, &ours, request, host, &mut undone)?;
        if !request.dry_run {
            journal.forget(&file.path, is_meant);
            journal.save()?;
        }
    }
    if !request.dry_run {
        journal.save()?;
    }
    let mut after = journal.clone();
    let gone = after.forget_links(is_meant);
    undone.links = gone.iter().map(|link| link.folder.join(&link.name)).collect();
    // Also where others rely on all of them still: this claim is gone.
    if after != journal && !request.dry_run {
        links::remove(&gone, host)?;
        // A folder made for a file may have had links in it.
        let is_gone = |file: &&JournaledFile| undone.files.contains(&(file.path.clone(), UndoOutcome::Removed));
        files.iter().filter(is_gone).for_each(|file| remove_empty(&file.folders));
        after.save()?;
    }
    Ok(undone)
}

fn take_back(
    file: &JournaledFile,
    ours: &[JournaledChange],
    request: &UndoRequest,
    host: &Host,
    undone: &mut Undone,
) -> Result<(), ConfigureError> {
    let changes: Vec<_> = ours.iter().map(|ours| ours.change.clone()).collect();
    let home = host.home();
    let bounds = Bounds { home: home.as_deref(), anchor: &file.anchor, force: request.force };
    for _ in 0..ATTEMPTS {
        let place = Place::find(&file.path, bounds)?;
        place.sweep()?;
        let Some(bytes) = place.read()? else {
            undone.files.push((file.path.clone(), UndoOutcome::AlreadyGone));
            return Ok(());
        };
        let back = file
            .syntax
            .take_back(&bytes, &changes)
            .map_err(|source| ConfigureError::Syntax { path: file.path.clone(), source })?;
        let outcome = if back.text.as_bytes() == bytes {
            UndoOutcome::AlreadyGone
        } else if file.created && back.text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() {
            UndoOutcome::Removed
        } else {
            UndoOutcome::Restored
        };
        let replaced = match outcome {
            _ if request.dry_run => Replaced::Yes,
            UndoOutcome::AlreadyGone => Replaced::Yes,
            UndoOutcome::Removed => place.remove(&bytes)?,
            UndoOutcome::Restored => place.replace(Some(&bytes), back.text.as_bytes(), new_mode(file.level))?,
        };
        if replaced == Replaced::Raced {
            continue;
        }
        if outcome == UndoOutcome::Removed && !request.dry_run {
            remove_empty(&file.folders);
        }
        if outcome != UndoOutcome::AlreadyGone {
            undone.edits.push(Edit {
                path: file.path.clone(),
                before: Some(String::from_utf8_lossy(&bytes).into_owned()),
                after: if outcome == UndoOutcome::Removed { String::new() } else { back.text },
                why: "what `configure` wrote is taken back".to_owned(),
                level: file.level,
                syntax: file.syntax,
                changes: Vec::new(),
                present: Vec::new(),
                findings: Vec::new(),
            });
        }
        undone.files.push((file.path.clone(), outcome));
        let left = back.left.iter().map(|change| Left { path: file.path.clone(), key: change.key() });
        undone.left.extend(left);
        return Ok(());
    }
    Err(ConfigureError::Contended { path: file.path.clone(), attempts: ATTEMPTS })
}

/// Removes the folders that were made for a file, as far as nothing else is in them.
fn remove_empty(folders: &[PathBuf]) {
    for folder in folders.iter().rev() {
        // One that somebody else uses by now stays: that is no failure.
        match std::fs::remove_dir(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => break,
            _ => {}
        }
    }
}
