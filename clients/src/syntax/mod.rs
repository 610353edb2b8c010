//! Format-preserving text. An edit is a splice: what it does not name keeps its bytes, whatever the line ends, the
//! byte order mark, the comments and the missing last newline. Every splice is checked by reading the result: exactly
//! the value named may differ from before.

use std::ops::Range;

use serde::{Deserialize, Serialize};

mod editor;
pub mod ini;
pub mod json;
pub mod lines;
pub mod netrc;
pub mod npmrc;
pub mod toml;
pub mod whole;
pub mod xml;
pub mod yaml;

pub use editor::{Editor, Grammar, Held, Values};

/// The comment above a table or section we made, so that a reader of the file knows.
pub const MARK: &str = "# written by `cargo codeartifact configure`; `--undo` takes it back";

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The syntaxes, as a journal names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Syntax {
    /// TOML 1.0.
    Toml,
    /// XML 1.0.
    Xml,
    /// What Python's `configparser` reads: `pip.conf`, `.pypirc`.
    Ini,
    /// What npm's own reader reads: `.npmrc`.
    Npmrc,
    /// `.netrc`.
    Netrc,
    /// The plain part of YAML: `.yarnrc.yml`, `.bundle/config`.
    Yaml,
    /// JSON of one object: `registries.json`.
    Json,
    /// A file that is a list of lines: `~/.mavenrc`, `.bazelrc`.
    Lines,
    /// A file that is ours as a whole.
    Whole,
}

/// A piece of text put in the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splice {
    /// Where, in bytes from the beginning of the text (without its byte order mark).
    pub at: usize,
    /// What stood there.
    pub old: String,
    /// What stands there now.
    pub new: String,
}

impl Splice {
    fn replace(text: &str, range: Range<usize>, new: impl Into<String>) -> Self {
        Self { at: range.start, old: text[range].to_owned(), new: new.into() }
    }

    /// The text with the splice made.
    fn made(&self, text: &str) -> String {
        [&text[..self.at], &self.new, &text[self.at + self.old.len()..]].concat()
    }

    /// The text with the splice taken back where it stands: at its own place, or else at the one place that holds its
    /// text. `None` where it stands nowhere or cannot be told from its like.
    fn unmade(&self, text: &str) -> Option<String> {
        let at = if text.get(self.at..).is_some_and(|rest| rest.starts_with(&self.new)) {
            self.at
        } else {
            let mut places = text.match_indices(&self.new);
            let (at, _) = places.next()?;
            places.next().is_none().then_some(at)?
        };
        Some([&text[..at], &self.old, &text[at + self.new.len()..]].concat())
    }
}

/// A value written into a client's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Text.
    Text(String),
    /// True or false.
    Truth(bool),
    /// A list of text.
    List(Vec<String>),
}

/// One value changed in a text, and how to take the change back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The way to the value, outermost table first.
    pub keys: Vec<String>,
    /// What was done to it.
    #[serde(flatten)]
    pub deed: Deed,
    /// The bytes.
    pub splice: Splice,
}

/// What was done to a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "kebab-case")]
pub enum Deed {
    /// It was set.
    Set {
        /// To this.
        value: Value,
        /// What was written there before, byte for byte; `None` where nothing was.
        before: Option<String>,
    },
    /// An entry was put at the end of a list.
    Append {
        /// The entry.
        entry: String,
        /// The whole list, where there was none before.
        made: Option<Vec<String>>,
    },
    /// An element of XML was put at the end of its parent, or in the place of another.
    Put {
        /// The element, on one line.
        element: String,
        /// The parents that were made for it with what was put in them, on one line each, the outermost first.
        made: Vec<String>,
        /// What stood in its place before, byte for byte; `None` where nothing did.
        before: Option<String>,
    },
    /// An element of XML was taken out; the splice has it.
    Cut {
        /// Which of the parents to which the way leads it was in, from 0.
        parent: usize,
        /// How many elements, comments and texts stand before it in its parent.
        after: usize,
        /// How many elements to which the same way leads were left.
        twins: usize,
    },
    /// It was removed.
    Remove {
        /// What was written there before, byte for byte.
        before: String,
    },
}

impl Change {
    /// What an earlier run did, as this one finds it done.
    pub fn present(keys: &[&str], deed: Deed) -> Self {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        Self { keys, deed, splice: Splice { at: 0, old: String::new(), new: String::new() } }
    }

