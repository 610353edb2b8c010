//! NuGet's configuration files ("nuget.config reference" of its documentation; the files that `nuget.exe` opens were seen).
//!
//! - User level: `~/.nuget/NuGet/NuGet.Config` for the `dotnet` command; on Windows `%APPDATA%\NuGet\NuGet.Config`.
//!   `nuget.exe` on Mono reads `NuGet/NuGet.Config` in `XDG_CONFIG_HOME` (`~/.config`) instead: it is written too where
//!   `NUGET_CREDENTIALPROVIDERS_PATH` is set, without which that program has no way to a token.
//! - Project level: `nuget.config`, else `NuGet.config`, else `NuGet.Config`, in each folder upwards; all of them count.
//!
//! | role | what is written |
//! | --- | --- |
//! | named | the source in `packageSources`, beside the others |
//! | default | `<clear />` before it: sources above it and in files of less weight count no longer. Where there is a `<clear />`, or the source is there already, the other sources of the file go into `disabledPackageSources` |
//! | either, for patterns | `packageSourceMapping` of the source, and of each other source of the file that has none: `*` |
//!
//! A source is known by its `key`, whatever the case of its letters. Plain `http` needs `allowInsecureConnections` since
//! 6.8: it is written for an address of this machine only.
//!
//! A token comes by the plugin that is found on PATH. NuGet does not ask it where `packageSourceCredentials` holds a
//! password for the source, such as `aws codeartifact login` leaves there: that is found and said, and left alone.

use std::path::{Path, PathBuf};

use crate::protocol::shown;
use crate::settings::{
    Choices, Edit, Finding, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
    without_user,
};
use crate::syntax::xml::{By, Element, Placed, Xml};
use crate::syntax::{Change, Syntax, SyntaxError};

const ROOT: &str = "configuration";
const SOURCES: [&str; 2] = [ROOT, "packageSources"];
const CLEAR: [&str; 3] = [ROOT, "packageSources", "clear"];
const DISABLED: [&str; 2] = [ROOT, "disabledPackageSources"];
const CREDENTIALS: [&str; 2] = [ROOT, "packageSourceCredentials"];
const MAPPING: [&str; 2] = [ROOT, "packageSourceMapping"];
const INSECURE: &str = "allowInsecureConnections";

/// NuGet's settings.
pub(super) struct NuGetSettings;

impl Settings for NuGetSettings {
    fn choices(&self) -> Choices {
        Choices {
            levels: &[Level::User, Level::Project],
            roles: &[Role::Named, Role::Default],
            name: true,
            scope: Some("pattern"),
        }
    }

