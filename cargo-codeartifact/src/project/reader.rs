//! A TOML file read key by key, so that whatever is wrong can be said with file, line and column.

use std::{ops::Range, path::Path, str::FromStr};

use codeartifact::{EndpointError, RepositoryName};
use toml_edit::{Document, Item, TableLike};

use super::{Place, ProjectError};

/// A parsed file with its text, for positions.
pub(super) struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    document: Document<&'a str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a Path, text: &'a str) -> Result<Self, ProjectError> {
        let document = Document::parse(text).map_err(|error| ProjectError::Syntax {
            place: place(path, text, error.span()),
            message: error.message().trim_end_matches('.').to_owned(),
        })?;
        Ok(Self { path, text, document })
    }

    pub(super) fn root(&self) -> Table<'_> {
        Table { reader: self, name: String::new(), keys: self.document.as_table() }
    }
}

/// One table of it.
pub(super) struct Table<'a> {
    reader: &'a Reader<'a>,
    name: String,
    keys: &'a dyn TableLike,
}

impl<'a> Table<'a> {
    /// Refuses keys that are not known, first of all those that are the user's own.
    pub(super) fn only(&self, known: &[&'static str], users_own: &[&str]) -> Result<(), ProjectError> {
        for (key, item) in self.keys.iter() {
            if known.contains(&key) {
                continue;
            }
            let place = self.place_of(key, item);
            if users_own.contains(&key) {
                return Err(ProjectError::UsersOwn { place, key: key.to_owned() });
            }
            return Err(ProjectError::UnknownKey {
                place,
                key: key.to_owned(),
                table: if self.name.is_empty() { "the file".to_owned() } else { format!("[{}]", self.name) },
                known: known.to_vec(),
            });
        }
        Ok(())
    }

    /// A table, written either way.
    pub(super) fn table(&self, key: &str) -> Result<Option<Table<'a>>, ProjectError> {
        let Some(item) = self.keys.get(key) else { return Ok(None) };
        let Some(keys) = item.as_table_like() else { return Err(self.wrong(key, item, "a table")) };
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        Ok(Some(Table { reader: self.reader, name, keys }))
    }

    /// A table, or `Err(())` for something that is read as text.
    pub(super) fn table_or_text(&self, key: &str) -> Result<Option<Result<Table<'a>, ()>>, ProjectError> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(item) if item.is_str() => Ok(Some(Err(()))),
            Some(item) if item.is_table_like() => Ok(self.table(key)?.map(Ok)),
            Some(item) => Err(self.wrong(key, item, "a repository, or a table from format to repository")),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ProjectError> {
        let Some(item) = self.keys.get(key) else { return Ok(None) };
        item.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| self.wrong(key, item, "text in quotes"))
    }

    pub(super) fn truth(&self, key: &str) -> Result<Option<bool>, ProjectError> {
        let Some(item) = self.keys.get(key) else { return Ok(None) };
        item.as_bool().map(Some).ok_or_else(|| self.wrong(key, item, "`true` or `false`"))
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, ProjectError> {
        let Some(item) = self.keys.get(key) else { return Ok(Vec::new()) };
        let Some(array) = item.as_array() else { return Err(self.wrong(key, item, "a list of texts")) };
        let mut texts = Vec::new();
        for value in array {
            let text = value.as_str().ok_or_else(|| ProjectError::WrongKind {
                place: self.place(value.span()),
                key: key.to_owned(),
                found: value.type_name(),
                expected: "a list of texts",
            })?;
            texts.push(text.to_owned());
        }
        Ok(texts)
    }

    /// A list of texts, or a table from text to repository.
    pub(super) fn scopes(&self, key: &str) -> Result<Vec<(String, Option<RepositoryName>)>, ProjectError> {
        let Some(item) = self.keys.get(key) else { return Ok(Vec::new()) };
        if item.is_array() {
            return Ok(self.texts(key)?.into_iter().map(|scope| (scope, None)).collect());
        }
        let Some(keys) = item.as_table_like() else {
            return Err(self.wrong(key, item, "a list of texts, or a table from text to repository"));
        };
        let table = self.table(key)?.expect("a table was seen there");
        keys.iter().map(|(scope, _)| Ok((scope.to_owned(), table.name(scope)?))).collect()
    }

    /// A text that is one of the field's names.
    pub(super) fn name<T: FromStr<Err = EndpointError>>(&self, key: &str) -> Result<Option<T>, ProjectError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        T::from_str(&text).map(Some).map_err(|source| ProjectError::Invalid {
            place: self.place_of_value(key),
            key: key.to_owned(),
            source,
        })
    }

    pub(super) fn unknown_word(&self, key: &str, word: &str, expected: &'static str) -> ProjectError {
        ProjectError::UnknownWord {
            place: self.place_of_value(key),
            key: key.to_owned(),
            found: word.to_owned(),
            expected,
        }
    }

    pub(super) fn exclusive(&self, other: &'static str, key: &'static str) -> ProjectError {
        ProjectError::Exclusive { place: self.place_of_value(key), key, other }
    }

    fn wrong(&self, key: &str, item: &Item, expected: &'static str) -> ProjectError {
        ProjectError::WrongKind {
            place: self.place(item.span()),
            key: key.to_owned(),
            found: item.type_name(),
            expected,
        }
    }

    fn place_of_value(&self, key: &str) -> Place {
        self.place(self.keys.get(key).and_then(Item::span))
    }

    fn place_of(&self, key: &str, item: &Item) -> Place {
        let span = self.keys.get_key_value(key).and_then(|(key, _)| key.span());
        self.place(span.or_else(|| item.span()))
    }

    fn place(&self, span: Option<Range<usize>>) -> Place {
        place(self.reader.path, self.reader.text, span)
    }
}

fn place(path: &Path, text: &str, span: Option<Range<usize>>) -> Place {
    let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Place {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
