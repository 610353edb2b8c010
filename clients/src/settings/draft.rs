//! A file on its way to what it should be, for clients whose files have values with a way to each.

use std::path::{Path, PathBuf};

use super::{Edit, Finding, SettingsError, SettingsFile, looks_secret};
use crate::syntax::{Change, Deed, Editor, Grammar, Syntax, SyntaxError, Value};

/// The file's text with what was set so far.
pub(crate) struct Draft<'a, G> {
    file: &'a SettingsFile,
    before: Option<&'a [u8]>,
    editor: Editor<G>,
    changes: Vec<Change>,
    present: Vec<Change>,
    findings: Vec<Finding>,
}

impl<'a, G: Grammar> Draft<'a, G> {
    /// Reads a file's text; `None` where it is not there.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`]: it is not what it should be.
    pub(crate) fn read(file: &'a SettingsFile, text: Option<&'a [u8]>) -> Result<Self, SettingsError> {
        let editor = Editor::parse(text.unwrap_or_default()).map_err(|source| in_file(file, source))?;
        Ok(Self { file, before: text, editor, changes: Vec::new(), present: Vec::new(), findings: Vec::new() })
    }

    pub(crate) fn editor(&self) -> &Editor<G> {
        &self.editor
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
        match self.editor.set(keys, &value).map_err(|source| in_file(self.file, source))? {
            Some(change) => self.changes.push(change),
            None => self.is_present(keys, Deed::Set { value, before: None }),
        }
        Ok(())
    }

    /// Puts an entry at the end of a list, unless it is in it.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`]: it cannot be written.
    pub(crate) fn append(&mut self, keys: &[&str], entry: &str) -> Result<(), SettingsError> {
        match self.editor.append(keys, entry, &[]).map_err(|source| in_file(self.file, source))? {
            Some(change) => self.changes.push(change),
            None => self.is_present(keys, Deed::Append { entry: entry.to_owned(), made: None }),
        }
        Ok(())
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

    fn is_present(&mut self, keys: &[&str], deed: Deed) {
        self.present.push(Change::present(keys, deed));
    }

    fn refuse_secret(&self, keys: &[&str], present: &Value) -> Result<(), SettingsError> {
        let present = match present {
            Value::Text(text) => text.clone(),
            Value::List(list) => list.join(" "),
        };
        if !holds_secret(&present) {
            return Ok(());
        }
        Err(SettingsError::SecretInTheWay {
            path: path_of(self.file).to_path_buf(),
            line: self.editor.line(keys).unwrap_or(1),
            key: keys.join("."),
        })
    }
}

/// Whether a text looks like a secret, or has one in a URL: then it is not kept for taking back what replaced it.
pub(crate) fn holds_secret(text: &str) -> bool {
    looks_secret(text) || has_password(text)
}

/// Whether a URL in a text has a password in it.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = &rest[..rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len())];
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

fn in_file(file: &SettingsFile, source: SyntaxError) -> SettingsError {
    SettingsError::Syntax { path: path_of(file).to_path_buf(), source }
}

fn path_of(file: &SettingsFile) -> &Path {
    file.candidates.last().map_or(Path::new(""), PathBuf::as_path)
}