    fn project_marker(&self) -> ProjectMarker {
        let files = &[
            "nuget.config",
            "NuGet.config",
            "NuGet.Config",
            "Directory.Packages.props",
            "Directory.Build.props",
            "global.json",
            "packages.config",
        ];
        ProjectMarker { files, is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let file = |candidates: Vec<PathBuf>, anchor: &Path| SettingsFile {
            candidates,
            level: goal.level,
            anchor: anchor.to_path_buf(),
        };
        if goal.level == Level::Project {
            let names = ["nuget.config", "NuGet.config", "NuGet.Config", "nuget.config"];
            return Ok(vec![file(names.map(|name| places.project.join(name)).to_vec(), places.project)]);
        }
        let user = |folder: &Path, anchor: &Path| file(vec![folder.join("NuGet/NuGet.Config")], anchor);
        if cfg!(windows)
            && let Some(folder) = (places.variable)("APPDATA")
        {
            return Ok(vec![user(Path::new(&folder), Path::new(&folder))]);
        }
        let home = places.home.ok_or(SettingsError::NoHome { client: "NuGet" })?;
        let mut files = vec![user(&home.join(".nuget"), home)];
        if (places.variable)("NUGET_CREDENTIALPROVIDERS_PATH").is_some() {
            match (places.variable)("XDG_CONFIG_HOME").map(PathBuf::from) {
                Some(config) => files.push(user(&config, &config)),
                None => files.push(user(&home.join(".config"), home)),
            }
        }
        Ok(files)
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let path = file.candidates.last().cloned().unwrap_or_default();
        let in_file = |source| SettingsError::Syntax { path: path.clone(), source };
        let xml = Xml::parse(text.unwrap_or_default()).and_then(|xml| xml.with_root(Element::new(ROOT)));
        let url = format!("{}v3/index.json", goal.endpoint.base_url());
        let patterns = goal.scopes.iter().map(|scope| pattern(scope)).collect::<Result<Vec<_>, _>>()?;
        let mut work = Work { xml: xml.map_err(in_file)?, changes: Vec::new(), present: Vec::new() };
        let key = work.key(&name(goal)?, &url, &path)?;
        work.source(goal, &key, &url).map_err(in_file)?;
        let mapped = work.map(&patterns, &key).map_err(in_file)?;
        let mut findings = work.passwords(&key, &url);
        if goal.role == Role::Default && work.xml.line(&CLEAR).is_none() {
            let message = "sources of other files stay in use: NuGet has no `<clear />` here that would leave them out";
            findings.push(("nuget-sources-elsewhere", message.to_owned(), work.xml.line(&SOURCES)));
        }
        if mapped {
            findings.push((
                "nuget-source-mapping",
                "with a mapping each package needs a pattern: sources of other files serve none until they have one".to_owned(),
                work.xml.line(&MAPPING),
            ));
        }
        if text.is_none() && goal.level == Level::User && goal.role == Role::Named {
            let message = "NuGet writes its own public source into a file that it makes itself only: add it if you need it";
            findings.push(("nuget-only-source", message.to_owned(), None));
        }
        let finding = |(code, message, line)| Finding { code, message, path: Some(path.clone()), line };
        Ok(Edit {
            findings: findings.into_iter().map(finding).collect(),
            before: text.map(|text| String::from_utf8_lossy(text).into_owned()),
            after: work.xml.text(),
            why: match goal.role {
                Role::Default => format!("NuGet takes packages from source `{key}` alone"),
                Role::Named | Role::Extra => format!("NuGet knows the repository as source `{key}`"),
            },
            level: file.level,
            syntax: Syntax::Xml,
            changes: work.changes,
            present: work.present,
            path,
        })
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        name(goal).map(Some)
    }

    /// The plugin's, and that of the older way: `nuget.exe` looks for the latter where its variable says.
    fn links(&self, _goal: &Goal<'_>) -> Vec<String> {
        vec!["nuget-plugin-codeartifact".to_owned(), "CredentialProvider.CodeArtifact.exe".to_owned()]
    }
}

/// The name chosen, or the repository's.
fn name(goal: &Goal<'_>) -> Result<String, SettingsError> {
    let name = goal.name.unwrap_or(goal.endpoint.repository().as_str());
    let rule = if name.trim().is_empty() {
        "it is empty"
    } else if name.contains(['[', ']', '=']) || name.chars().any(char::is_control) {
        "it holds a bracket, a `=` or a control character"
    } else {
        return Ok(name.to_owned());
    };
    Err(SettingsError::Name { name: shown(name, 100), rule })
}

/// A pattern as NuGet has them: an id, or its beginning with a `*` behind.
fn pattern(scope: &str) -> Result<&str, SettingsError> {
    let id = scope.strip_suffix('*').unwrap_or(scope);
    if !scope.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Ok(scope);
    }
    let rule = "NuGet takes a package's id, or the beginning of one with `*` behind it";
    Err(SettingsError::Scope { scope: shown(scope, 100), what: "pattern", rule })
}

/// A file on its way to what it should be.
struct Work {
    xml: Xml,
    changes: Vec<Change>,
    present: Vec<Change>,
}

impl Work {
    /// The key under which the source is, or can be.
    fn key(&self, name: &str, url: &str, path: &Path) -> Result<String, SettingsError> {
        let Some(Placed { line, element }) = self.sources().into_iter().find(|source| is_of(source, name)) else {
            return Ok(name.to_owned());
        };
        let value = element.attribute("value").unwrap_or_default();
        if value == url {
            return Ok(element.attribute("key").unwrap_or(name).to_owned());
        }
        Err(SettingsError::NameInUse {
            path: path.to_path_buf(),
            line,
            what: "source",
            name: name.to_owned(),
            url: without_user(&shown(value, 300)),
        })
    }

    /// The source, and what makes it the only one.
    fn source(&mut self, goal: &Goal<'_>, key: &str, url: &str) -> Result<(), SyntaxError> {
        let is_there = self.sources().iter().any(|source| is_of(source, key));
        let is_insecure = url.starts_with("http:") && goal.endpoint.is_loopback();
        let clear = Element::new("clear");
        match goal.role {
            Role::Default if self.xml.line(&CLEAR).is_some() => {
                self.present.push(Xml::present(&SOURCES, &clear, By::Name));
            }
            Role::Default if !is_there => self.put(&SOURCES, &clear, By::Name)?,
            _ => {}
        }
        let mut source = Element::new("add").with_attribute("key", key).with_attribute("value", url);
        source = source.with_attribute("protocolVersion", "3");
        if is_insecure {
            source = source.with_attribute(INSECURE, "true");
        }
        if is_there {
            // Its other attributes are its owner's.
            self.present.push(Xml::present(&SOURCES, &source, By::Attribute("key")));
            let step = By::Attribute("key").step(&source);
            let keys = [SOURCES[0], SOURCES[1], &step, &format!("@{INSECURE}")];
            if is_insecure && self.xml.get(&keys)?.is_none() {
                self.changes.extend(self.xml.set(&keys, "true")?);
            }
        } else {
            self.put(&SOURCES, &source, By::Attribute("key"))?;
        }
        if goal.role == Role::Default {
            for other in self.others(key) {
                let disabled = Element::new("add").with_attribute("key", other).with_attribute("value", "true");
                self.put(&DISABLED, &disabled, By::Attribute("key"))?;
            }
        }
        // A source that was switched off is meant to be used now.
        let step = By::Attribute("key").step(&source);
        let off = [DISABLED[0], DISABLED[1], &step];
        while let Some(change) = self.xml.remove(&off)? {
            self.changes.push(change);
        }
        Ok(())
    }

