//! Bun's files, as Bun 1.4.5 was seen to read them: its own `bunfig.toml`, which wins over every `.npmrc`, also the
//! user's over a project's.
//!
//! - User level: `$XDG_CONFIG_HOME/.bunfig.toml` where that variable is set, and then no other; else `~/.bunfig.toml`.
//! - Project level: `bunfig.toml` where the lock file is; it wins over the user's.
//!
//! | level | file | what is written |
//! | --- | --- | --- |
//! | either | the level's own | `[install.registry]` `url` and `token`, or the same below `[install.scopes."@scope"]` |
//!
//! The `token` is a reference, `$CODEARTIFACT_AUTH_TOKEN`. Where that is not set Bun sends no token, and a project that
//! names another registry does not get it. `.npmrc` would not do: what it refers to is sent as it stands, and npm reads it
//! as well.

use std::path::PathBuf;

use crate::npm::registry;
use crate::settings::{
    Choices, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
    holds_secret,
};
use crate::syntax::{Change, Deed, Splice, Syntax, Value, toml::Toml};

/// What Bun puts the token in the place of; `exec` sets it.
const REFERENCE: &str = "$CODEARTIFACT_AUTH_TOKEN";
const DEFAULT: [&str; 2] = ["install", "registry"];
const SCOPES: [&str; 2] = ["install", "scopes"];

/// Bun's settings.
pub(super) struct BunSettings;

impl Settings for BunSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default], name: false, scope: Some(registry::SCOPE) }
    }

    fn project_marker(&self) -> ProjectMarker {
        registry::PROJECT
    }

    fn project_signs(&self) -> &'static [&'static str] {
        &["bun.lock", "bun.lockb", "bunfig.toml"]
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let (folder, name) = match (goal.level, (places.variable)("XDG_CONFIG_HOME"), places.home) {
            (Level::Project, ..) => (places.project.to_path_buf(), "bunfig.toml"),
            (Level::User, Some(folder), _) => (places.project.join(folder), ".bunfig.toml"),
            (Level::User, None, Some(home)) => (home.to_path_buf(), ".bunfig.toml"),
            (Level::User, None, None) => return Err(SettingsError::NoHome { client: "Bun" }),
        };
        Ok(vec![SettingsFile { candidates: vec![folder.join(name)], level: goal.level, anchor: folder }])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let path = file.candidates.last().cloned().unwrap_or_default();
        let toml = Toml::parse(text.unwrap_or_default())
            .map_err(|source| SettingsError::Syntax { path: path.clone(), source })?;
        let mut work = Work { path, toml, changes: Vec::new(), present: Vec::new() };
        let url = goal.endpoint.base_url();
        let scopes = registry::scopes(goal)?;
        let mut words = "exec -- bun".to_owned();
        if scopes.is_empty() && work.text_at(&DEFAULT).is_some() {
            // A registry that is text has no place for a token.
            work.set(&DEFAULT, &url)?;
            words = format!("exec --repository {} -- bun", goal.endpoint.repository());
        } else if scopes.is_empty() {
            work.lead(&DEFAULT, &url)?;
        }
        for scope in scopes {
            // Bun takes both spellings for the same.
            let plain = scope.trim_start_matches('@');
            let is_plain = work.toml.keys(&SCOPES).iter().any(|key| key == plain);
            work.lead(&[SCOPES[0], SCOPES[1], if is_plain { plain } else { scope }], &url)?;
        }
        Ok(Edit {
            path: work.path,
            before: text.map(|text| String::from_utf8_lossy(text).into_owned()),
            after: work.toml.text(),
            why: registry::why("Bun", goal),
            level: file.level,
            syntax: Syntax::Toml,
            changes: work.changes,
            present: work.present,
            findings: vec![registry::token_by_exec("Bun", &words)],
        })
    }
}

/// A file on its way to what it should be.
struct Work {
    path: PathBuf,
    toml: Toml,
    changes: Vec<Change>,
    present: Vec<Change>,
}

impl Work {
    /// Leads what stands at `keys` to the repository, with a reference to the token.
    fn lead(&mut self, keys: &[&str], url: &str) -> Result<(), SettingsError> {
        let [there, token, password] = ["url", "token", "password"].map(|key| [keys, &[key]].concat());
        if self.text_at(&token).is_some_and(|token| !token.starts_with('$')) {
            return Err(self.secret_in_the_way(&token));
        }
        // Another registry's, it would go to ours.
        if self.text_at(&password).is_some() && self.text_at(&there).is_none_or(|there| there != url) {
            return Err(self.secret_in_the_way(&password));
        }
        self.set(&there, url)?;
        self.set(&token, REFERENCE)
    }

    /// Sets a value. What it replaces is kept for taking it back, and so is no secret.
    fn set(&mut self, keys: &[&str], value: &str) -> Result<(), SettingsError> {
        if self.text_at(keys).is_some_and(|present| present != value && holds_secret(&present)) {
            return Err(self.secret_in_the_way(keys));
        }
        let value = Value::Text(value.to_owned());
        let made = self.toml.set(keys, &value);
        match made.map_err(|source| SettingsError::Syntax { path: self.path.clone(), source })? {
            Some(change) => self.changes.push(change),
            None => self.present.push(Change {
                keys: keys.iter().map(|&key| key.to_owned()).collect(),
                deed: Deed::Set { value, before: None },
                splice: Splice { at: 0, old: String::new(), new: String::new() },
            }),
        }
        Ok(())
    }

    /// The value, where it is text.
    fn text_at(&self, keys: &[&str]) -> Option<String> {
        match self.toml.get(keys) {
            Ok(Some(Value::Text(text))) => Some(text),
            _ => None,
        }
    }

    fn secret_in_the_way(&self, keys: &[&str]) -> SettingsError {
        let line = self.toml.line(keys).unwrap_or(1);
        SettingsError::SecretInTheWay { path: self.path.clone(), line, key: keys.join(".") }
    }
}
