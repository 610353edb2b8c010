//! pnpm's files: those of npm, which [`registry`] describes.
//!
//! | level | file | what is written |
//! | --- | --- | --- |
//! | user | the user's `.npmrc` | `registry`, or `@scope:registry` for each scope; the repository's `tokenHelper` |
//! | project | the user's `.npmrc` | the repository's `tokenHelper` |
//! | project | the project's `.npmrc` | `registry`, or `@scope:registry` for each scope |
//!
//! Every version from 7.33 to 12.21 reads both keys from `~/.npmrc`. Until 10 a `tokenHelper` in pnpm's own
//! `~/.config/pnpm/rc` is passed over; from 11 on there is `auth.ini` beside it, which the older ones do not read. In a
//! project's file it is ignored or refused, as it must be: a project does not choose a program. It wins over an
//! `_authToken` for the same repository in all of them.
//!
//! It names a link whose name says the domain, because pnpm says nothing when it asks.

use crate::npm::registry;
use crate::settings::{
    Choices, Draft, Edit, Finding, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{Syntax, Value};

/// What the names of its links begin with.
pub(super) const LINK: &str = "codeartifact-pnpm-";

/// pnpm's settings.
pub(super) struct PnpmSettings;

impl Settings for PnpmSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default], name: false, scope: Some(registry::SCOPE) }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["pnpm-workspace.yaml", "package.json"], is_outermost: |name, _| name != "package.json" }
    }

    fn project_signs(&self) -> &'static [&'static str] {
        &["pnpm-lock.yaml", "pnpm-workspace.yaml"]
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let user = registry::user_file(places, "pnpm")?;
        Ok(match goal.level {
            Level::User => vec![user],
            Level::Project => vec![user, registry::project_file(places)],
        })
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let mut draft = Draft::read(file, text)?;
        let leads = file.level == goal.level;
        if leads {
            registry::lead(&mut draft, goal)?;
        }
        if file.level == Level::User {
            let link = goal.link_path(&goal.domain_link(LINK))?;
            draft.replace(&[&registry::key_of(goal.endpoint, "tokenHelper")], Value::Text(link.clone()))?;
            // pnpm 7 to 10 take it for arguments, which they refuse; 11 and 12 split it.
            if link.contains(char::is_whitespace) {
                let message = format!("pnpm takes no blanks in the path of a helper: {link}");
                draft.note(Finding { code: "helper-path-with-blanks", message, path: None, line: None });
            }
        }
        registry::report_tokens(&mut draft, goal, "pnpm needs no token here, and takes the helper's");
        let why = if leads {
            registry::why("pnpm", goal)
        } else {
            "pnpm asks the credential program for the repository's tokens".to_owned()
        };
        Ok(draft.done(Syntax::Npmrc, why))
    }

    fn links(&self, goal: &Goal<'_>) -> Vec<String> {
        vec![goal.domain_link(LINK)]
    }
}