    /// The patterns, with those that keep the other sources of the file in use. Whether there are any.
    fn map(&mut self, patterns: &[&str], key: &str) -> Result<bool, SyntaxError> {
        for pattern in patterns {
            let package = Element::new("package").with_attribute("pattern", *pattern);
            self.put(&in_mapping(key), &package, By::Attribute("pattern"))?;
        }
        if patterns.is_empty() {
            return Ok(false);
        }
        for other in self.others(key) {
            let mapping = in_mapping(&other);
            let all = Element::new("package").with_attribute("pattern", "*");
            if self.xml.line(&keys(&mapping)).is_none() {
                self.put(&mapping, &all, By::Attribute("pattern"))?;
            } else {
                self.present.push(Xml::present(&keys(&mapping), &all, By::Attribute("pattern")));
            }
        }
        Ok(true)
    }

    /// Passwords that are asked before the plugin is: of the source, or of another name for the same address.
    fn passwords(&self, key: &str, url: &str) -> Vec<(&'static str, String, Option<usize>)> {
        let of_address = self.sources().into_iter().filter(|source| source.element.attribute("value") == Some(url));
        let names: Vec<_> = of_address.filter_map(|source| source.element.attribute("key").map(str::to_owned)).collect();
        let blocks = self.xml.elements(&CREDENTIALS);
        let kept = blocks.iter().flat_map(|block| block.element.children()).filter_map(|kept| {
            let name = names.iter().find(|name| as_element(name).eq_ignore_ascii_case(kept.name()))?;
            let line = self.xml.line(&[CREDENTIALS[0], CREDENTIALS[1], kept.name()]);
            let message = if name.eq_ignore_ascii_case(key) {
                format!("a password for source `{name}` is in the file, and NuGet asks the plugin only when it is refused: remove it")
            } else {
                format!("source `{name}` has the same address, and a password in the file, as a login leaves it: \
                     `dotnet nuget remove source {name}` removes both")
            };
            Some(("nuget-password-in-file", message, line))
        });
        kept.collect()
    }

    fn sources(&self) -> Vec<Placed> {
        self.xml.elements(&[SOURCES[0], SOURCES[1], "add"])
    }

    /// The other sources of the file that are in use.
    fn others(&self, key: &str) -> Vec<String> {
        let disabled = self.xml.elements(&[DISABLED[0], DISABLED[1], "add"]);
        let is_off = |other: &str| disabled.iter().any(|off| is_of(off, other) && is_true(off));
        let mut others: Vec<String> = Vec::new();
        for section in self.xml.elements(&SOURCES) {
            for source in section.element.children() {
                match source.attribute("key") {
                    None if source.name() == "clear" => others.clear(),
                    Some(other) if source.name() == "add" && !other.eq_ignore_ascii_case(key) && !is_off(other) => {
                        others.push(other.to_owned());
                    }
                    _ => {}
                }
            }
        }
        others.dedup();
        others
    }

    fn put(&mut self, parent: &[impl AsRef<str>], element: &Element, by: By<'_>) -> Result<(), SyntaxError> {
        let parent = keys(parent);
        match self.xml.put(&parent, element, by)? {
            Some(change) => self.changes.push(change),
            None => self.present.push(Xml::present(&parent, element, by)),
        }
        Ok(())
    }
}

fn keys(keys: &[impl AsRef<str>]) -> Vec<&str> {
    keys.iter().map(AsRef::as_ref).collect()
}

/// The way to the mapping of a source.
fn in_mapping(key: &str) -> [String; 3] {
    let source = Element::new("packageSource").with_attribute("key", key);
    [MAPPING[0].to_owned(), MAPPING[1].to_owned(), By::Attribute("key").step(&source)]
}

fn is_of(placed: &Placed, key: &str) -> bool {
    placed.element.attribute("key").is_some_and(|have| have.eq_ignore_ascii_case(key))
}

fn is_true(placed: &Placed) -> bool {
    placed.element.attribute("value").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// A source's key as the name of an element: what XML does not take there is written by its number, as .NET does.
fn as_element(key: &str) -> String {
    let is_taken = |at, c: char| c.is_alphabetic() || c == '_' || at > 0 && (c.is_alphanumeric() || "-.".contains(c));
    let written = |(at, c): (usize, char)| if is_taken(at, c) { c.to_string() } else { format!("_x{:04X}_", u32::from(c)) };
    key.chars().enumerate().map(written).collect()
}
