//! The rules for inputs, as the API model has them. Each says in its error what it wanted.

use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use codeartifact::PackageFormat;
use serde_json::Value;

use super::call::Call;
use crate::{
    failure::Failure,
    state::{Control, Pattern, Status, Tags},
};

/// Versions of one request.
const VERSIONS: usize = 100;
/// Longest pattern of a package group.
const PATTERN: usize = 520;
/// Tags of one request.
const TAGS: usize = 200;

/// The statuses that a request may name, and the one that only answers have.
pub(super) const STATUSES: &[(&str, Option<Status>)] = &[
    ("Published", Some(Status::Published)),
    ("Unfinished", Some(Status::Unfinished)),
    ("Unlisted", Some(Status::Unlisted)),
    ("Archived", Some(Status::Archived)),
    ("Disposed", Some(Status::Disposed)),
    ("Deleted", None),
];

pub(super) const CONTROLS: &[(&str, Control)] = &[("ALLOW", Control::Allow), ("BLOCK", Control::Block)];

/// A name whose type knows its own rule.
pub(super) fn name<T: FromStr<Err: Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::field(error.to_string()))
}

pub(super) fn format(text: &str) -> Result<PackageFormat, Failure> {
    let formats: Vec<_> = PackageFormat::ALL.iter().map(|format| (format.as_str(), *format)).collect();
    choice("format", text, &formats)
}

/// One of a list of words.
pub(super) fn choice<T: Copy>(name: &str, text: &str, words: &[(&str, T)]) -> Result<T, Failure> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Failure::field(format!("`{name}` is `{}`, and must be one of {}", shown(text), words.join(", ")))
    })
}

/// Package, namespace and version: 1 to 255 without `#`, `/` and white space. Counted in bytes, so that a page token
/// can always hold them; the model counts characters, which is the same for every real name. Control characters are
/// refused too, with all that the model calls other: no package manager sends one.
pub(super) fn package_part(name: &str, text: &str) -> Result<String, Failure> {
    let wrong = |character: char| matches!(character, '#' | '/') || character.is_whitespace() || is_other(character);
    if (1..=255).contains(&text.len()) && !text.chars().any(wrong) {
        Ok(text.to_owned())
    } else {
        Err(Failure::field(format!(
            "`{name}` is `{}`, and must be 1 to 255 long without `#`, `/` and spaces",
            shown(text)
        )))
    }
}

/// A prefix filter: like the names it is compared with.
pub(super) fn prefix(name: &str, text: Option<&str>) -> Result<String, Failure> {
    text.map_or_else(|| Ok(String::new()), |text| package_part(name, text))
}

/// Text without control characters.
fn printable(name: &str, text: &str, least: usize, most: usize) -> Result<String, Failure> {
    let length = text.chars().count();
    if (least..=most).contains(&length) && !text.chars().any(is_other) {
        Ok(text.to_owned())
    } else {
        Err(Failure::field(format!("`{name}` must be {least} to {most} characters without control characters")))
    }
}

/// The model's `\p{C}`: control, format and private-use characters. Those that are not assigned yet are let through:
/// which they are changes with every edition of Unicode.
fn is_other(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{e0001}'
                | '\u{e0020}'..='\u{e007f}'
                | '\u{f0000}'..='\u{10ffff}'
        )
}

/// Text without white space.
pub(super) fn unspaced(name: &str, text: &str, most: usize) -> Result<String, Failure> {
    if (1..=most).contains(&text.chars().count()) && !text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Ok(text.to_owned())
    } else {
        Err(Failure::field(format!("`{name}` must be 1 to {most} characters without spaces")))
    }
}

/// The pattern of a package group: 2 to 520 characters without spaces, and then the grammar.
pub(super) fn pattern(name: &str, text: &str) -> Result<Pattern, Failure> {
    if text.chars().any(|character| character.is_whitespace() || is_other(character))
        || !(2..=PATTERN).contains(&text.chars().count())
    {
        return Err(Failure::field(format!("`{name}` must be 2 to {PATTERN} characters without spaces")));
    }
    Pattern::parse(text).map_err(|error| Failure::field(format!("`{name}` is `{}`: it {error}", shown(text))))
}

/// What patterns begin with.
pub(super) fn pattern_prefix(text: &str) -> Result<String, Failure> {
    printable("prefix", text, 0, PATTERN)
}

/// Any asset's name.
pub(super) fn asset_name(text: &str) -> Result<String, Failure> {
    printable("asset", text, 1, 255)
}

/// A generic asset's name: the service's list of characters. `.` and `..` are made of them and refused: a client that
/// writes an asset under its name would leave its folder.
pub(super) fn generic_asset_name(text: &str) -> Result<String, Failure> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"~!@^&()-`_+[]{};,.".contains(&byte);
    if (1..=255).contains(&text.len()) && text.bytes().all(allowed) && !matches!(text, "." | "..") {
        Ok(text.to_owned())
    } else {
        Err(Failure::field(format!(
            "`asset` is `{}`, and must be 1 to 255 letters, digits and ~!@^&()-`_+[]{{}};,.",
            shown(text)
        )))
    }
}

