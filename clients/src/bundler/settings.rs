//! Bundler's configuration files (`bundle config`, its manual page; 2.3.27 was read).
//!
//! - User level: the file that `BUNDLE_CONFIG` or `BUNDLE_USER_CONFIG` names, else `config` in `BUNDLE_USER_HOME`, else
//!   `~/.bundle/config`.
//! - Project level: `config` in `BUNDLE_APP_CONFIG`, else `.bundle/config` beside the `Gemfile`. Bundler calls it local to
//!   the application; where it is committed, what is written here is right for everybody.
//!
//! Written is the mirror of all sources, `BUNDLE_MIRROR__ALL`: whatever the `Gemfile` names, gems come from the
//! repository. A mirror of one source has that source's URL in its key. Which one that would be only the `Gemfile` says,
//! and one that names the repository itself needs nothing here.
//!
//! A token for the index is in the environment: `exec` sets the variable that Bundler looks up by the mirror's host. For
//! the gems themselves RubyGems' [plugin] gets it, a file of the user's at both levels.

use std::path::{Path, PathBuf};

use crate::rubygems::plugin;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{Syntax, Value, yaml::Document};

const MIRROR: &str = "BUNDLE_MIRROR__ALL";
const FALLBACK: &str = "BUNDLE_MIRROR__ALL__FALLBACK_TIMEOUT";

/// Bundler's settings.
pub(super) struct BundlerSettings;

impl Settings for BundlerSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User, Level::Project], roles: &[Role::Default], name: false, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["Gemfile", "gems.rb"], is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let variable = |name| (places.variable)(name).map(|path| places.project.join(path));
        let file = |path: PathBuf, anchor: &Path| SettingsFile {
            candidates: vec![path],
            level: goal.level,
            anchor: anchor.to_path_buf(),
        };
        // First: a mirror that nobody can authorize is the worse half.
        let both = |settings: SettingsFile| Ok(vec![plugin::file(goal), settings]);
        if goal.level == Level::Project {
            let folder = variable("BUNDLE_APP_CONFIG").unwrap_or_else(|| places.project.join(".bundle"));
            return both(file(folder.join("config"), places.project));
        }
        let named = variable("BUNDLE_CONFIG")
            .or_else(|| variable("BUNDLE_USER_CONFIG"))
            .or_else(|| variable("BUNDLE_USER_HOME").map(|folder| folder.join("config")));
        match (named, places.home) {
            (Some(path), _) => {
                let anchor = path.parent().unwrap_or(Path::new("/")).to_path_buf();
                both(file(path, &anchor))
            }
            (None, Some(home)) => both(file(home.join(".bundle/config"), home)),
            (None, None) => Err(SettingsError::NoHome { client: "Bundler" }),
        }
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        if plugin::is_in(file) {
            return plugin::edit(goal, file, text);
        }
        let mut draft = Draft::<Document>::read(file, text)?;
        draft.set(&[MIRROR], Value::Text(goal.endpoint.base_url()))?;
        let is_other = |key: &String| key.starts_with("BUNDLE_MIRROR__") && key != MIRROR && key != FALLBACK;
        for other in draft.editor().keys(&[]).into_iter().filter(is_other) {
            let message = format!("`{other}` counts no longer: the mirror of all sources comes before it");
            draft.find("bundler-mirror-overridden", message, &[&other]);
        }
        if draft.editor().line(&[FALLBACK]).is_some() {
            let message = format!("with `{FALLBACK}` Bundler asks the Gemfile's own sources where the repository is slow");
            draft.find("bundler-mirror-fallback", message, &[FALLBACK]);
        }
        Ok(draft.done(Syntax::Yaml, "Bundler takes gems from the repository instead of the Gemfile's sources"))
    }
}
