//! Python's `keyring` library, set up for all programs that load it: its file `keyringrc.cfg` names a class and the folder
//! to find it in (keyring 25.7, `keyring.core.load_config`), so that nothing has to be installed beside each program.
//!
//! - `keyring/codeartifact_keyring.py` beside the folder of links: the module of the package `codeartifact-keyring`, with
//!   the credential program's path in it;
//! - `keyring/__pycache__` beside it, a file: Python would make a folder of that name for what it compiles, which nobody
//!   would take away with the module;
//! - `python_keyring/keyringrc.cfg` below `$XDG_CONFIG_HOME`, else `~/.config`, also on macOS; on Windows
//!   `%LOCALAPPDATA%\Python Keyring\keyringrc.cfg`: `[backend]` `default-keyring` and `keyring-path`.
//!
//! The class chains this keyring with all others, as the library does by itself where it finds several. A file that names
//! another class chooses it for everything: that is somebody's wish and stays, with a finding.

use crate::platformdirs::{user_file, xdg_config};
use crate::settings::{Draft, Edit, Goal, Level, Places, SettingsError, SettingsFile};
use crate::syntax::{MARK, Syntax, ini::Sections};

use super::BACKEND_PACKAGE;

const MODULE: &str = "codeartifact_keyring.py";
const BARRIER: &str = "__pycache__";
const FILE: &str = "keyringrc.cfg";
const CLASS: &str = "codeartifact_keyring.CodeArtifactChain";
const CLASS_KEYS: [&str; 2] = ["backend", "default-keyring"];
const FOLDER_KEYS: [&str; 2] = ["backend", "keyring-path"];

/// The library's settings.
pub(crate) struct Library;

impl Library {
    /// The user's files.
    pub(crate) fn files(
        goal: &Goal<'_>,
        places: &Places<'_>,
        client: &'static str,
    ) -> Result<[SettingsFile; 3], SettingsError> {
        let config = if cfg!(windows) {
            let local = (places.variable)("LOCALAPPDATA").ok_or(SettingsError::NoHome { client })?;
            user_file(local.as_ref(), &format!("Python Keyring/{FILE}"))
        } else {
            user_file(&xdg_config(places, client)?, &format!("python_keyring/{FILE}"))
        };
        let ours = goal.links.parent().unwrap_or(goal.links).to_path_buf();
        let file = |name: &str| SettingsFile {
            candidates: vec![ours.join("keyring").join(name)],
            level: Level::User,
            anchor: ours.clone(),
        };
        Ok([file(BARRIER), file(MODULE), config])
    }

    /// The edit of one of those files; `None` for any other.
    pub(crate) fn edit(
        goal: &Goal<'_>,
        file: &SettingsFile,
        text: Option<&[u8]>,
    ) -> Option<Result<Edit, SettingsError>> {
        let name = file.candidates.last()?.file_name()?.to_str()?;
        match name {
            BARRIER => {
                let ours = format!("{MARK}\n# In the way of the folder in which Python would keep what it compiles.\n");
                Some(Edit::whole(file, text, &ours, "Python leaves nothing beside the module"))
            }
            MODULE => Some(module(goal, file, text)),
            FILE => Some(config(goal, file, text)),
            _ => None,
        }
    }
}

fn module(goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
    let helper = goal.helper.to_str().ok_or_else(|| SettingsError::Path { path: goal.helper.to_path_buf() })?;
    let (_, source) = BACKEND_PACKAGE[1];
    // A text of JSON is one of Python, too.
    let configured = format!("\nCONFIGURED = {}\n", serde_json::Value::from(helper));
    let ours = format!("{MARK}\n{}", source.replacen("\nCONFIGURED = None\n", &configured, 1));
    Edit::whole(file, text, &ours, "Python's keyring library finds the credential program by it")
}

fn config(goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
    let folder = goal.links.with_file_name("keyring");
    let folder = folder.to_str().ok_or_else(|| SettingsError::Path { path: folder.clone() })?;
    let mut draft = Draft::<Sections>::read(file, text)?;
    let class = draft.text_at(&CLASS_KEYS);
    let other = match &class {
        Some(class) if class != CLASS => Some((CLASS_KEYS, class.clone())),
        Some(_) => None,
        None => draft.text_at(&FOLDER_KEYS).map(|folder| (FOLDER_KEYS, folder)),
    };
    if let Some((keys, value)) = other {
        let value = crate::protocol::shown(&value, 200);
        let message = format!(
            "`{}` in {FILE} chooses `{value}` for every program that loads Python's keyring library: no token is found by \
             it until that line is gone and `configure` has run again",
            keys[1]
        );
        draft.find("keyring-chosen-elsewhere", message, &keys);
    } else {
        draft.set_text(&CLASS_KEYS, CLASS)?;
        draft.set_text(&FOLDER_KEYS, folder)?;
    }
    Ok(draft.done(Syntax::Ini, "Python's keyring library asks the credential program for CodeArtifact's URLs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_has_a_place_for_the_programs_path() {
        let (name, source) = BACKEND_PACKAGE[1];
        assert_eq!(name, MODULE);
        assert_eq!(source.matches("\nCONFIGURED = None\n").count(), 1);
        assert!(source.contains(&format!("\nclass {}(", CLASS.rsplit('.').next().unwrap_or_default())));
    }
}
