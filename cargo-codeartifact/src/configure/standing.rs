//! For `doctor`: what the journal knows beside what is in the files, and the few things that it mends in them.

use std::path::{Path, PathBuf};

use codeartifact::Host;
use sha2::{Digest as _, Sha256};

use super::error::ConfigureError;
use super::journal::{Journal, JournaledFile, Lock};
use super::place::{Bounds, Place, Replaced};
use super::{ATTEMPTS, links};

/// Something that was written, and stands in its file no more as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The file.
    pub(crate) path: PathBuf,
    /// The way to the value.
    pub(crate) key: String,
    /// The client it was written for, by name.
    pub(crate) client: String,
    /// It is not there at all; else others changed it.
    pub(crate) is_gone: bool,
}

/// What was written and is in its file no more, or not as it was. Writes nothing, and takes no lock.
pub(crate) fn standing(host: &Host) -> Result<Vec<Standing>, ConfigureError> {
    let Some(state) = host.state_dir() else { return Ok(Vec::new()) };
    let mut standing = Vec::new();
    for file in Journal::look(&state)?.files() {
        let (gone, left) = compared(file)?;
        for (place, journaled) in file.changes.iter().enumerate() {
            let is_gone = gone.contains(&place);
            let is_left = left.contains(&place);
            if is_gone || is_left {
                standing.push(Standing {
                    path: file.path.clone(),
                    key: journaled.change.key(),
                    client: journaled.claims.first().map(|claim| claim.client().to_owned()).unwrap_or_default(),
                    is_gone,
                });
            }
        }
    }
    Ok(standing)
}

/// Which of a file's changes are gone, and which others have changed.
///
/// A value that a later change of ours set anew is neither: the later one speaks for it.
fn compared(file: &JournaledFile) -> Result<(Vec<usize>, Vec<usize>), ConfigureError> {
    let bytes = match std::fs::read(&file.path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(((0..file.changes.len()).collect(), Vec::new()));
        }
        Err(source) => return Err(ConfigureError::System { action: "read", path: file.path.clone(), source }),
    };
    let changes: Vec<_> = file.changes.iter().map(|journaled| journaled.change.clone()).collect();
    // What the file has become is for its own check to say.
    let Ok(back) = file.syntax.take_back(&bytes, &changes) else { return Ok((Vec::new(), Vec::new())) };
    let mut places = (Vec::new(), Vec::new());
    for (place, change) in changes.iter().enumerate() {
        if changes[place + 1..].iter().any(|later| later.keys == change.keys) {
            continue;
        }
        if back.left.iter().any(|left| left.keys == change.keys) {
            places.1.push(place);
        } else if !back.changes.contains(change) {
            places.0.push(place);
        }
    }
    Ok(places)
}

/// Forgets what is in no file any more.
pub(crate) fn forget_gone(host: &Host) -> Result<(), ConfigureError> {
    let state = host.state_dir().ok_or(ConfigureError::NoStateFolder)?;
    let _lock = Lock::take(&state)?;
    let mut journal = Journal::load(&state)?;
    for file in journal.files().to_vec() {
        let (gone, _) = compared(&file)?;
        let gone: Vec<_> = gone.into_iter().map(|place| file.changes[place].change.clone()).collect();
        journal.drop_changes(&file.path, &gone);
    }
    journal.save()
}

/// Leads a link to the credential program where it is now.
pub(crate) fn relink(folder: &Path, name: &str, host: &Host) -> Result<(), ConfigureError> {
    links::lead(&super::helper(host)?, folder, name, host)
}

/// A line of a file: where it was seen, and what it was, without keeping it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenLine {
    /// From 1.
    pub(crate) number: usize,
    digest: [u8; 32],
}

impl SeenLine {
    /// A line of a text; `None` where the text has no such line.
    pub(crate) fn of(text: &str, number: usize) -> Option<Self> {
        let line = text.split_inclusive('\n').nth(number.checked_sub(1)?)?;
        Some(Self { number, digest: Sha256::digest(line.as_bytes()).into() })
    }

    /// Where it is in the text now: in its place, or, where others wrote meanwhile, the only one like it.
    fn find(&self, lines: &[&[u8]]) -> Option<usize> {
        let is_it = |at: &usize| lines.get(*at).is_some_and(|line| Sha256::digest(line)[..] == self.digest);
        let here = Some(self.number - 1).filter(is_it);
        here.or_else(|| {
            let mut like = (0..lines.len()).filter(is_it);
            like.next().filter(|_| like.next().is_none())
        })
    }
}

/// Removes one line of a file, as it is replaced by any edit: whole or not at all. A line that is no more as it was seen
/// stays.
pub(crate) fn remove_line(path: &Path, seen: &SeenLine, host: &Host) -> Result<(), ConfigureError> {
    let state = host.state_dir().ok_or(ConfigureError::NoStateFolder)?;
    let _lock = Lock::take(&state)?;
    let home = host.home();
    let anchor = path.parent().unwrap_or(Path::new("/"));
    let bounds = Bounds { home: home.as_deref(), anchor, force: false };
    for _ in 0..ATTEMPTS {
        let place = Place::find(path, bounds)?;
        place.sweep()?;
        let Some(bytes) = place.read()? else { return Ok(()) };
        let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let Some(at) = seen.find(&lines) else { return Ok(()) };
        lines.remove(at);
        let kept = lines.concat();
        if place.replace(Some(&bytes), &kept, 0o600)? == Replaced::Yes {
            return Ok(());
        }
    }
    Err(ConfigureError::Contended { path: path.to_path_buf(), attempts: ATTEMPTS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_where_it_moved_and_not_taken_for_another() {
        let text = "# mine\ntoken=old\nsave=1\n";
        let seen = SeenLine::of(text, 2).unwrap();
        let find = |text: &str| {
            let lines: Vec<&[u8]> = text.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
            seen.find(&lines)
        };
        assert_eq!(find(text), Some(1));
        assert_eq!(find("# theirs\n# mine\ntoken=old\nsave=1\n"), Some(2));
        assert_eq!(find("# mine\ntoken=new\nsave=1\n"), None);
        assert_eq!(find("token=old\nx\ntoken=old\n"), None, "which of the two, nobody knows");
        assert_eq!(find(""), None);
        assert_eq!(SeenLine::of(text, 4), None);
        assert_eq!(SeenLine::of(text, 0), None);
    }
}
