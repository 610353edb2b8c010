//! The names under which clients start the credential program. That program makes and removes them, with a journal of its
//! own, and never touches a file that it did not make; here is kept for whom they were made.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use codeartifact::Host;

use super::error::ConfigureError;
use super::journal::{Claim, Journal, JournaledLink};

/// The folder that the credential program makes them in unless it is told another.
pub(crate) fn folder(host: &Host) -> Option<PathBuf> {
    host.data_dir().map(|folder| folder.join("bin"))
}

/// What making links takes.
pub(super) struct Maker<'a> {
    pub(super) helper: &'a Path,
    pub(super) host: &'a Host,
    pub(super) folder: &'a Path,
}

/// Makes those that are not there; taken down first, so that there is none that `undo` does not know of.
pub(super) fn make(
    names: &[String],
    claim: &Claim,
    maker: &Maker<'_>,
    journal: &mut Journal,
) -> Result<(), ConfigureError> {
    let mut changed = false;
    for name in names {
        let is_there = maker.folder.join(name).symlink_metadata().is_ok();
        changed |= journal.record_link(maker.folder, name, is_there, claim);
    }
    if changed {
        journal.save()?;
    }
    // Also for those that are there: they are led to this program, should it have moved.
    run(maker.helper, "install", maker.folder, names, maker.host)
}

/// Leads one to the credential program where it is now.
pub(super) fn lead(helper: &Path, folder: &Path, name: &str, host: &Host) -> Result<(), ConfigureError> {
    run(helper, "install", folder, &[name.to_owned()], host)
}

/// Removes those that were made.
pub(super) fn remove(links: &[JournaledLink], host: &Host) -> Result<(), ConfigureError> {
    let helper = super::helper(host)?;
    let mut folders: BTreeMap<&Path, Vec<String>> = BTreeMap::new();
    for link in links {
        // One that somebody removed since is no failure.
        if link.folder.join(&link.name).symlink_metadata().is_ok() {
            folders.entry(&link.folder).or_default().push(link.name.clone());
        }
    }
    folders.iter().try_for_each(|(folder, names)| run(&helper, "uninstall", folder, names, host))
}

fn run(helper: &Path, word: &str, folder: &Path, names: &[String], host: &Host) -> Result<(), ConfigureError> {
    let mut command = Command::new(helper);
    command.arg(word).arg("--dir").arg(folder).args(names);
    command.env_clear().envs(host.vars()).stdin(Stdio::null());
    let shown = || format!("{} {word} --dir {} {}", helper.display(), folder.display(), names.join(" "));
    let output = command.output().map_err(|source| ConfigureError::System {
        action: "run",
        path: helper.to_path_buf(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().next().unwrap_or("it said nothing").trim_start_matches("error: ").to_owned();
    Err(ConfigureError::Links { command: shown(), reason })
}
