//! What sbt reads for all of a user's builds (its manual, "Global settings and plugins"; seen with 1.10).
//!
//! | file | what it does |
//! | --- | --- |
//! | `~/.sbt/1.0/codeartifact.sbt` | asks the credential program, by its path, for tokens |
//! | `~/.sbt/1.0/codeartifact-NAME.sbt` | leads every build, and the builds of builds, to the repository |
//!
//! Where to publish a build says itself. There is the user's level only: a `.sbt` file in a project's folder counts for its
//! outermost project alone, and what is set for a whole build loses to what sbt sets for each of its projects.
//!
//! `resolvers` come behind the public repository; so it is `externalResolvers`, from which both are made. `~/.sbt/repositories`
//! is no place for it: sbt loads itself from there, before it reads any setting that could ask for a token.

use crate::protocol::shown;
use crate::settings::{
    Choices, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile, without_user,
};
use crate::syntax::whole::MARK;

use super::GLOBAL_SETTINGS;

const TOKENS: &str = "codeartifact.sbt";
/// The credential program, as the settings name it where nobody else does.
const HELPER: &str = "\"codeartifact-credential-helper\"";

/// sbt's settings.
pub(super) struct SbtSettings;

impl Settings for SbtSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User], roles: &[Role::Named, Role::Default], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["build.sbt"], is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let home = places.home.ok_or(SettingsError::NoHome { client: "sbt" })?;
        let name = name(goal)?;
        let file = |name: &str| SettingsFile {
            candidates: vec![home.join(".sbt/1.0").join(name)],
            level: Level::User,
            anchor: home.to_path_buf(),
        };
        Ok(vec![file(TOKENS), file(&format!("codeartifact-{name}.sbt"))])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let path = file.candidates.last().cloned().unwrap_or_default();
        if path.ends_with(TOKENS) {
            let path = || SettingsError::Path { path: goal.helper.to_path_buf() };
            let helper = quoted(goal.helper.to_str().ok_or_else(path)?);
            let settings = GLOBAL_SETTINGS.replace(HELPER, &helper);
            return Edit::whole(file, text, &settings, "sbt asks the credential program for CodeArtifact's repositories");
        }
        let (name, url) = (name(goal)?, goal.endpoint.base_url());
        let repository = repository(name, &url);
        if let Some((line, found)) = led_to(text.unwrap_or_default(), name)
            && found != url
        {
            let url = without_user(&shown(&found, 300));
            return Err(SettingsError::NameInUse { path, line, what: "repository", name: name.to_owned(), url });
        }
        let (others, why) = match goal.role {
            Role::Default => ("others.filterNot(_.name == \"public\")", format!("builds take `{name}` for the public repository")),
            Role::Named | Role::Extra => ("others", format!("builds ask the repository as `{name}`, before the public one")),
        };
        let ours = format!(
            "// {MARK}; `--undo` takes it back

externalResolvers := {{
  val ours = {repository}
  val (local, others) = externalResolvers.value.partition(_.name == \"local\")
  local ++ (ours +: {others})
}}
"
        );
        Edit::whole(file, text, &ours, &why)
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        name(goal).map(|name| Some(name.to_owned()))
    }
}

/// A repository as Scala has it. Without encryption there is only the embedded service on this machine.
fn repository(name: &str, url: &str) -> String {
    let repository = format!("({} at {})", quoted(name), quoted(url));
    if url.starts_with("http:") { format!("{repository}.withAllowInsecureProtocol(true)") } else { repository }
}

/// The URL that a file of ours leads to by a name, and its line.
fn led_to(text: &[u8], name: &str) -> Option<(usize, String)> {
    let text = String::from_utf8_lossy(text);
    let start = format!("({} at \"", quoted(name));
    text.lines().enumerate().find_map(|(number, line)| {
        let (_, rest) = line.split_once(&start)?;
        Some((number + 1, rest.split('"').next().unwrap_or_default().to_owned()))
    })
}

/// Text as Scala writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// The name that builds show the repository by.
fn name<'a>(goal: &Goal<'a>) -> Result<&'a str, SettingsError> {
    let name = goal.name.unwrap_or(goal.endpoint.repository().as_str());
    let rule = if name.is_empty() {
        "it is empty"
    } else if matches!(name, "local" | "public") {
        "that is sbt's own name for another one"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        "it is part of a file's name: letters, digits, `-`, `_` and `.`"
    } else {
        return Ok(name);
    };
    Err(SettingsError::Name { name: shown(name, 100), rule })
}
