//! uv's settings (uv 0.13.9).
//!
//! - User level: `$XDG_CONFIG_HOME/uv/uv.toml`, else `~/.config/uv/uv.toml`, also on macOS; on Windows
//!   `%APPDATA%\uv\uv.toml`. `UV_CONFIG_FILE` names another.
//! - Project level: `[tool.uv]` in `pyproject.toml`, unless there is a `uv.toml` beside it: then uv leaves out the former.
//!   The folder is the workspace's, or the nearest that has one of the two.
//!
//! | level | file | what is written |
//! | --- | --- | --- |
//! | both | the user's | `keyring-provider = "subprocess"` |
//! | both | the level's own | `[[index]]`: `name`, `url`, `publish-url`, `authenticate = "always"`; as the default `default` |
//!
//! `authenticate` makes uv ask for reading without a user name in the URL; for publishing only a user name does, so
//! `publish-url` has it. Of several defaults uv takes the first (seen with 0.13.9): ours goes before the others.
//!
//! NAME is the repository's name unless chosen.

use crate::index_name::IndexNames;
use crate::keyring::{LINK, with_user};
use crate::platformdirs::{named_file, user_file, xdg_config};
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{
    Syntax, Value,
    toml::{Order, Toml},
};

const NAMES: IndexNames = IndexNames { dots: true, reserved: &[] };

/// uv's settings.
pub(super) struct UvSettings;

impl Settings for UvSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default, Role::Extra], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        let is_workspace = |_: &str, text: &str| {
            Toml::parse(text.as_bytes()).is_ok_and(|toml| toml.has_table(&["tool", "uv", "workspace"]))
        };
        ProjectMarker { files: &["pyproject.toml", "uv.toml"], is_outermost: is_workspace }
    }

    fn project_signs(&self) -> &'static [&'static str] {
        &["uv.lock", "uv.toml"]
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let user = match named_file(places, "UV_CONFIG_FILE") {
            Some(file) => file,
            None if cfg!(windows) => {
                let roaming = (places.variable)("APPDATA").ok_or(SettingsError::NoHome { client: "uv" })?;
                user_file(roaming.as_ref(), "uv/uv.toml")
            }
            None => user_file(&xdg_config(places, "uv")?, "uv/uv.toml"),
        };
        let of_project = || SettingsFile {
            candidates: vec![places.project.join("uv.toml"), places.project.join("pyproject.toml")],
            level: Level::Project,
            anchor: places.project.to_path_buf(),
        };
        Ok(match goal.level {
            Level::User => vec![user],
            Level::Project => vec![user, of_project()],
        })
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let mut draft = Draft::<Toml>::read(file, text)?;
        if file.level != goal.level {
            draft.set_text(&["keyring-provider"], "subprocess")?;
            return Ok(draft.done(Syntax::Toml, "uv asks the credential program"));
        }
        let path = file.candidates.last().cloned().unwrap_or_default();
        let is_shared = file.level == Level::Project && path.ends_with("pyproject.toml");
        let array: &[&str] = if is_shared { &["tool", "uv", "index"] } else { &["index"] };
        let name = NAMES.choose(goal)?;
        let url = format!("{}simple/", goal.endpoint.base_url());
        let key = |key: &'static str| [array, &[&name, key]].concat();
        draft.refuse_taken(&key("url"), "index", &name, &url)?;
        if file.level == Level::User {
            draft.set_text(&["keyring-provider"], "subprocess")?;
        }
        let entries = draft.editor().entries(array);
        let others = || entries.iter().filter(|entry| entry.text("name") != Some(&name));
        let is_default = goal.role == Role::Default;
        let is_rivalled = is_default && others().any(|entry| entry.values.get("default") == Some(&Value::Truth(true)));
        draft.entry(array, &name, if is_rivalled { Order::First } else { Order::Last })?;
        draft.set_text(&key("url"), &url)?;
        draft.set_text(&key("publish-url"), &with_user(&goal.endpoint.base_url()))?;
        if is_default {
            draft.set(&key("default"), Value::Truth(true))?;
        } else if draft.editor().get(&key("default")) == Ok(Some(Value::Truth(true))) {
            draft.set(&key("default"), Value::Truth(false))?;
        }
        draft.set_text(&key("authenticate"), "always")?;
        let mut why = format!("uv knows the repository as index `{name}`");
        if is_default {
            why.push_str(", and takes it for its default");
        } else {
            let message = "uv takes a package from the first index that has it: what the repository does not have comes from \
                           the other indexes, whoever put it there";
            draft.find("dependency-confusion", message.to_owned(), &[]);
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
