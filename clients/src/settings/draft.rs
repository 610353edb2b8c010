//! A file on its way to what it should be, for clients whose files have values with a way to each.

use std::path::{Path, PathBuf};

use super::{Edit, Finding, SettingsError, SettingsFile, looks_secret, url_parts, without_user};
use crate::protocol::shown;
use crate::syntax::toml::{Order, Toml};
use crate::syntax::{Change, Deed, Editor, Grammar, Syntax, SyntaxError, Value};

/// A text whose values can be changed.
pub(crate) trait Editable: Sized {
    fn parse(bytes: &[u8]) -> Result<Self, SyntaxError>;
    fn text(&self) -> String;
    fn get(&self, keys: &[&str]) -> Result<Option<Value>, SyntaxError>;
    fn line(&self, keys: &[&str]) -> Option<usize>;
    fn set(&mut self, keys: &[&str], value: &Value) -> Result<Option<Change>, SyntaxError>;
    fn append(&mut self, keys: &[&str], entry: &str, start: &[&str]) -> Result<Option<Change>, SyntaxError>;
}

macro_rules! editable {
    ([$($parameter:tt)*] $type:ty) => {
        impl<$($parameter)*> Editable for $type {
            fn parse(bytes: &[u8]) -> Result<Self, SyntaxError> {
                Self::parse(bytes)
            }

            fn text(&self) -> String {
                self.text()
            }

            fn get(&self, keys: &[&str]) -> Result<Option<Value>, SyntaxError> {
                self.get(keys)
            }

            fn line(&self, keys: &[&str]) -> Option<usize> {
                self.line(keys)
            }

            fn set(&mut self, keys: &[&str], value: &Value) -> Result<Option<Change>, SyntaxError> {
                self.set(keys, value)
            }

            fn append(&mut self, keys: &[&str], entry: &str, start: &[&str]) -> Result<Option<Change>, SyntaxError> {
                self.append(keys, entry, start)
            }
        }
    };
}

editable!([G: Grammar] Editor<G>);
editable!([] Toml);

/// How a file is written, and what edits it.
pub(crate) trait Drafted {
    type Editor: Editable;
}

impl<G: Grammar> Drafted for G {
    type Editor = Editor<G>;
}

impl Drafted for Toml {
    type Editor = Self;
}

/// The file's text with what was set so far.
pub(crate) struct Draft<'a, D: Drafted> {
    file: &'a SettingsFile,
    before: Option<&'a [u8]>,
    editor: D::Editor,
    changes: Vec<Change>,
    present: Vec<Change>,
    findings: Vec<Finding>,
}

impl<'a, D: Drafted> Draft<'a, D> {
    /// Reads a file's text; `None` where it is not there.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`]: it is not what it should be.
    pub(crate) fn read(file: &'a SettingsFile, text: Option<&'a [u8]>) -> Result<Self, SettingsError> {
        let editor = D::Editor::parse(text.unwrap_or_default()).map_err(|source| in_file(file, source))?;
        Ok(Self { file, before: text, editor, changes: Vec::new(), present: Vec::new(), findings: Vec::new() })
    }

    pub(crate) fn editor(&self) -> &D::Editor {
        &self.editor
    }

