//! Yarn 1's files: those of npm, which [`registry`] describes. What its own `.yarnrc` says of a
//! registry has no credentials: Yarn 1 looks for these in `.npmrc` only (read in 1.22.22).
//!
//! | level | file | what is written |
//! | --- | --- | --- |
//! | user | the user's `.npmrc` | `registry`, or `@scope:registry` for each scope; the repository's `always-auth` |
//! | project | the project's `.npmrc` | the same |
//!
//! Without `always-auth` a token goes with packages that have a scope only. A line that refers to a variable for the token
//! is not written: where the variable is not set, it ends every command of Yarn 1, and npm, which reads the same file,
//! sends the reference as it stands.

use crate::npm::registry;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{Syntax, Value};

/// Yarn 1's settings.
pub(super) struct Yarn1Settings;

impl Settings for Yarn1Settings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default], name: false, scope: Some(registry::SCOPE) }
    }

    fn project_marker(&self) -> ProjectMarker {
        registry::PROJECT
    }

    fn project_signs(&self) -> &'static [&'static str] {
        // `yarn.lock` is Yarn 4's as well.
        &[".yarnrc"]
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        Ok(vec![match goal.level {
            Level::User => registry::user_file(places, "Yarn 1")?,
            Level::Project => registry::project_file(places),
        }])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let mut draft = Draft::read(file, text)?;
        registry::lead(&mut draft, goal)?;
        draft.set(&[&registry::key_of(goal.endpoint, "always-auth")], Value::Text("true".to_owned()))?;
        registry::report_tokens(&mut draft, goal, "`exec` brings Yarn 1 its token, and needs none here");
        draft.note(registry::token_by_exec("Yarn 1", "exec -- yarn"));
        Ok(draft.done(Syntax::Npmrc, registry::why("Yarn 1", goal)))
    }
}
