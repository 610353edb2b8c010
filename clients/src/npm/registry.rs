//! What npm, pnpm and Yarn 1 have alike: `.npmrc`, and the keys that lead to a registry.
//!
//! - User level: the file that the variable `npm_config_userconfig` names, in small or capital letters, else `~/.npmrc`.
//!   npm 11.19, pnpm 7.33 to 12.21 and Yarn 1.22 were run with both; Yarn 1 and pnpm follow the variable as npm does.
//! - Project level: `.npmrc` beside the outermost `package.json` of a workspace. Its keys win over the user's.
//! - `registry` leads all packages, `@scope:registry` those of a scope; `//HOST/PATH/:KEY` is for a registry's URL.

use codeartifact::Endpoint;

use crate::protocol::shown;
use crate::settings::{Draft, Finding, Goal, Level, Places, ProjectMarker, SettingsError, SettingsFile};
use crate::syntax::{Value, npmrc};

/// What these clients call a part of their packages.
pub(crate) const SCOPE: &str = "scope";

/// The code for a token that stands in a file.
pub(crate) const TOKEN_IN_FILE: &str = "token-in-file";

/// The keys that hold a credential.
const CREDENTIALS: [&str; 3] = ["_authToken", "_auth", "_password"];

/// A project is the workspace that has the package, or the package itself.
pub(crate) const PROJECT: ProjectMarker = ProjectMarker {
    files: &["package.json"],
    is_outermost: |_, text| {
        serde_json::from_str::<serde_json::Value>(text).is_ok_and(|manifest| manifest.get("workspaces").is_some())
    },
};

/// The user's own `.npmrc`.
///
/// # Errors
/// [`SettingsError::NoHome`]: nothing says where it is.
pub(crate) fn user_file(places: &Places<'_>, client: &'static str) -> Result<SettingsFile, SettingsError> {
    let named = ["npm_config_userconfig", "NPM_CONFIG_USERCONFIG"].iter().find_map(|name| (places.variable)(name));
    let (path, anchor) = match (named, places.home) {
        (Some(named), _) => {
            let path = places.project.join(named);
            let anchor = path.parent().unwrap_or(&path).to_path_buf();
            (path, anchor)
        }
        (None, Some(home)) => (home.join(".npmrc"), home.to_path_buf()),
        (None, None) => return Err(SettingsError::NoHome { client }),
    };
    Ok(SettingsFile { candidates: vec![path], level: Level::User, anchor })
}

/// A project's `.npmrc`.
pub(crate) fn project_file(places: &Places<'_>) -> SettingsFile {
    SettingsFile::of_project(places, ".npmrc")
}

/// The scopes, each with its `@`; none where the repository is for all packages.
///
/// # Errors
/// [`SettingsError::Scope`]: one is none that npm accepts.
pub(crate) fn scopes<'a>(goal: &Goal<'a>) -> Result<&'a [String], SettingsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    let good = |scope: &str| {
        scope.strip_prefix('@').is_some_and(|name| !name.is_empty() && !name.starts_with('.') && name.chars().all(plain))
    };
    match goal.scopes.iter().find(|scope| !good(scope)) {
        Some(scope) => Err(SettingsError::Scope {
            scope: shown(scope, 100),
            what: SCOPE,
            rule: "it is `@` and a name of letters, digits, `-`, `_`, `.` and `~`",
        }),
        None => Ok(goal.scopes),
    }
}

/// Leads the packages, or those of the scopes, to the repository.
///
/// # Errors
/// A scope is none, or the file has no room or a secret in the way.
pub(crate) fn lead(draft: &mut Draft<'_, npmrc::Settings>, goal: &Goal<'_>) -> Result<(), SettingsError> {
    let url = goal.endpoint.base_url();
    let scopes = scopes(goal)?;
    if scopes.is_empty() {
        return draft.set(&["registry"], Value::Text(url));
    }
    scopes.iter().try_for_each(|scope| draft.set(&[&format!("{scope}:registry")], Value::Text(url.clone())))
}

/// `//HOST/npm/REPOSITORY/:KEY`
pub(crate) fn key_of(endpoint: &Endpoint, key: &str) -> String {
    format!("{}:{key}", bare(&endpoint.base_url()))
}

/// A URL without its scheme: `//HOST/PATH/`.
pub(crate) fn bare(url: &str) -> &str {
    url.split_once(':').map_or(url, |(_, rest)| rest)
}

/// Reports the credentials that the file holds for the repository or for more than it: what `aws codeartifact login` and
/// AWS's documentation put there. None of them is touched; `message` says what they do, and is followed by the advice.
pub(crate) fn report_tokens(draft: &mut Draft<'_, npmrc::Settings>, goal: &Goal<'_>, message: &str) {
    let url = goal.endpoint.base_url();
    let ours = bare(&url);
    let is_ours = |key: &String| {
        key.rsplit_once(':').is_some_and(|(registry, name)| {
            let registry = registry.trim_end_matches('/');
            let is_above = ours.strip_prefix(registry).is_some_and(|rest| rest.starts_with('/'));
            CREDENTIALS.contains(&name) && registry.len() > 2 && is_above
        })
    };
    for key in draft.editor().keys(&[]).iter().filter(|key| is_ours(key)) {
        draft.find(TOKEN_IN_FILE, format!("{message}: remove the line"), &[key]);
    }
}

/// How a client that asks no program gets its token: by these words behind `cargo codeartifact`.
pub(crate) fn token_by_exec(title: &str, words: &str) -> Finding {
    let message = format!(
        "{title} asks no program for a token: start it as `cargo codeartifact {words} …`, or have that done by \
         `eval \"$(cargo codeartifact shell-init)\"` in your shell's start-up file"
    );
    Finding { code: "token-by-exec", message, path: None, line: None }
}

/// For whom the edit leads where, in words.
pub(crate) fn why(title: &str, goal: &Goal<'_>) -> String {
    match goal.scopes {
        [] => format!("{title} takes the repository for its default registry"),
        scopes => format!("{title} takes the repository for {}", scopes.join(", ")),
    }
}
