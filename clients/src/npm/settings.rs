//! npm's files: [`registry`] says which, and which keys.
//!
//! | level | file | what is written |
//! | --- | --- | --- |
//! | user | the user's `.npmrc` | `registry`, or `@scope:registry` for each scope |
//! | project | the project's `.npmrc` | the same |
//!
//! npm asks no program for a token, so none is named, and no line for a token is written: a reference to a variable that
//! is not set would be sent as it stands. `exec` brings the token by a key of its own for the domain; a line for the
//! repository is more exact and wins over it (npm 11.19 was run), which is why one that is there is reported.

use super::registry;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::Syntax;

/// npm's settings.
pub(super) struct NpmSettings;

impl Settings for NpmSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default], name: false, scope: Some(registry::SCOPE) }
    }

    fn project_marker(&self) -> ProjectMarker {
        registry::PROJECT
    }

    fn project_signs(&self) -> &'static [&'static str] {
        &["package-lock.json", "npm-shrinkwrap.json"]
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        Ok(vec![match goal.level {
            Level::User => registry::user_file(places, "npm")?,
            Level::Project => registry::project_file(places),
        }])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let mut draft = Draft::read(file, text)?;
        registry::lead(&mut draft, goal)?;
        registry::report_tokens(&mut draft, goal, "npm may take this token in place of the one that `exec` brings");
        draft.note(registry::token_by_exec("npm", "exec -- npm"));
        Ok(draft.done(Syntax::Npmrc, registry::why("npm", goal)))
    }
}
