//! What `configure` wrote into which file, and for whom: all that `undo` needs. It holds no file's text beyond the
//! pieces put in and the pieces they replaced, and those are never secrets (`clients` refuses to replace one).

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clients::settings::{Edit, Level};
use clients::syntax::{Change, Deed, Syntax};
use serde::{Deserialize, Serialize};

use super::error::ConfigureError;
use super::place::{Bounds, Place, Replaced};

/// The form of the journal. A change of it needs a reader for the form before. In version 1 each change named one client
/// for all of its claims, and there were no links.
const VERSION: u32 = 2;
const FILE: &str = "configure.json";
const LOCK: &str = "configure.lock";
/// How long another run is waited for: many times what one takes.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// For which client and whom something was written. A run relies on what others wrote before it, so one change may have
/// several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    client: String,
    level: Level,
    /// The project's folder, links resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<PathBuf>,
}

impl Claim {
    pub(super) fn of(client: &str, level: Level, project: &Path) -> Self {
        let project = match level {
            Level::User => None,
            Level::Project => Some(project.canonicalize().unwrap_or_else(|_| project.to_path_buf())),
        };
        Self { client: client.to_owned(), level, project }
    }

    /// The client, by name.
    pub(super) fn client(&self) -> &str {
        &self.client
    }
}

/// Who writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Author<'a> {
    pub(super) claim: &'a Claim,
    pub(super) anchor: &'a Path,
}

/// What was written, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journal {
    path: PathBuf,
    files: Vec<JournaledFile>,
    links: Vec<JournaledLink>,
}

/// A link that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournaledLink {
    pub(super) folder: PathBuf,
    pub(super) name: String,
    pub(super) claims: Vec<Claim>,
}

/// What was written into one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournaledFile {
    pub(super) path: PathBuf,
    pub(super) syntax: Syntax,
    pub(super) level: Level,
    /// Whether it was not there before.
    #[serde(default)]
    pub(super) created: bool,
    /// Folders that were made for it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) folders: Vec<PathBuf>,
    /// The folder that links on the way to it may not lead out of.
    pub(super) anchor: PathBuf,
    pub(super) changes: Vec<JournaledChange>,
}

/// One value changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournaledChange {
    pub(super) claims: Vec<Claim>,
    #[serde(flatten)]
    pub(super) change: Change,
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    files: Vec<JournaledFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<JournaledLink>,
}

/// What version 1 has otherwise: a claim has the client of its change.
fn from_version_1(mut journal: serde_json::Value) -> serde_json::Value {
    let files = journal.get_mut("files").and_then(serde_json::Value::as_array_mut);
    let changes = files.into_iter().flatten().filter_map(|file| file.get_mut("changes")?.as_array_mut()).flatten();
    for change in changes {
        let client = change.get("client").cloned().unwrap_or_default();
        for claim in change.get_mut("claims").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            if let Some(claim) = claim.as_object_mut() {
                claim.insert("client".to_owned(), client.clone());
            }
        }
    }
    journal
}

impl Journal {
    /// Reads the journal in the state folder, under the lock; an empty one where there is none.
    pub(super) fn load(state: &Path) -> Result<Self, ConfigureError> {
        let path = state.join(FILE);
        let journal = Self { path, files: Vec::new(), links: Vec::new() };
        let place = journal.place()?;
        place.sweep()?;
        match place.read()? {
            Some(bytes) => journal.understand(&bytes),
            None => Ok(journal),
        }
    }

    /// The same without the lock, to look at it only: it is replaced as a whole, so what is read is one of its states.
    pub(super) fn look(state: &Path) -> Result<Self, ConfigureError> {
        let path = state.join(FILE);
        let journal = Self { path, files: Vec::new(), links: Vec::new() };
        match std::fs::read(&journal.path) {
            Ok(bytes) => journal.understand(&bytes),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(journal),
            Err(source) => Err(ConfigureError::System { action: "read", path: journal.path, source }),
        }
    }

    fn understand(mut self, bytes: &[u8]) -> Result<Self, ConfigureError> {
        // The parser's own text is not passed on: it may quote what it read.
        let path = self.path.clone();
        let fault = |reason: String| ConfigureError::Journal { path: path.clone(), reason };
        let AnyVersion { version } =
            serde_json::from_slice(bytes).map_err(|error| fault(format!("it is damaged in line {}", error.line())))?;
        let damaged = |error: serde_json::Error| fault(format!("it is damaged in line {}", error.line()));
        let written: Written = match version {
            1 => serde_json::from_value(from_version_1(serde_json::from_slice(bytes).map_err(damaged)?))
                .map_err(damaged)?,
            VERSION => serde_json::from_slice(bytes).map_err(damaged)?,
            _ => return Err(fault(format!("it is of version {version}, and this program knows version {VERSION}"))),
        };
        (self.files, self.links) = (written.files, written.links);
        Ok(self)
    }

