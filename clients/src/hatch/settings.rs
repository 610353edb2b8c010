//! Hatch's settings (hatch 1.18.2, `hatch config find`), and Python's `keyring` library.
//!
//! Level user only: Hatch reads from a project neither a repository to publish to nor an index; its environments are
//! filled by pip or uv. `config.toml` in `hatch` in the system's folder for settings, or the file that `HATCH_CONFIG` names:
//! `[publish.index.repos.NAME]` `url` and `user`, without which Hatch asks no keyring; and `[publish.index]` `repo` where
//! the repository is to be the one that is published to unless another is named.
//!
//! NAME is the repository's name unless chosen.

use crate::index_name::IndexNames;
use crate::keyring::Library;
use crate::platformdirs::{named_file, user_config, user_file};
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{Syntax, toml::Toml};

/// Hatch gives these two their URLs, whatever the file says.
const NAMES: IndexNames = IndexNames { dots: true, reserved: &["main", "test"] };

/// Hatch's settings.
pub(super) struct HatchSettings;

impl Settings for HatchSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User], roles: &[Role::Named, Role::Default], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["hatch.toml"], is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let config = match named_file(places, "HATCH_CONFIG") {
            Some(file) => file,
            None => user_file(&user_config(places, "Hatch", false)?, "hatch/config.toml"),
        };
        let library = Library::files(goal, places, "Hatch")?;
        Ok(library.into_iter().chain([config]).collect())
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        if let Some(edit) = Library::edit(goal, file, text) {
            return edit;
        }
        let mut draft = Draft::<Toml>::read(file, text)?;
        let name = NAMES.choose(goal)?;
        let url = goal.endpoint.base_url();
        let [url_keys, user_keys, auth_keys] =
            ["url", "user", "auth"].map(|key| ["publish", "index", "repos", name.as_str(), key]);
        draft.refuse_taken(&url_keys, "repository", &name, &url)?;
        // It would be sent in a token's place; the second is for all repositories.
        for keys in [&auth_keys[..], &["publish", "index", "auth"]] {
            draft.refuse_password(keys)?;
        }
        draft.set_text(&url_keys, &url)?;
        draft.set_text(&user_keys, "aws")?;
        if goal.role == Role::Default {
            draft.set_text(&["publish", "index", "repo"], &name)?;
        }
        let message = "Hatch fills its environments by pip or uv: `configure` these, too, for installing";
        draft.find("installs-by-another", message.to_owned(), &[]);
        Ok(draft.done(Syntax::Toml, format!("Hatch publishes to the repository as `{name}`")))
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        NAMES.choose(goal).map(Some)
    }
}