    /// The value at `keys`, where it is text.
    pub(crate) fn text_at(&self, keys: &[&str]) -> Option<String> {
        match self.editor.get(keys) {
            Ok(Some(Value::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// Sets a value, and keeps for undo what it replaces.
    ///
    /// # Errors
    /// [`SettingsError::SecretInTheWay`]: that is nothing to be kept; [`SettingsError::Syntax`]: it cannot be written.
    pub(crate) fn set(&mut self, keys: &[&str], value: Value) -> Result<(), SettingsError> {
        match self.editor.get(keys) {
            Ok(Some(present)) if present != value => self.refuse_secret(keys, &present)?,
            _ => {}
        }
        self.replace(keys, value)
    }

    /// Sets a value in the place of one that is no secret, however it looks: the path of a program.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`]: it cannot be written.
    pub(crate) fn replace(&mut self, keys: &[&str], value: Value) -> Result<(), SettingsError> {
        let made = self.editor.set(keys, &value);
        self.take_down(keys, made, Deed::Set { value, before: None })
    }

    /// Sets a value to a text.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub(crate) fn set_text(&mut self, keys: &[&str], text: &str) -> Result<(), SettingsError> {
        self.set(keys, Value::Text(text.to_owned()))
    }

    /// Puts an entry at the end of a list, unless it is in it.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`]: it cannot be written.
    pub(crate) fn append(&mut self, keys: &[&str], entry: &str) -> Result<(), SettingsError> {
        self.append_to(keys, entry, &[])
    }

    /// The same; where there is no list, one that begins with `start` is made.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`]: it cannot be written.
    pub(crate) fn append_to(&mut self, keys: &[&str], entry: &str, start: &[&str]) -> Result<(), SettingsError> {
        let made = self.editor.append(keys, entry, start);
        self.take_down(keys, made, Deed::Append { entry: entry.to_owned(), made: None })
    }

    /// Refuses a name that stands for another URL at `keys`.
    ///
    /// # Errors
    /// [`SettingsError::NameInUse`].
    pub(crate) fn refuse_taken(
        &self,
        keys: &[&str],
        what: &'static str,
        name: &str,
        url: &str,
    ) -> Result<(), SettingsError> {
        let plain = |url| without_user(url).trim_end_matches('/').to_owned();
        match self.text_at(keys) {
            Some(there) if plain(&there) != plain(url) => Err(SettingsError::NameInUse {
                path: path_of(self.file).to_path_buf(),
                line: self.editor.line(keys).unwrap_or(1),
                what,
                name: shown(name, 100),
                url: without_user(&shown(&there, 300)),
            }),
            _ => Ok(()),
        }
    }

    /// Refuses a secret at `keys` that would be sent in a token's place.
    ///
    /// # Errors
    /// [`SettingsError::SecretInTheWay`].
    pub(crate) fn refuse_password(&self, keys: &[&str]) -> Result<(), SettingsError> {
        if self.text_at(keys).is_some() { Err(self.secret_in_the_way(keys)) } else { Ok(()) }
    }

    /// Says something about the value at `keys`, or where there is none about the file.
    pub(crate) fn find(&mut self, code: &'static str, message: String, keys: &[&str]) {
        let line = self.editor.line(keys);
        self.findings.push(Finding { code, message, path: Some(path_of(self.file).to_path_buf()), line });
    }

    /// Says something that is not about the file.
    pub(crate) fn note(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// The edit.
    pub(crate) fn done(self, syntax: Syntax, why: impl Into<String>) -> Edit {
        Edit {
            path: path_of(self.file).to_path_buf(),
            before: self.before.map(|text| String::from_utf8_lossy(text).into_owned()),
            after: self.editor.text(),
            why: why.into(),
            level: self.file.level,
            syntax,
            changes: self.changes,
            present: self.present,
            findings: self.findings,
        }
    }

    fn take_down(
        &mut self,
        keys: &[&str],
        made: Result<Option<Change>, SyntaxError>,
        deed: Deed,
    ) -> Result<(), SettingsError> {
        if let Some(change) = made.map_err(|source| in_file(self.file, source))? {
            self.changes.push(change);
        } else {
            self.present.push(Change::present(keys, deed));
        }
        Ok(())
    }

    fn refuse_secret(&self, keys: &[&str], present: &Value) -> Result<(), SettingsError> {
        let is_secret = match present {
            Value::Text(text) => holds_secret(text),
            Value::List(list) => list.iter().any(|text| holds_secret(text)),
            Value::Truth(_) => false,
        };
        if is_secret { Err(self.secret_in_the_way(keys)) } else { Ok(()) }
    }

    fn secret_in_the_way(&self, keys: &[&str]) -> SettingsError {
        SettingsError::SecretInTheWay {
            path: path_of(self.file).to_path_buf(),
            line: self.editor.line(keys).unwrap_or(1),
            key: keys.join("."),
        }
    }
}

impl Draft<'_, Toml> {
    /// Makes a table with this name in an array of tables, unless there is one.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`]: it cannot be written.
    pub(crate) fn entry(&mut self, keys: &[&str], name: &str, order: Order) -> Result<(), SettingsError> {
        let made = self.editor.entry(keys, name, order);
        let path = [keys, &[name, "name"]].concat();
        self.take_down(&path, made, Deed::Set { value: Value::Text(name.to_owned()), before: None })
    }
}

/// Whether a value holds what looks like a secret, or a URL with a password: then it is not kept for taking back what
/// replaced it. A host is none, however long its name.
pub(crate) fn holds_secret(value: &str) -> bool {
    value.split_whitespace().any(|word| match url_parts(word) {
        Some((_, user, rest)) => {
            let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
            let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            password.is_some_and(|password| !password.is_empty() && !password.starts_with("${"))
                || user.is_some_and(looks_secret)
                || looks_secret(&rest[host..])
        }
        None => looks_secret(word),
    })
}

fn in_file(file: &SettingsFile, source: SyntaxError) -> SettingsError {
    SettingsError::Syntax { path: path_of(file).to_path_buf(), source }
}

fn path_of(file: &SettingsFile) -> &Path {
    file.candidates.last().map_or(Path::new(""), PathBuf::as_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_addresses() {
        for (value, is_secret) in [
            ("https://mirror.example.com/simple/", false),
            ("https://a-very-long-name-of-a-mirror-no-1.example.com/simple/", false),
            ("https://aws@my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/pypi/r/simple/", false),
            ("https://me:pass@mirror.example.com/simple/", true),
            ("https://me:${PASSWORD}@mirror.example.com/simple/", false),
            ("https://one.example.com/ https://me:pass@two.example.com/", true),
            ("https://mirror.example.com/abcdefghijklmnopqrstuvwxyz0123456789/simple/", true),
            ("abcdefghijklmnopqrstuvwxyz0123456789", true),
            ("subprocess", false),
        ] {
            assert_eq!(holds_secret(value), is_secret, "{value}");
        }
    }
}
