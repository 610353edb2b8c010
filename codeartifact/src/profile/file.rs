//! A reader of the AWS settings files, for the few settings that matter before a credential is resolved.
//!
//! The rules are those of the SDK's own reader (`env_config` of `aws-runtime` 1.10): which sections count in which
//! file, what is a comment, what is nested, that later files win key by key. Where the SDK gives up on a whole file
//! because of one bad line, this reader passes over the line: it decides nothing by itself, and the SDK will complain
//! when it is asked for a credential.

use std::collections::BTreeMap;

/// Which file a text comes from: they name their sections differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `~/.aws/config`: `[default]`, `[profile NAME]`, `[services NAME]`.
    Config,
    /// `~/.aws/credentials`: `[NAME]`.
    Credentials,
}

/// A setting and the line it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: String,
    pub(super) kind: Kind,
    /// Counted from 1.
    pub(super) line: usize,
}

/// The settings of a section: by name, and the nested ones by group and name (`("codeartifact", "endpoint_url")`).
#[derive(Debug, Default)]
pub(super) struct Section {
    settings: BTreeMap<String, Setting>,
    nested: BTreeMap<(String, String), Setting>,
}

/// The profiles and services of both files.
#[derive(Debug, Default)]
pub(super) struct Files {
    profiles: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
}

impl Section {
    /// A setting that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name).filter(|setting| !setting.value.is_empty())
    }

    /// The text of a setting that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|setting| setting.value.as_str())
    }

    fn take_over(&mut self, other: Section) {
        self.settings.extend(other.settings);
        self.nested.extend(other.nested);
    }
}

/// What a heading opens.
enum Heading {
    Profile(String),
    /// `[profile default]`, which replaces a `[default]` of the same file.
    PrefixedDefault,
    Services(String),
    /// A section that counts for nothing here.
    Other,
}

impl Files {
    pub(super) fn profile(&self, name: &str) -> Option<&Section> {
        self.profiles.get(name)
    }

    /// Whether no profile is there at all.
    pub(super) fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// A nested setting of a `[services NAME]` section.
    pub(super) fn service(&self, section: &str, service: &str, name: &str) -> Option<&Setting> {
        self.services
            .get(section)?
            .nested
            .get(&(service.to_owned(), name.to_owned()))
            .filter(|setting| !setting.value.is_empty())
    }

    /// Adds a file; its settings win over those of the files before.
    pub(super) fn add(&mut self, kind: Kind, text: &str) {
        let mut here = Files::default();
        let mut prefixed_default = None;
        let mut heading = Heading::Other;
        // The setting that the next indented lines belong to, while its own value is empty.
        let mut group: Option<String> = None;
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if line.starts_with('[') {
                heading = read_heading(kind, line);
                group = None;
                continue;
            }
            let section = match &heading {
                Heading::Profile(name) => here.profiles.entry(name.clone()).or_default(),
                Heading::PrefixedDefault => prefixed_default.get_or_insert_default(),
                Heading::Services(name) => here.services.entry(name.clone()).or_default(),
                Heading::Other => continue,
            };
            let indented = line.starts_with([' ', '\t']);
            let Some((name, value)) = without_comment(line).split_once('=') else { continue };
            let name = name.trim().to_ascii_lowercase();
            let setting = Setting { value: kept(&name, value.trim()).to_owned(), kind, line: index + 1 };
            if !indented {
                group = setting.value.is_empty().then(|| name.clone());
                section.settings.insert(name, setting);
            } else if let Some(group) = &group {
                section.nested.insert((group.clone(), name), setting);
            }
        }
        if let Some(section) = prefixed_default {
            here.profiles.insert("default".to_owned(), section);
        }
        for (name, section) in here.profiles {
            self.profiles.entry(name).or_default().take_over(section);
        }
        for (name, section) in here.services {
            self.services.entry(name).or_default().take_over(section);
        }
    }
}

fn read_heading(kind: Kind, line: &str) -> Heading {
    let Some(inner) = line[1..].split(['#', ';']).next().and_then(|inner| inner.trim().strip_suffix(']')) else {
        return Heading::Other;
    };
    let inner = inner.trim();
    let (prefix, name) = match inner.split_once([' ', '\t']) {
        Some((prefix, name)) => (Some(prefix), name.trim()),
        None => (None, inner),
    };
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-/.%@:+".contains(&b));
    match (kind, prefix) {
        _ if !is_name || name.is_empty() => Heading::Other,
        (Kind::Config, Some("profile")) if name == "default" => Heading::PrefixedDefault,
        (Kind::Config, Some("profile")) | (Kind::Credentials, None) => Heading::Profile(name.to_owned()),
        (Kind::Config, None) if name == "default" => Heading::Profile(name.to_owned()),
        (Kind::Config, Some("services")) => Heading::Services(name.to_owned()),
        _ => Heading::Other,
    }
}

