//! Bazel's options files (its guide, "Write bazelrc configuration files").
//!
//! Bazel reads the workspace's `.bazelrc`, then `~/.bazelrc`; of several helpers for the same hosts the last counts. So the
//! user's, which names the link by its path, goes before the project's, which names it for whoever has it on PATH.
//! A helper is for the domain's host, not for all of AWS's: what a build loads from elsewhere does not ask it.

use std::path::Path;

use crate::protocol::shown;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile, without_user,
};
use crate::syntax::{Syntax, Value, lines::MarkedLines};

const LINK: &str = "bazel-credential-codeartifact";
const OPTION: &str = "--credential_helper=";

/// Bazel's settings.
pub(super) struct BazelSettings;

impl Settings for BazelSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User, Level::Project], roles: &[Role::Named], name: false, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        let files = &["MODULE.bazel", "REPO.bazel", "WORKSPACE.bazel", "WORKSPACE"];
        ProjectMarker { files, is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let file = |folder: &Path, level| SettingsFile {
            candidates: vec![folder.join(".bazelrc")],
            level,
            anchor: folder.to_path_buf(),
        };
        let user = file(places.home.ok_or(SettingsError::NoHome { client: "Bazel" })?, Level::User);
        Ok(match goal.level {
            Level::User => vec![user],
            Level::Project => vec![user, file(places.project, Level::Project)],
        })
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let path = file.candidates.last().cloned().unwrap_or_default();
        let host = host(&goal.endpoint.base_url()).to_owned();
        let program = match file.level {
            Level::User => goal.link_path(LINK)?,
            Level::Project => LINK.to_owned(),
        };
        let mut draft = Draft::<MarkedLines>::read(file, text)?;
        if let Some((line, helper)) = other_helper(text.unwrap_or_default(), &host, &program) {
            let url = without_user(&shown(&helper, 300));
            return Err(SettingsError::NameInUse { path, line, what: "credential helper for", name: host, url });
        }
        draft.set(&[&host], Value::Text(format!("common {}", quoted(&format!("{OPTION}{host}={program}")))))?;
        Ok(draft.done(Syntax::Lines, format!("Bazel asks the credential program for what it loads from {host}")))
    }

    fn links(&self, _goal: &Goal<'_>) -> Vec<String> {
        vec![LINK.to_owned()]
    }
}

/// A URL's host, without its port: Bazel compares neither scheme nor port.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Bazel splits a line at blanks, and takes a backslash and quotes for its own.
fn quoted(option: &str) -> String {
    if option.bytes().any(|byte| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'#')) {
        return format!("\"{}\"", option.replace('\\', r"\\").replace('"', "\\\""));
    }
    option.to_owned()
}

/// Somebody's own helper for the host, and its line. Ours of an earlier run does not count.
fn other_helper(text: &[u8], host: &str, program: &str) -> Option<(usize, String)> {
    let text = String::from_utf8_lossy(text);
    let own = format!("{}: {host}", crate::syntax::MARK);
    let theirs = |line: &&str| !line.trim_start().starts_with('#') && !line.trim_end().ends_with(&own);
    let lines = text.lines().enumerate().filter(|(_, line)| theirs(line));
    lines.flat_map(|(number, line)| line.split_whitespace().map(move |word| (number + 1, word))).find_map(|(line, word)| {
        let (names, helper) = word.trim_matches(['"', '\'']).strip_prefix(OPTION)?.split_once('=')?;
        (names == host && helper != program).then(|| (line, helper.to_owned()))
    })
}
