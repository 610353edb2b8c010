//! What Gradle runs for all of a user's builds (its manual, "Initialization Scripts"; seen with 4.4.1).
//!
//! - `$GRADLE_USER_HOME/init.d`, else `~/.gradle/init.d`: every script in it is run before a build's own. The script here
//!   asks for tokens, by the path of the credential program, and leads builds to repositories.
//! - `codeartifact.repositories` beside it: the repositories it leads to, a line each. Gradle runs nothing that is not named
//!   `.gradle` or `.gradle.kts`.
//!
//! | role | what the script does |
//! | --- | --- |
//! | named | adds the repository before those that a build names, for projects, their plugins and the build itself |
//! | default | gives the public repositories that a build names by Gradle's short forms this one's URL |
//!
//! Where to publish a build says itself: what a script adds there would be published to by every build. Nothing that a
//! project commits is read before its own build scripts, and those are the project's own work: so there is the user's level
//! only.

use crate::protocol::shown;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile, without_user,
};
use crate::syntax::{Syntax, Value, lines::MarkedLines};

use super::INIT_SCRIPT;

const SCRIPT: &str = "codeartifact.gradle";
const LIST: &str = "codeartifact.repositories";
/// The credential program, as the script names it where nobody else does.
const HELPER: &str = "'codeartifact-credential-helper'";

/// Gradle's settings.
pub(super) struct GradleSettings;

impl Settings for GradleSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User], roles: &[Role::Named, Role::Default], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        let files = &["settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts"];
        ProjectMarker { files, is_outermost: |name, _| name.starts_with("settings.gradle") }
    }

    fn files(&self, _goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let (folder, anchor) = match ((places.variable)("GRADLE_USER_HOME"), places.home) {
            (Some(gradle), _) => (places.project.join(&gradle), places.project.join(gradle)),
            (None, Some(home)) => (home.join(".gradle"), home.to_path_buf()),
            (None, None) => return Err(SettingsError::NoHome { client: "Gradle" }),
        };
        let file = |name| SettingsFile {
            candidates: vec![folder.join("init.d").join(name)],
            level: Level::User,
            anchor: anchor.clone(),
        };
        // A list that nobody reads harms nobody.
        Ok(vec![file(LIST), file(SCRIPT)])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let path = file.candidates.last().cloned().unwrap_or_default();
        if path.ends_with(SCRIPT) {
            let path = || SettingsError::Path { path: goal.helper.to_path_buf() };
            let helper = goal.helper.to_str().ok_or_else(path)?;
            // As Groovy writes text in which nothing is filled in.
            let helper = format!("'{}'", helper.replace('\\', r"\\").replace('\'', r"\'"));
            let script = INIT_SCRIPT.replace(HELPER, &helper);
            return Edit::whole(file, text, &script, "Gradle asks the credential program for CodeArtifact's repositories");
        }
        let (name, url) = (name(goal)?, goal.endpoint.base_url());
        let mut draft = Draft::<MarkedLines>::read(file, text)?;
        if let Some(Value::Text(line)) = draft.editor().get(&[name]).ok().flatten()
            && let found = line.rsplit(' ').next().unwrap_or_default()
            && found != url
        {
            let (line, url) = (draft.editor().line(&[name]).unwrap_or(1), without_user(&shown(found, 300)));
            return Err(SettingsError::NameInUse { path, line, what: "repository", name: name.to_owned(), url });
        }
        draft.set(&[name], Value::Text(format!("{} {name} {url}", goal.role)))?;
        let why = match goal.role {
            Role::Default => format!("builds take `{name}` for the public repositories"),
            Role::Named | Role::Extra => format!("builds ask the repository as `{name}`, before those that they name"),
        };
        Ok(draft.done(Syntax::Lines, why))
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        name(goal).map(|name| Some(name.to_owned()))
    }
}

/// The name that builds show the repository by.
fn name<'a>(goal: &Goal<'a>) -> Result<&'a str, SettingsError> {
    let name = goal.name.unwrap_or(goal.endpoint.repository().as_str());
    let rule = if name.is_empty() {
        "it is empty"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        "a line of the list takes letters, digits, `-`, `_` and `.`"
    } else {
        return Ok(name);
    };
    Err(SettingsError::Name { name: shown(name, 100), rule })
}
