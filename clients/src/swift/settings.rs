//! Swift's registry configuration (`RegistryConfiguration.swift` of its package manager was read).
//!
//! - User level: `~/.swiftpm/configuration/registries.json`; on macOS that folder is a link that Swift itself makes.
//! - Project level: `.swiftpm/configuration/registries.json` beside `Package.swift`. It comes before the user's.
//!
//! | level | file | what is written |
//! | --- | --- | --- |
//! | user | the user's | the registry, and how its host is authenticated |
//! | project | the user's | how its host is authenticated: Swift keeps that there, whatever the level of the registry |
//! | project | the project's | the registry |
//!
//! A registry is `registries.SCOPE`, or `registries.[default]` for all packages that are named by a scope. `version` is 1,
//! and required, as `registries` is. Authentication is by the host in lower case, with the port where there is one: type
//! `token`, and the path of the log-in.

use codeartifact::Endpoint;

use crate::protocol::shown;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{
    Syntax, Value,
    json::{Document, EMPTY},
};

const FILE: &str = ".swiftpm/configuration/registries.json";
/// Swift's own word for the registry of all scopes.
const DEFAULT: &str = "[default]";
/// The longest scope, of Swift's registry specification.
const LONGEST_SCOPE: usize = 39;

/// Swift's settings.
pub(super) struct SwiftSettings;

impl Settings for SwiftSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default], name: false, scope: Some("scope") }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["Package.swift"], is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let home = places.home.ok_or(SettingsError::NoHome { client: "Swift" })?;
        let file = |level, anchor: &std::path::Path| SettingsFile {
            candidates: vec![anchor.join(FILE)],
            level,
            anchor: anchor.to_path_buf(),
        };
        let user = file(Level::User, home);
        Ok(match goal.level {
            Level::User => vec![user],
            Level::Project => vec![user, file(Level::Project, places.project)],
        })
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let mut draft = Draft::<Document>::read(file, text)?;
        // Swift refuses a file without both.
        if draft.editor().line(&["version"]).is_none() {
            draft.set(&["version"], Value::Text("1".to_owned()))?;
        }
        if goal.level == file.level {
            for name in registries(goal)? {
                draft.set(&["registries", name, "url"], Value::Text(goal.endpoint.base_url()))?;
            }
        }
        if draft.editor().line(&["registries"]).is_none() {
            draft.set(&["registries"], Value::Text(EMPTY.to_owned()))?;
        }
        if file.level == Level::Project {
            return Ok(draft.done(Syntax::Json, "Swift takes packages of the registry from the repository"));
        }
        let host = host(goal.endpoint);
        let login = format!("{}login", path(goal.endpoint));
        draft.set(&["authentication", &host, "type"], Value::Text("token".to_owned()))?;
        draft.set(&["authentication", &host, "loginAPIPath"], Value::Text(login))?;
        draft.find(
            "swift-login",
            "Swift asks nobody for a token: `swift package-registry login` stores one, in a file elsewhere than on macOS"
                .to_owned(),
            &[],
        );
        Ok(draft.done(Syntax::Json, "Swift knows the repository as a registry, and how it is logged in to"))
    }
}

/// The names of the registry: the scopes, or the one for all.
fn registries<'a>(goal: &'a Goal<'_>) -> Result<Vec<&'a str>, SettingsError> {
    if goal.scopes.is_empty() {
        return Ok(vec![DEFAULT]);
    }
    goal.scopes.iter().map(|scope| checked(scope)).collect()
}

fn checked(scope: &str) -> Result<&str, SettingsError> {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if scope.len() <= LONGEST_SCOPE && scope.split('-').all(is_part) {
        return Ok(scope);
    }
    Err(SettingsError::Scope {
        scope: shown(scope, 100),
        what: "scope",
        rule: "Swift takes up to 39 letters and digits, with single `-` between them",
    })
}

/// The host as Swift looks it up.
fn host(endpoint: &Endpoint) -> String {
    let url = endpoint.base_url();
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    rest[..rest.find('/').unwrap_or(rest.len())].to_ascii_lowercase()
}

/// The path of a repository's address.
fn path(endpoint: &Endpoint) -> String {
    let url = endpoint.base_url();
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    rest[rest.find('/').unwrap_or(rest.len())..].to_owned()
}