pub(super) fn revision(name: &str, text: &str) -> Result<String, Failure> {
    unspaced(name, text, 50)
}

/// Input in a message: short, and harmless on a terminal.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}

impl Call {
    /// `description`: up to 1,000 characters.
    pub(super) fn description(&self) -> Result<Option<String>, Failure> {
        self.printable("description")
    }

    /// A member of the body that is text for people: up to 1,000 characters.
    pub(super) fn printable(&self, name: &str) -> Result<Option<String>, Failure> {
        self.text(name)?.map(|text| printable(name, text, 0, 1000)).transpose()
    }

    /// `tags`: keys of 1 to 128 characters, each once, not of AWS's own; values up to 256.
    pub(super) fn tags(&self, required: bool) -> Result<Tags, Failure> {
        let Some(items) = self.array("tags")? else {
            return if required { Err(Failure::field("`tags` is missing")) } else { Ok(Tags::new()) };
        };
        if items.len() > TAGS {
            return Err(Failure::field(format!("`tags` has {} tags, {TAGS} are allowed", items.len())));
        }
        let mut tags = Tags::new();
        for item in items {
            let member = |name| item.get(name).and_then(Value::as_str);
            let (Some(key), Some(value)) = (member("key"), member("value")) else {
                return Err(Failure::field("each of `tags` must have the strings `key` and `value`"));
            };
            let key = tag_key(key)?;
            if tags.insert(key.clone(), printable("tags.value", value, 0, 256)?).is_some() {
                return Err(Failure::field(format!("the tag `{}` is given twice", shown(&key))));
            }
        }
        Ok(tags)
    }

    /// `tagKeys`.
    pub(super) fn tag_keys(&self) -> Result<Vec<String>, Failure> {
        let items = self.array("tagKeys")?.ok_or_else(|| Failure::field("`tagKeys` is missing"))?;
        if items.len() > TAGS {
            return Err(Failure::field(format!("`tagKeys` has {} keys, {TAGS} are allowed", items.len())));
        }
        let key = |item: &Value| {
            let text = item.as_str().ok_or_else(|| Failure::field("`tagKeys` must be a list of strings"))?;
            printable("tagKeys", text, 1, 128)
        };
        items.iter().map(key).collect()
    }

    /// `versions`: 1 to 100, each once.
    pub(super) fn versions(&self) -> Result<Option<Vec<String>>, Failure> {
        let Some(items) = self.array("versions")? else {
            return Ok(None);
        };
        check_count("versions", items.len())?;
        let mut seen = BTreeSet::new();
        for item in items {
            let text = item.as_str().ok_or_else(|| Failure::field("`versions` must be a list of strings"))?;
            let version = package_part("versions", text)?;
            if seen.contains(&version) {
                return Err(Failure::field(format!("`versions` names `{}` twice", shown(&version))));
            }
            seen.insert(version);
        }
        Ok(Some(seen.into_iter().collect()))
    }

    /// `versionRevisions`: version to revision.
    pub(super) fn version_revisions(&self) -> Result<Option<Vec<(String, String)>>, Failure> {
        let Some(pairs) = self.map("versionRevisions")? else {
            return Ok(None);
        };
        check_count("versionRevisions", pairs.len())?;
        pairs
            .into_iter()
            .map(|(version, text)| {
                Ok((package_part("versionRevisions", version)?, revision("versionRevisions", text)?))
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// `expectedStatus`. No version ever has the status `Deleted`: it is a status of answers.
    pub(super) fn expected_status(&self) -> Result<Option<Status>, Failure> {
        match self.text("expectedStatus")?.map(|text| choice("expectedStatus", text, STATUSES)).transpose()? {
            Some(None) => Err(Failure::other("no version can have the expected status Deleted")),
            Some(status) => Ok(status),
            None => Ok(None),
        }
    }
}

fn tag_key(text: &str) -> Result<String, Failure> {
    let key = printable("tags.key", text, 1, 128)?;
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(Failure::field("tag keys that begin with `aws:` are AWS's own"));
    }
    Ok(key)
}

fn check_count(name: &str, count: usize) -> Result<(), Failure> {
    if (1..=VERSIONS).contains(&count) {
        Ok(())
    } else {
        Err(Failure::field(format!("`{name}` has {count} versions, 1 to {VERSIONS} are allowed")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_parts() {
        for good in ["a", "@x", "1.0.0+b", "Ünï", &"a".repeat(255)] {
            assert!(package_part("package", good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a#b", "a b", "a\tb", "a\u{a0}b", "a\0", "\u{1b}[1m", "a\u{202e}b", &"a".repeat(256)] {
            assert!(package_part("package", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn generic_assets_have_the_services_characters() {
        for good in ["a.tar.gz", "~!@^&()-`_+[]{};,.", "...", &"a".repeat(255)] {
            assert!(generic_asset_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\\b", "a b", "a%b", "a:b", "é", "a\n", &"a".repeat(256)] {
            assert!(generic_asset_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn input_in_messages_is_harmless() {
        assert_eq!(shown("a\u{1b}[31m\n"), "a\\u{1b}[31m\\n");
        assert!(shown(&"a".repeat(500)).chars().count() <= 81);
    }
}