    /// The way to the value as people write it: `registries.my-team-repo.index`.
    pub fn key(&self) -> String {
        self.keys.join(".")
    }

    /// Whether two changes are about the same value and made it the same, wherever and whatever was there before.
    pub fn same_as(&self, other: &Self) -> bool {
        let same_deed = match (&self.deed, &other.deed) {
            (Deed::Set { value, .. }, Deed::Set { value: other, .. }) => value == other,
            (Deed::Append { entry, .. }, Deed::Append { entry: other, .. }) => entry == other,
            (Deed::Put { element, .. }, Deed::Put { element: other, .. }) => element == other,
            (Deed::Cut { .. }, Deed::Cut { .. }) | (Deed::Remove { .. }, Deed::Remove { .. }) => true,
            _ => false,
        };
        self.keys == other.keys && same_deed
    }
}

/// A text with changes taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The text.
    pub text: String,
    /// Changes taken back.
    pub changes: Vec<Change>,
    /// Changes that stay, because the value is no longer the one that was written.
    pub left: Vec<Change>,
}

impl Syntax {
    /// Takes changes back, the last first. Those that are not there any more are passed over.
    ///
    /// # Errors
    /// The text is not of this syntax.
    pub fn take_back(self, text: &[u8], changes: &[Change]) -> Result<TakenBack, SyntaxError> {
        match self {
            Syntax::Toml => toml::take_back(text, changes),
            Syntax::Xml => xml::take_back(text, changes),
            Syntax::Ini => editor::take_back::<ini::Sections>(text, changes),
            Syntax::Npmrc => editor::take_back::<npmrc::Settings>(text, changes),
            Syntax::Netrc => editor::take_back::<netrc::Machines>(text, changes),
            Syntax::Yaml => editor::take_back::<yaml::Document>(text, changes),
            Syntax::Json => editor::take_back::<json::Document>(text, changes),
            Syntax::Lines => editor::take_back::<lines::MarkedLines>(text, changes),
            Syntax::Whole => Ok(whole::take_back(text, changes)),
        }
    }
}

/// A text that cannot be edited, or not safely. It says where, and never quotes the text: it may hold a secret.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SyntaxError {
    /// It is not UTF-8.
    #[error("line {line} is not UTF-8")]
    Encoding {
        /// The line, from 1.
        line: usize,
    },
    /// It is in another encoding, and says so.
    #[error("the file is written in {name}; only UTF-8 can be edited")]
    OtherEncoding {
        /// The encoding.
        name: String,
    },
    /// It breaks the syntax's rules.
    #[error("line {line}, column {column}: {message}")]
    Invalid {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// The parser's word for it.
        message: String,
    },
    /// The value is there, but of another type.
    #[error("line {line}: `{key}` is not {expected}")]
    Type {
        /// The line, from 1.
        line: usize,
        /// The way to the value.
        key: String,
        /// What it should be: `text`, `a list of text`, `a table`.
        expected: &'static str,
    },
    /// What is to be written has a character that the syntax cannot express.
    #[error("`{key}` would hold a character that cannot be written here")]
    Inexpressible {
        /// The way to the value.
        key: String,
    },
    /// The file is written in a way that no splice was found to fit.
    #[error("line {line}: `{key}` cannot be written here without changing something else")]
    NoRoom {
        /// The line, from 1.
        line: usize,
        /// The way to the value.
        key: String,
    },
}

/// A file's text, and whether a byte order mark stands before it.
fn decoded(bytes: &[u8]) -> Result<(bool, &str), SyntaxError> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let valid = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        SyntaxError::Encoding { line: line_of(valid, valid.len()) }
    })?;
    Ok(match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (true, rest),
        None => (false, text),
    })
}

/// The line of a position, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.char_indices().take_while(|&(position, _)| position < at).filter(|&(_, c)| c == '\n').count() + 1
}

/// What was found where a change had been made.
enum Found {
    Gone,
    TakenBack,
    Changed,
}

/// Takes changes back, the last first.
fn in_reverse(changes: &[Change], mut take_back: impl FnMut(&Change) -> Found) -> (Vec<Change>, Vec<Change>) {
    let (mut gone, mut left) = (Vec::new(), Vec::<Change>::new());
    for change in changes.iter().rev() {
        match take_back(change) {
            Found::Gone => {}
            Found::TakenBack => gone.push(change.clone()),
            Found::Changed => {
                if !left.iter().any(|left| left.keys == change.keys) {
                    left.push(change.clone());
                }
            }
        }
    }
    (gone, left)
}
