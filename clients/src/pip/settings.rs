//! pip's configuration file (pip 26.2, `pip config debug`; `pip._internal.configuration`).
//!
//! Level user only: pip reads nothing of a project. `$XDG_CONFIG_HOME/pip/pip.conf`, else `~/.config/pip/pip.conf`; where
//! only the file from before 6.0 is there, `~/.pip/pip.conf`, that one. On macOS `~/Library/Application Support/pip`
//! where that folder has the file, on Windows `%APPDATA%\pip\pip.ini`, before `%USERPROFILE%\pip\pip.ini`.
//!
//! | role | what is written |
//! | --- | --- |
//! | default | `index-url`: with the user name `aws`, without which pip before 26.2 asks nobody |
//! | extra | the same URL at the end of `extra-index-url` |
//! | either | `keyring-provider = subprocess`, without which a run with `--no-input` asks nobody |
//!
//! They go into `[global]`. A section named for a command, such as `[install]`, has precedence over it, and what
//! `[DEFAULT]` says is in all sections (`configparser`): where one of those has the key already, it is changed there, too.
//! pip takes `index_url` and `--index-url` for the same key, so each spelling counts.

use crate::keyring::{LINK, with_user};
use crate::platformdirs::{user_config, user_file};
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{
    Syntax,
    ini::{Ini, Sections},
};

const INDEX: &str = "index-url";
const EXTRA: &str = "extra-index-url";
const GLOBAL: &str = "global";
/// The section whose keys are in all others.
const DEFAULT: &str = "DEFAULT";

/// pip's settings.
pub(super) struct PipSettings;

impl Settings for PipSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User], roles: &[Role::Default, Role::Extra], name: false, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["requirements.txt"], is_outermost: |_, _| false }
    }

    fn files(&self, _goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let (name, old_folder) = if cfg!(windows) { ("pip.ini", "pip") } else { ("pip.conf", ".pip") };
        let home = places.home.ok_or(SettingsError::NoHome { client: "pip" })?;
        let folder = user_config(places, "pip", true)?;
        let mut file = user_file(&folder, &format!("pip/{name}"));
        if cfg!(target_os = "macos") {
            // Only where its own folder is there already.
            file.candidates.push(home.join(".config/pip").join(name));
        }
        let usual = file.candidates[file.candidates.len() - 1].clone();
        file.candidates.extend([home.join(old_folder).join(name), usual]);
        Ok(vec![file])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let mut draft = Draft::<Sections>::read(file, text)?;
        let url = with_user(&format!("{}simple/", goal.endpoint.base_url()));
        let why = if goal.role == Role::Extra {
            for (section, key) in places_of(draft.editor(), EXTRA) {
                draft.append(&[&section, &key], &url)?;
            }
            let message = "pip takes the highest version that any of its indexes has: a stranger's package on another one \
                           can take the place of yours";
            draft.find("dependency-confusion", message.to_owned(), &[]);
            "pip asks the repository beside its other index"
        } else {
            for (section, key) in places_of(draft.editor(), INDEX) {
                draft.set_text(&[&section, &key], &url)?;
            }
            for (section, key) in spelled(draft.editor(), EXTRA) {
                let keys = [section.as_str(), key.as_str()];
                if draft.editor().list(&keys).is_ok_and(|list| list.is_some_and(|list| list.iter().any(|extra| *extra != url))) {
                    let message = format!(
                        "`{key}` in `[{section}]` stays: pip takes the highest version that any of its indexes has, so a \
                         stranger's package there can take the place of yours"
                    );
                    draft.find("dependency-confusion", message, &keys);
                }
            }
            "pip takes the repository for its index"
        };
        for (section, key) in places_of(draft.editor(), "keyring-provider") {
            draft.set_text(&[&section, &key], "subprocess")?;
        }
        Ok(draft.done(Syntax::Ini, why))
    }

    fn links(&self, _goal: &Goal<'_>) -> Vec<String> {
        vec![LINK.to_owned()]
    }
}

/// Where a key has to be written for every command to have it: each section that has it, by its spelling there, and the
/// one for all commands.
fn places_of(text: &Ini, key: &str) -> Vec<(String, String)> {
    let mut places = spelled(text, key);
    let is_in = |section: &str| places.iter().any(|(place, _)| place == section);
    let is_inherited = is_in(DEFAULT) && text.has_table(&[GLOBAL]);
    if !is_in(GLOBAL) && !is_inherited {
        places.push((GLOBAL.to_owned(), key.to_owned()));
    }
    places
}

/// The sections that have a key, each with its spelling there.
fn spelled(text: &Ini, key: &str) -> Vec<(String, String)> {
    let normal = |spelling: &str| {
        let spelling = spelling.to_lowercase().replace('_', "-");
        spelling.strip_prefix("--").map_or(spelling.clone(), str::to_owned)
    };
    let keys = |section: String| {
        let keys = text.keys(&[&section]);
        keys.into_iter().filter(|spelling| normal(spelling) == key).map(move |spelling| (section.clone(), spelling))
    };
    text.keys(&[]).into_iter().flat_map(keys).collect()
}
