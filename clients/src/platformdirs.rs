//! Where Python's package `platformdirs` puts a program's own settings, which is where most Python tools look.

use std::path::{Path, PathBuf};

use crate::settings::{Level, Places, SettingsError, SettingsFile};

/// The folder in which each program has its own, on systems that go by the XDG Base Directory Specification:
/// `$XDG_CONFIG_HOME`, else `~/.config`.
pub(crate) fn xdg_config(places: &Places<'_>, client: &'static str) -> Result<PathBuf, SettingsError> {
    match ((places.variable)("XDG_CONFIG_HOME"), places.home) {
        (Some(folder), _) => Ok(places.project.join(folder)),
        (None, Some(home)) => Ok(home.join(".config")),
        (None, None) => Err(SettingsError::NoHome { client }),
    }
}

/// The folder in which each program has its own: `user_config_dir`, for a user who `roams` over machines or does not.
pub(crate) fn user_config(places: &Places<'_>, client: &'static str, roams: bool) -> Result<PathBuf, SettingsError> {
    if cfg!(windows) {
        let variable = if roams { "APPDATA" } else { "LOCALAPPDATA" };
        (places.variable)(variable).map(PathBuf::from).ok_or(SettingsError::NoHome { client })
    } else if cfg!(target_os = "macos") {
        let home = places.home.ok_or(SettingsError::NoHome { client })?;
        Ok(home.join("Library/Application Support"))
    } else {
        xdg_config(places, client)
    }
}

/// A user's file below such a folder.
pub(crate) fn user_file(folder: &Path, name: &str) -> SettingsFile {
    SettingsFile { candidates: vec![folder.join(name)], level: Level::User, anchor: folder.to_path_buf() }
}

/// A user's file that a variable names.
pub(crate) fn named_file(places: &Places<'_>, variable: &str) -> Option<SettingsFile> {
    let path = places.project.join((places.variable)(variable)?);
    let anchor = path.parent()?.to_path_buf();
    Some(SettingsFile { candidates: vec![path], level: Level::User, anchor })
}
