//! Yarn 4's files, as 4.18 was seen to read them.
//!
//! - User level: `~/.yarnrc.yml`, or what the variable `YARN_RC_FILENAME` names in its place.
//! - Project level: the file of that name beside `yarn.lock`. Its keys win over the user's; plugins and hosts of both are
//!   taken.
//!
//! | level | file | what is written |
//! | --- | --- | --- |
//! | either | `~/.yarn/codeartifact.cjs` | the plugin, with the credential program's path |
//! | either | the user's | the plugin in `plugins` |
//! | either | the level's own | `npmRegistryServer` and `npmAlwaysAuth` |
//! | either, for scopes | the level's own | `npmScopes.SCOPE` with `npmRegistryServer` and `npmPublishRegistry` |
//! | either, for plain HTTP on this machine | the level's own | the host in `unsafeHttpWhitelist` |
//!
//! A path in `plugins` is relative to its file. The plugin is written before the file that names it: one that is not there
//! ends every command of Yarn. Without `npmAlwaysAuth` nobody is asked for the header of packages that have no scope; an
//! entry for the registry in `npmRegistries` hides that key, and so has to have it too. Where one has a token, the
//! plugin's wins. A scope without `npmPublishRegistry` is published to the default registry, which may be everybody's.

use codeartifact::Endpoint;

use super::PLUGIN;
use crate::npm::registry;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{Syntax, Value, whole, yaml};

/// The plugin's file, below the folder of the user's settings.
const FOLDER: &str = ".yarn";
const FILE: &str = "codeartifact.cjs";
/// What the plugin says of its program where nobody has said which.
const NO_PROGRAM: &str = "const PROGRAM = '';";
/// Where the plugin's text comes from, if by hand.
const BY_HAND: &str = "From `codeartifact-credential-helper yarn --plugin`";

/// Yarn's settings.
pub(super) struct YarnSettings;

impl Settings for YarnSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default], name: false, scope: Some(registry::SCOPE) }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["yarn.lock", "package.json"], is_outermost: |name, _| name == "yarn.lock" }
    }

    fn project_signs(&self) -> &'static [&'static str] {
        // `yarn.lock` is Yarn 1's as well.
        &[".yarnrc.yml"]
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let home = places.home.ok_or(SettingsError::NoHome { client: "Yarn" })?;
        let name = (places.variable)("YARN_RC_FILENAME").unwrap_or_else(|| ".yarnrc.yml".to_owned());
        let user = |path| SettingsFile { candidates: vec![path], level: Level::User, anchor: home.to_path_buf() };
        let mut files = vec![user(home.join(FOLDER).join(FILE)), user(home.join(&name))];
        if goal.level == Level::Project {
            let project = places.project.to_path_buf();
            files.push(SettingsFile { candidates: vec![project.join(name)], level: Level::Project, anchor: project });
        }
        Ok(files)
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        if file.candidates.last().is_some_and(|path| path.ends_with(FILE)) {
            return Edit::whole(file, text, &plugin(goal)?, "the plugin asks the credential program for Yarn");
        }
        let mut draft = Draft::<yaml::Document>::read(file, text)?;
        if file.level == Level::User {
            draft.append(&["plugins"], &format!("{FOLDER}/{FILE}"))?;
        }
        if file.level != goal.level {
            return Ok(draft.done(Syntax::Yaml, "Yarn asks the plugin for the repository's tokens"));
        }
        let url = goal.endpoint.base_url();
        let scopes = registry::scopes(goal)?;
        if scopes.is_empty() {
            draft.set(&["npmRegistryServer"], written(&url))?;
            draft.set(&["npmAlwaysAuth"], written("true"))?;
        }
        for scope in scopes {
            let scope = scope.trim_start_matches('@');
            draft.set(&["npmScopes", scope, "npmRegistryServer"], written(&url))?;
            // Somebody's choice of another place to publish to stays.
            let publish = ["npmScopes", scope, "npmPublishRegistry"];
            if draft.editor().get(&publish).is_ok_and(|there| there.is_none_or(|there| there == written(&url))) {
                draft.set(&publish, written(&url))?;
            }
        }
        for entry in entries(&draft, goal.endpoint) {
            if scopes.is_empty() {
                draft.set(&["npmRegistries", &entry, "npmAlwaysAuth"], written("true"))?;
            }
            for secret in ["npmAuthToken", "npmAuthIdent"] {
                let keys = ["npmRegistries", &entry, secret];
                if draft.editor().line(&keys).is_some() {
                    let message = "Yarn takes the plugin's token, not this one: remove it".to_owned();
                    draft.find(registry::TOKEN_IN_FILE, message, &keys);
                }
            }
        }
        if let Some(host) = plain_host(&url) {
            draft.append(&["unsafeHttpWhitelist"], host)?;
        }
        Ok(draft.done(Syntax::Yaml, registry::why("Yarn", goal)))
    }
}

/// The plugin as `configure` writes it: it knows the program's place.
fn plugin(goal: &Goal<'_>) -> Result<String, SettingsError> {
    let helper = goal.helper.to_str().ok_or_else(|| SettingsError::Path { path: goal.helper.to_path_buf() })?;
    // A string of JSON is one of JavaScript.
    let program = format!("const PROGRAM = {};", serde_json::Value::from(helper));
    Ok(PLUGIN.replacen(BY_HAND, &format!("This file was {}", whole::MARK), 1).replacen(NO_PROGRAM, &program, 1))
}

/// The keys in `npmRegistries` that stand for the repository: Yarn compares them without the last `/`, with the scheme and
/// without.
fn entries(draft: &Draft<'_, yaml::Document>, endpoint: &Endpoint) -> Vec<String> {
    let url = endpoint.base_url();
    let url = url.trim_end_matches('/');
    let is_ours = |key: &String| [url, registry::bare(url)].contains(&key.trim_end_matches('/'));
    draft.editor().keys(&["npmRegistries"]).into_iter().filter(is_ours).collect()
}

fn written(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// The host of a URL of plain HTTP.
fn plain_host(url: &str) -> Option<&str> {
    let authority = url.strip_prefix("http://")?.split('/').next()?;
    // `[::1]:8080` has colons of its own.
    let port = authority.rfind(':').filter(|colon| *colon > authority.rfind(']').unwrap_or_default());
    Some(&authority[..port.unwrap_or(authority.len())])
}

#[cfg(test)]
mod tests {
    use super::{BY_HAND, NO_PROGRAM, PLUGIN, plain_host};

    #[test]
    fn the_plugin_has_the_lines_that_are_filled_in() {
        assert_eq!(PLUGIN.matches(BY_HAND).count(), 1);
        assert_eq!(PLUGIN.matches(NO_PROGRAM).count(), 1);
    }

    #[test]
    fn hosts_of_plain_http_are_found() {
        assert_eq!(plain_host("http://127.0.0.1:8080/npm/"), Some("127.0.0.1"));
        assert_eq!(plain_host("http://[::1]:8080/npm/"), Some("[::1]"));
        assert_eq!(plain_host("http://localhost/npm/"), Some("localhost"));
        assert_eq!(plain_host("https://127.0.0.1/"), None);
    }
}