    /// Writes it, at once and durably; where nothing is left in it, removes it.
    pub(super) fn save(&self) -> Result<(), ConfigureError> {
        let place = self.place()?;
        let before = place.read()?;
        let replaced = match (&before, self.files.is_empty() && self.links.is_empty()) {
            (None, true) => Replaced::Yes,
            (Some(before), true) => place.remove(before)?,
            (_, false) => {
                let written = Written { version: VERSION, files: self.files.clone(), links: self.links.clone() };
                let mut bytes = serde_json::to_vec_pretty(&written).map_err(|error| ConfigureError::System {
                    action: "write",
                    path: self.path.clone(),
                    source: error.into(),
                })?;
                bytes.push(b'\n');
                place.made()?.replace(before.as_deref(), &bytes, 0o600)?
            }
        };
        match replaced {
            Replaced::Yes => Ok(()),
            Replaced::Raced => Err(ConfigureError::Contended { path: self.path.clone(), attempts: 1 }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn files(&self) -> &[JournaledFile] {
        &self.files
    }

    /// Takes down an edit before it is made, and claims for what is there already. Says whether anything is new.
    pub(super) fn record(&mut self, author: &Author<'_>, edit: &Edit, folders: &[PathBuf]) -> bool {
        let Author { claim, anchor } = *author;
        let before = self.clone();
        let known = self.files.iter().position(|file| file.path == edit.path);
        if known.is_none() && edit.changes.is_empty() {
            return false;
        }
        let known = known.unwrap_or_else(|| {
            self.files.push(JournaledFile {
                path: edit.path.clone(),
                syntax: edit.syntax,
                level: edit.level,
                created: false,
                folders: Vec::new(),
                anchor: anchor.to_path_buf(),
                changes: Vec::new(),
            });
            self.files.len() - 1
        });
        let file = &mut self.files[known];
        file.created |= edit.before.is_none();
        for folder in folders {
            if !file.folders.contains(folder) {
                file.folders.push(folder.clone());
            }
        }
        for change in &edit.changes {
            // One that was taken down and not made, or made and taken out by somebody else, is made anew.
            let mut claims = Vec::new();
            file.changes.retain(|old| {
                let same = old.change.same_as(change);
                if same {
                    claims.extend(old.claims.iter().cloned());
                }
                !same
            });
            if !claims.contains(claim) {
                claims.push(claim.clone());
            }
            file.changes.push(JournaledChange { claims, change: change.clone() });
        }
        for present in &edit.present {
            for old in file.changes.iter_mut().filter(|old| old.change.same_as(present)) {
                if !old.claims.contains(claim) {
                    old.claims.push(claim.clone());
                }
            }
        }
        *self != before
    }

    /// Takes down a link that is about to be made, or a claim for one that was. Says whether anything is new.
    pub(super) fn record_link(&mut self, folder: &Path, name: &str, is_there: bool, claim: &Claim) -> bool {
        match self.links.iter_mut().find(|link| link.folder == folder && link.name == name) {
            Some(link) if link.claims.contains(claim) => false,
            Some(link) => {
                link.claims.push(claim.clone());
                true
            }
            // Somebody made it before us: it stays when ours are taken back.
            None if is_there => false,
            None => {
                let claims = vec![claim.clone()];
                self.links.push(JournaledLink { folder: folder.to_path_buf(), name: name.to_owned(), claims });
                true
            }
        }
    }

    /// Forgets claims on links; gives the links that nobody claims any more.
    pub(super) fn forget_links(&mut self, is_meant: impl Fn(&Claim) -> bool) -> Vec<JournaledLink> {
        for link in &mut self.links {
            link.claims.retain(|claim| !is_meant(claim));
        }
        let (gone, kept) = std::mem::take(&mut self.links).into_iter().partition(|link| link.claims.is_empty());
        self.links = kept;
        gone
    }

    /// Gives changes that are about to be taken back, but whose value somebody else has since changed, to those for whom
    /// that was done: what was there before comes back when theirs is taken back.
    pub(super) fn hand_over(&mut self, is_meant: impl Fn(&Claim) -> bool) {
        for file in &mut self.files {
            for at in 0..file.changes.len() {
                let (before, after) = file.changes.split_at_mut(at + 1);
                let Some(change) = before.last_mut() else { continue };
                // An entry of a list stands beside the others.
                let stays = matches!(change.change.deed, Deed::Append { .. });
                if stays || !change.claims.iter().all(&is_meant) {
                    continue;
                }
                let later = after
                    .iter()
                    .find(|later| later.change.keys == change.change.keys && !later.claims.iter().all(&is_meant));
                if let Some(later) = later {
                    change.claims = later.claims.iter().filter(|claim| !is_meant(claim)).cloned().collect();
                }
            }
        }
    }

    /// Forgets claims on a file, and what nobody claims any more.
    pub(super) fn forget(&mut self, path: &Path, is_meant: impl Fn(&Claim) -> bool) {
        for file in self.files.iter_mut().filter(|file| file.path == path) {
            for change in &mut file.changes {
                change.claims.retain(|claim| !is_meant(claim));
            }
            file.changes.retain(|change| !change.claims.is_empty());
        }
        self.files.retain(|file| !file.changes.is_empty());
    }

    /// Forgets changes to a file, whoever claims them.
    pub(super) fn drop_changes(&mut self, path: &Path, gone: &[Change]) {
        for file in self.files.iter_mut().filter(|file| file.path == path) {
            file.changes.retain(|journaled| !gone.contains(&journaled.change));
        }
        self.files.retain(|file| !file.changes.is_empty());
    }

    fn place(&self) -> Result<Place, ConfigureError> {
        let anchor = self.path.parent().unwrap_or(Path::new("/"));
        Place::find(&self.path, Bounds { home: None, anchor, force: false })
    }
}

/// The right to write, one process at a time. The system takes it back when its holder ends, however it ends.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(state: &Path) -> Result<Self, ConfigureError> {
        let path = state.join(LOCK);
        let failed = |source: io::Error| ConfigureError::System { action: "lock", path: path.clone(), source };
        make_private(state).map_err(failed)?;
        let file = open_private(&path).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(ConfigureError::Busy { path, seconds: PATIENCE.as_secs() });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(text: &str) -> (tempfile::TempDir, Journal) {
        let state = tempfile::TempDir::with_prefix("journal-").unwrap();
        std::fs::write(state.path().join(FILE), text).unwrap();
        let journal = Journal::load(state.path()).unwrap();
        (state, journal)
    }

    fn user(client: &str) -> Claim {
        Claim::of(client, Level::User, Path::new("/nowhere"))
    }

    #[test]
    fn a_journal_of_version_1_is_read_and_becomes_one_of_ours() {
        let text = r#"{ "version": 1, "files": [{ "path": "/home/dev/.cargo/config.toml", "syntax": "toml", "level": "user",
            "anchor": "/home/dev", "changes": [{ "client": "cargo", "claims": [{ "level": "user" }],
            "keys": ["registries", "a", "index"], "deed": "set", "value": "x", "before": null,
            "splice": { "at": 0, "old": "", "new": "x" } }] }] }"#;
        let (state, journal) = journal(text);
        assert_eq!(journal.files()[0].changes[0].claims, [user("cargo")]);
        journal.save().unwrap();
        let written = std::fs::read_to_string(state.path().join(FILE)).unwrap();
        assert!(written.contains("\"version\": 2"), "{written}");
        assert_eq!(Journal::load(state.path()).unwrap(), journal);
    }

    #[test]
    fn what_another_client_has_changed_since_is_its_to_take_back() {
        let change = |client: &str, value: &str, before: &str| {
            format!(
                r#"{{ "claims": [{{ "client": "{client}", "level": "user" }}], "keys": ["registry"], "deed": "set",
                "value": "{value}", "before": {before}, "splice": {{ "at": 0, "old": "", "new": "{value}" }} }}"#
            )
        };
        let text = format!(
            r#"{{ "version": 2, "files": [{{ "path": "/home/dev/.npmrc", "syntax": "npmrc", "level": "user",
            "anchor": "/home/dev", "changes": [{}, {}] }}] }}"#,
            change("npm", "one", "null"),
            change("pnpm", "two", "\"one\"")
        );
        let (_state, mut journal) = journal(&text);
        let both = journal.clone();
        journal.hand_over(|claim| *claim == user("npm"));
        assert!(journal.files()[0].changes.iter().all(|change| change.claims == [user("pnpm")]), "{journal:?}");
        // The other way round nothing stands in the way.
        let mut journal = both.clone();
        journal.hand_over(|claim| *claim == user("pnpm"));
        assert_eq!(journal, both);
        journal.hand_over(|_| true);
        assert_eq!(journal, both);
    }
}
