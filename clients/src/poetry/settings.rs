//! Poetry's settings (poetry 2.5.1), and Python's `keyring` library.
//!
//! - User level: `$POETRY_CONFIG_DIR/config.toml`, else `pypoetry/config.toml` in the system's folder for settings:
//!   `[repositories.NAME]` `url`, by which `poetry publish --repository NAME` knows the repository. Poetry reads sources of
//!   packages from a project only.
//! - Project level: both that and `[[tool.poetry.source]]` in the project's `pyproject.toml`, with `priority = "primary"`,
//!   which takes the place of the public index, or `supplemental` as an extra one, which Poetry asks for what the others
//!   do not have.
//!
//! NAME is the repository's name unless chosen, with `-` for dots: Poetry before 2 splits `repositories.NAME.url` at them.

use crate::index_name::IndexNames;
use crate::keyring::Library;
use crate::platformdirs::{user_config, user_file};
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{
    Syntax,
    toml::{Order, Toml},
};

const NAMES: IndexNames = IndexNames { dots: false, reserved: &["pypi"] };
const SOURCES: [&str; 3] = ["tool", "poetry", "source"];

/// Poetry's settings.
pub(super) struct PoetrySettings;

impl Settings for PoetrySettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default, Role::Extra], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["pyproject.toml"], is_outermost: |_, _| false }
    }

    fn project_signs(&self) -> &'static [&'static str] {
        &["poetry.lock", "poetry.toml"]
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let config = match (places.variable)("POETRY_CONFIG_DIR") {
            Some(folder) => user_file(&places.project.join(folder), "config.toml"),
            None => user_file(&user_config(places, "Poetry", true)?, "pypoetry/config.toml"),
        };
        let library = Library::files(goal, places, "Poetry")?;
        let mut files: Vec<_> = library.into_iter().chain([config]).collect();
        if goal.level == Level::Project {
            files.push(SettingsFile::of_project(places, "pyproject.toml"));
        }
        Ok(files)
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        if let Some(edit) = Library::edit(goal, file, text) {
            return edit;
        }
        let mut draft = Draft::<Toml>::read(file, text)?;
        let name = NAMES.choose(goal)?;
        let url = goal.endpoint.base_url();
        if file.level == Level::User {
            let keys = ["repositories", &name, "url"];
            draft.refuse_taken(&keys, "repository", &name, &url)?;
            draft.set_text(&keys, &url)?;
            if goal.level == Level::User {
                let message = "Poetry reads sources of packages from a project: `configure poetry --project` writes one there";
                draft.find("project-only", message.to_owned(), &[]);
            }
            return Ok(draft.done(Syntax::Toml, format!("Poetry publishes to the repository as `{name}`")));
        }
        let key = |key: &'static str| [&SOURCES[..], &[&name, key]].concat();
        let url = format!("{url}simple/");
        draft.refuse_taken(&key("url"), "source", &name, &url)?;
        draft.entry(&SOURCES, &name, Order::Last)?;
        draft.set_text(&key("url"), &url)?;
        if goal.role == Role::Extra {
            draft.set_text(&key("priority"), "supplemental")?;
            let message = "Poetry asks the repository for what its other sources do not have: a stranger's package there can \
                           take the place of yours";
            draft.find("dependency-confusion", message.to_owned(), &[]);
        } else {
            draft.set_text(&key("priority"), "primary")?;
        }
        Ok(draft.done(Syntax::Toml, format!("Poetry knows the repository as source `{name}`")))
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        NAMES.choose(goal).map(Some)
    }
}
