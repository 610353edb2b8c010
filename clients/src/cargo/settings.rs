//! Cargo's configuration files (The Cargo Book, "Configuration" and "Registry Authentication").
//!
//! - User level: `$CARGO_HOME/config.toml`, else `~/.cargo/config.toml`. A file `config` beside it, a name from before
//!   1.39, is preferred by cargo, with a warning; so it is the one to edit.
//! - Project level: `.cargo/config.toml` in the workspace's folder. Cargo merges files from the current folder upwards;
//!   the nearest wins.
//!
//! | level | file | what is written |
//! | --- | --- | --- |
//! | user | the user's | `[registries.NAME]` `index` and `credential-provider` |
//! | project | the project's | `[registries.NAME]` `index`: the same on every machine |
//! | project | the user's | the credential program at the end of `[registry] global-credential-providers` |
//! | either, to replace the default registry | the level's own | `[source.crates-io]` `replace-with = "NAME"` |
//!
//! The credential program is named where the file's owner is the one who runs it: a project file that names a program
//! runs it for everybody who enters the project. In the global list the last provider is asked first; ours declines
//! every registry that is not CodeArtifact's, so the others keep theirs. Cargo splits an entry of that list at blanks,
//! so a path that has any is given a name under `[credential-alias]` first. Without a list cargo has `cargo:token` only,
//! and a list replaces it: so the list begins with it.
//!
//! NAME is the repository's name unless chosen. Cargo takes letters, digits, `-` and `_`, and no digit first. A
//! repository's name may hold dots too; each becomes `-`. A name in use for another address is an error, never replaced.

use std::{fmt, path::Path};

use codeartifact::RepositoryName;

use crate::protocol::shown;
use crate::settings::{
    Choices, Edit, Finding, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile, looks_secret,
    without_user,
};
use crate::syntax::{Change, Deed, Syntax, SyntaxError, Value, toml::Toml};

/// The alias for a credential program whose path holds blanks.
const ALIAS: &str = "codeartifact";
/// What cargo does without a list of providers.
const DEFAULT_PROVIDERS: [&str; 1] = ["cargo:token"];
const GLOBAL_PROVIDERS: [&str; 2] = ["registry", "global-credential-providers"];
const REPLACE_WITH: [&str; 3] = ["source", "crates-io", "replace-with"];

/// Cargo's settings.
pub(super) struct CargoSettings;

impl Settings for CargoSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Named, Role::Default], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker {
            files: &["Cargo.toml"],
            is_outermost: |_, text| Toml::parse(text.as_bytes()).is_ok_and(|toml| toml.has_table(&["workspace"])),
        }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let user = match ((places.variable)("CARGO_HOME"), places.home) {
            (Some(cargo_home), _) => {
                let cargo_home = places.project.join(cargo_home);
                file(&cargo_home, Level::User, &cargo_home)
            }
            (None, Some(home)) => file(&home.join(".cargo"), Level::User, home),
            (None, None) => return Err(SettingsError::NoHome { client: "Cargo" }),
        };
        Ok(match goal.level {
            Level::User => vec![user],
            // The user's first: a project that names a registry nobody can authorize is the worse half.
            Level::Project => vec![user, file(&places.project.join(".cargo"), Level::Project, places.project)],
        })
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let path = file.candidates.last().cloned().unwrap_or_default();
        let name = RegistryName::choose(goal.name, goal.endpoint.repository())?;
        let helper =
            goal.helper.to_str().ok_or_else(|| SettingsError::Path { path: goal.helper.to_path_buf() })?;
        let in_file = |source| SettingsError::Syntax { path: path.clone(), source };
        let mut work = Work { toml: Toml::parse(text.unwrap_or_default()).map_err(in_file)?, edits: Vec::new(), present: Vec::new() };
        work.refuse_taken_name(&name, &goal.endpoint.index_url(), &path)?;
        let why = match (goal.level, file.level) {
            (Level::Project, Level::User) => {
                work.global_provider(helper).map_err(in_file)?;
                "cargo asks the credential program for CodeArtifact's registries".to_owned()
            }
            (level, _) => {
                let registry = ["registries", &name.0];
                work.set(&[registry[0], registry[1], "index"], Value::Text(goal.endpoint.index_url())).map_err(in_file)?;
                if level == Level::User {
                    let provider = [registry[0], registry[1], "credential-provider"];
                    work.refuse_secret(&provider, &path)?;
                    work.set(&provider, Value::List(vec![helper.to_owned()])).map_err(in_file)?;
                }
                if goal.role == Role::Default {
                    work.set(&REPLACE_WITH, Value::Text(name.0.clone())).map_err(in_file)?;
                    format!("cargo takes `{name}` for its default registry")
                } else {
                    format!("cargo knows the repository as registry `{name}`")
                }
            }
        };
        Ok(Edit {
            findings: findings(&work.toml, goal, &name, &path),
            before: text.map(|text| String::from_utf8_lossy(text).into_owned()),
            after: work.toml.text(),
            path,
            why,
            level: file.level,
            syntax: Syntax::Toml,
            changes: work.edits,
            present: work.present,
        })
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        RegistryName::choose(goal.name, goal.endpoint.repository()).map(|name| Some(name.0))
    }
}