/// A setting's value, or just that there is one: a secret is read by the SDK alone and does not stay here.
fn kept<'v>(name: &str, value: &'v str) -> &'v str {
    match name {
        "aws_secret_access_key" | "aws_session_token" if !value.is_empty() => "set",
        _ => value,
    }
}

/// The line up to a comment, which inside a line needs a blank before it.
fn without_comment(line: &str) -> &str {
    let mut blank_before = true;
    for (index, character) in line.char_indices() {
        if matches!(character, '#' | ';') && blank_before {
            return &line[..index];
        }
        blank_before = character.is_whitespace();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Files, Kind};

    fn config(text: &str) -> Files {
        let mut files = Files::default();
        files.add(Kind::Config, text);
        files
    }

    #[test]
    fn sections_of_the_config_file() {
        let files = config(
            "stray = 1\n[default]\nregion = a\n[profile dev]\nregion=b\n[dev2]\nregion = c\n[ profile\tx ]\nregion = d\n\
             [profile bad name]\nregion = e\n[profile dev\nregion = f\n",
        );
        assert_eq!(files.profile("default").unwrap().text("region"), Some("a"));
        assert_eq!(files.profile("dev").unwrap().text("region"), Some("b"));
        assert_eq!(files.profile("x").unwrap().text("region"), Some("d"));
        assert!(files.profile("dev2").is_none(), "a config profile needs its prefix");
        assert!(files.profile("bad name").is_none());
    }

    #[test]
    fn sections_of_the_credentials_file_win_key_by_key() {
        let mut files = config("[profile dev]\nregion = a\nrole_arn = r\n");
        files.add(Kind::Credentials, "[dev]\nregion = b\n[profile other]\nregion = c\n[services s]\nx =\n y = z\n");
        let dev = files.profile("dev").unwrap();
        assert_eq!((dev.text("region"), dev.text("role_arn")), (Some("b"), Some("r")));
        assert!(files.profile("other").is_none());
        assert!(files.service("s", "x", "y").is_none());
    }

    #[test]
    fn a_prefixed_default_replaces_the_plain_one() {
        for text in [
            "[default]\na = 1\nb = 2\n[profile default]\na = 3\n",
            "[profile default]\na = 3\n[default]\na = 1\nb = 2\n",
        ] {
            let files = config(text);
            let default = files.profile("default").unwrap();
            assert_eq!((default.text("a"), default.text("b")), (Some("3"), None), "{text}");
        }
    }

    #[test]
    fn comments_blanks_and_bad_lines_are_passed_over() {
        let files = config(
            "# c\n; c\n[default] # c\nregion = eu-west-1 # c\nurl = http://h/#frag;x\nno equals sign\n = no name\n\
             UPPER = Kept\n\n   \nempty =\nlast = 1\r\n",
        );
        let default = files.profile("default").unwrap();
        assert_eq!(default.text("region"), Some("eu-west-1"));
        assert_eq!(default.text("url"), Some("http://h/#frag;x"));
        assert_eq!(default.text("upper"), Some("Kept"));
        assert_eq!(default.text("empty"), None);
        assert_eq!(default.text("last"), Some("1"));
        assert_eq!(default.get("region").unwrap().line, 4);
    }

    #[test]
    fn secrets_do_not_stay() {
        let files = config("[default]\naws_secret_access_key = hunter2\nAWS_SESSION_TOKEN = hunter3\n");
        let default = files.profile("default").unwrap();
        assert_eq!(default.text("aws_secret_access_key"), Some("set"));
        assert_eq!(default.text("aws_session_token"), Some("set"));
        assert!(!format!("{files:?}").contains("hunter"));
    }

    #[test]
    fn nested_settings_belong_to_their_group_only() {
        let files = config(
            "[services local]\ns3 =\n  endpoint_url = http://s3\n  other = 1\ncodeartifact = \n\tendpoint_url = http://ca # c\n\
             plain = value\n  endpoint_url = http://stray\n[profile p]\ns3 =\n  region = nested\n",
        );
        let url = |service| files.service("local", service, "endpoint_url").map(|s| s.value.as_str());
        assert_eq!(url("s3"), Some("http://s3"));
        assert_eq!(url("codeartifact"), Some("http://ca"));
        assert_eq!(url("plain"), None);
        assert_eq!(files.profile("p").unwrap().text("region"), None, "a nested setting is not the profile's own");
    }
}
