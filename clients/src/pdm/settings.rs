//! PDM's settings (pdm 2.29.3), and Python's `keyring` library, which PDM asks where it is installed.
//!
//! - User level: `pdm/config.toml` in the system's folder for settings, or the file that `PDM_CONFIG_FILE` names:
//!   `[repository.NAME]` for `pdm publish -r NAME`, and `[pypi]` `url`, or `[pypi.NAME]` `url` as an extra index.
//! - Project level: that without the index, which is `[[tool.pdm.source]]` in the project's `pyproject.toml`. One whose
//!   name is `pypi` takes the place of the public index.
//!
//! NAME is the repository's name unless chosen, with `-` for dots: PDM splits `repository.NAME.url` at them.

use crate::index_name::IndexNames;
use crate::keyring::{LINK, Library};
use crate::platformdirs::{named_file, user_config, user_file};
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{
    Syntax,
    toml::{Order, Toml},
};

/// PDM's name for its default index; the others are keys of that index's own settings.
const PUBLIC: &str = "pypi";
const NAMES: IndexNames = IndexNames {
    dots: false,
    reserved: &[
        PUBLIC,
        "testpypi",
        "url",
        "verify_ssl",
        "username",
        "password",
        "ca_certs",
        "ignore_stored_index",
        "client_cert",
        "client_key",
        "json_api",
    ],
};
const SOURCES: [&str; 3] = ["tool", "pdm", "source"];

/// PDM's settings.
pub(super) struct PdmSettings;

impl Settings for PdmSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default, Role::Extra], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["pyproject.toml"], is_outermost: |_, _| false }
    }

    fn project_signs(&self) -> &'static [&'static str] {
        &["pdm.lock", "pdm.toml"]
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let config = match named_file(places, "PDM_CONFIG_FILE") {
            Some(file) => file,
            // On Windows with the author's folder above, for which PDM gives the same name.
            None if cfg!(windows) => user_file(&user_config(places, "PDM", false)?, "pdm/pdm/config.toml"),
            None => user_file(&user_config(places, "PDM", false)?, "pdm/config.toml"),
        };
        let library = Library::files(goal, places, "PDM")?;
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
        let upload = goal.endpoint.base_url();
        let index = format!("{upload}simple/");
        let is_extra = goal.role == Role::Extra;
        let mut why = format!("PDM publishes to the repository as `{name}`");
        if file.level == Level::User {
            let repository = ["repository", &name, "url"];
            draft.refuse_taken(&repository, "repository", &name, &upload)?;
            draft.set_text(&repository, &upload)?;
            draft.set_text(&["repository", &name, "username"], "aws")?;
        }
        if file.level == goal.level {
            match (file.level, is_extra) {
                (Level::User, false) => draft.set_text(&[PUBLIC, "url"], &index)?,
                (Level::User, true) => {
                    let keys = [PUBLIC, &name, "url"];
                    draft.refuse_taken(&keys, "index", &name, &index)?;
                    draft.set_text(&keys, &index)?;
                }
                (Level::Project, _) => {
                    let source = if is_extra { &name } else { PUBLIC };
                    let url = [&SOURCES[..], &[source, "url"]].concat();
                    if is_extra {
                        draft.refuse_taken(&url, "source", source, &index)?;
                    }
                    draft.entry(&SOURCES, source, Order::Last)?;
                    draft.set_text(&url, &index)?;
                }
            }
            if is_extra {
                let message = "PDM takes the highest version that any of its indexes has: a stranger's package on another one \
                               can take the place of yours";
                draft.find("dependency-confusion", message.to_owned(), &[]);
                why = format!("PDM asks the repository beside its default index, as `{name}`");
            } else {
                why.replace_range(.., "PDM takes the repository for its default index");
            }
        }
        Ok(draft.done(Syntax::Toml, why))
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        NAMES.choose(goal).map(Some)
    }

    fn links(&self, _goal: &Goal<'_>) -> Vec<String> {
        vec![LINK.to_owned()]
    }
}