fn file(folder: &Path, level: Level, anchor: &Path) -> SettingsFile {
    SettingsFile {
        candidates: vec![folder.join("config"), folder.join("config.toml")],
        level,
        anchor: anchor.to_path_buf(),
    }
}

/// A file on its way to what it should be.
struct Work {
    toml: Toml,
    edits: Vec<Change>,
    present: Vec<Change>,
}

impl Work {
    fn set(&mut self, keys: &[&str], value: Value) -> Result<(), SyntaxError> {
        match self.toml.set(keys, &value)? {
            Some(change) => self.edits.push(change),
            None => self.is_present(keys, Deed::Set { value, before: None }),
        }
        Ok(())
    }

    fn is_present(&mut self, keys: &[&str], deed: Deed) {
        self.present.push(Change::present(keys, deed));
    }

    fn global_provider(&mut self, helper: &str) -> Result<(), SyntaxError> {
        let entry = if helper.contains(char::is_whitespace) {
            self.set(&["credential-alias", ALIAS], Value::List(vec![helper.to_owned()]))?;
            ALIAS
        } else {
            helper
        };
        match self.toml.append(&GLOBAL_PROVIDERS, entry, &DEFAULT_PROVIDERS)? {
            Some(change) => self.edits.push(change),
            None => self.is_present(&GLOBAL_PROVIDERS, Deed::Append { entry: entry.to_owned(), made: None }),
        }
        Ok(())
    }

    fn refuse_taken_name(&self, name: &RegistryName, url: &str, path: &Path) -> Result<(), SettingsError> {
        let taken = [(["registries", &name.0, "index"], "registry"), (["source", &name.0, "registry"], "source")];
        for (keys, what) in taken {
            let found = self.toml.get(&keys).map_err(|source| SettingsError::Syntax { path: path.to_path_buf(), source })?;
            if let Some(Value::Text(found)) = found
                && found != url
            {
                return Err(SettingsError::NameInUse {
                    path: path.to_path_buf(),
                    line: self.toml.line(&keys).unwrap_or(1),
                    what,
                    name: name.0.clone(),
                    url: without_user(&shown(&found, 300)),
                });
            }
        }
        Ok(())
    }

    /// A value that is about to be replaced is kept for `--undo`; a secret is kept nowhere.
    fn refuse_secret(&self, keys: &[&str], path: &Path) -> Result<(), SettingsError> {
        let present = match self.toml.get(keys) {
            Ok(Some(Value::Text(text))) => text,
            Ok(Some(Value::List(list))) => list.join(" "),
            _ => return Ok(()),
        };
        if !looks_secret(&present) {
            return Ok(());
        }
        Err(SettingsError::SecretInTheWay {
            path: path.to_path_buf(),
            line: self.toml.line(keys).unwrap_or(1),
            key: keys.join("."),
        })
    }
}

fn findings(toml: &Toml, goal: &Goal<'_>, name: &RegistryName, path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let repository = goal.endpoint.repository().as_str();
    if goal.name.is_none() && name.0 != repository {
        findings.push(Finding {
            code: "registry-renamed",
            message: format!("cargo's registry names hold no dots: repository `{repository}` is registry `{name}`"),
            path: None,
            line: None,
        });
    }
    // CVE-2026-5222: cargo before 1.96 keeps both in one place.
    let url = goal.endpoint.index_url();
    for other in toml.keys(&["registries"]) {
        let keys = ["registries", &other, "index"];
        if let Ok(Some(Value::Text(index))) = toml.get(&keys)
            && index != url
            && without_git(&index) == without_git(&url)
        {
            findings.push(Finding {
                code: "registries-merged",
                message: format!("cargo before 1.96 takes registries `{other}` and `{name}` for one: they differ by `.git`"),
                path: Some(path.to_path_buf()),
                line: toml.line(&keys),
            });
        }
    }
    findings
}

fn without_git(url: &str) -> &str {
    let url = url.strip_suffix('/').unwrap_or(url);
    url.strip_suffix(".git").unwrap_or(url)
}

/// A name cargo accepts for a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryName(String);

impl RegistryName {
    /// A name, as given.
    ///
    /// # Errors
    /// [`SettingsError::Name`]: cargo does not accept it, or it is cargo's own.
    pub fn parse(name: &str) -> Result<Self, SettingsError> {
        let rule = if name.is_empty() {
            "it is empty"
        } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            "cargo takes letters, digits, `-` and `_`"
        } else if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            "cargo takes no digit and no `-` first"
        } else if name.eq_ignore_ascii_case("crates-io") {
            "that is cargo's own name for its default registry"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(SettingsError::Name { name: shown(name, 100), rule })
    }

    /// The name chosen, or else the repository's with `-` for each dot.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn choose(chosen: Option<&str>, repository: &RepositoryName) -> Result<Self, SettingsError> {
        match chosen {
            Some(name) => Self::parse(name),
            None => Self::parse(&repository.as_str().replace('.', "-")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegistryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
