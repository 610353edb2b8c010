//! `.npmrc`, as npm's own `ini` package reads it, which npm, pnpm and Yarn 1 share.
//!
//! There is no need of sections; the last of several lines with the same key counts; `key[] = value` lines make a list;
//! a key alone is `true`; values may be in quotes, where they are JSON; `\;` and `\#` are no comments, and neither `;`
//! nor `#` needs white space before it to begin one. `${NAME}`, which npm fills in later, is text.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;

use super::editor::{
    Grammar, Held, Line, Values, invalid, line_end, lines, lines_after, lines_before, truth_word, whole_lines,
};
use super::{Editor, Splice, SyntaxError, Value};

/// Text of an `.npmrc`. The way to a value is its key, below a section's name where it stands in one.
pub type Npmrc = Editor<Settings>;

/// The one key that npm's reader passes over.
const UNREADABLE: &str = "__proto__";

/// What such a text reads as.
#[derive(Debug, Clone)]
pub struct Settings {
    entries: Vec<Entry>,
    /// Where the first section begins: what is written for npm has to be before it.
    first_section: Option<usize>,
    values: Values,
}

#[derive(Debug, Clone)]
struct Entry {
    path: Vec<String>,
    is_array: bool,
    start: usize,
    /// From the end of the key to the end of the value, the `=` between them too.
    written: Range<usize>,
    separator: Range<usize>,
    value: Json,
}

impl Grammar for Settings {
    fn read(text: &str) -> Result<Self, SyntaxError> {
        let mut settings = Settings { entries: Vec::new(), first_section: None, values: Values::default() };
        let mut section = Section::Root;
        for line in lines(text) {
            let content = &text[line.start..line.end];
            if content.trim_matches(is_space).is_empty() || content.trim_start_matches(is_space).starts_with([';', '#'])
            {
                continue;
            }
            if let Some(name) = header(content) {
                settings.first_section.get_or_insert(line.start);
                let name = key(name).ok_or_else(|| invalid(text, line.start, "a section's name is no text"))?;
                let taken = settings.entries.iter().any(|entry| entry.path == [name.as_str()]);
                if name == UNREADABLE || taken {
                    section = Section::Nowhere;
                } else {
                    settings.values.tables.entry(vec![name.clone()]).or_insert(line.start);
                    section = Section::Named(name);
                }
                continue;
            }
            let Some(entry) = entry(text, line, &section)? else { continue };
            settings.entries.push(entry);
        }
        settings.values.all = values(&settings.entries);
        Ok(settings)
    }

    fn values(&self) -> &Values {
        &self.values
    }

    fn replace(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let Some(last) = self.entries.iter().rfind(|entry| entry.path == path) else { return Vec::new() };
        let value = match value {
            Value::Text(value) => value,
            Value::Truth(truth) => truth_word(*truth),
            Value::List(_) => return Vec::new(),
        };
        let separator = if last.separator.is_empty() { "=" } else { &text[last.separator.clone()] };
        spelled(value)
            .into_iter()
            .map(|value| Splice::replace(text, last.written.clone(), format!("{separator}{value}")))
            .collect()
    }

    fn add(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let [key] = path else { return Vec::new() };
        let (suffix, values): (_, Vec<_>) = match value {
            Value::Text(text) => ("", vec![spelled(text)]),
            Value::Truth(truth) => ("", vec![spelled(truth_word(*truth))]),
            Value::List(list) => ("[]", list.iter().map(|entry| spelled(entry)).collect()),
        };
        let key = format!("{key}{suffix}");
        let key = if spelled(&key).first() == Some(&key) { key } else { Json::from(key).to_string() };
        let separator = self.separator(text);
        let added = |quoted: bool| {
            let spelling = |values: &Vec<String>| {
                let value = if quoted { values.last() } else { values.first() };
                value.map(|value| format!("{key}{separator}{value}"))
            };
            let lines: Option<Vec<_>> = values.iter().map(spelling).collect();
            self.at_end(text, &lines.unwrap_or_default().join(line_end(text)))
        };
        vec![added(false), added(true)]
    }

    fn append(&self, text: &str, path: &[String], entry: &str) -> Vec<Splice> {
        let Some(last) = self.entries.iter().rfind(|entry| entry.path == path) else { return Vec::new() };
        // The key as it is written in the last line of the list, `[]` and white space with it.
        let key = &text[last.start..last.written.start];
        let separator = &text[last.separator.clone()];
        let spellings = spelled(entry).into_iter();
        spellings.map(|value| lines_after(text, last.written.end, &format!("{key}{separator}{value}"))).collect()
    }

    fn cut(&self, text: &str, path: &[String], made: &str) -> Vec<Splice> {
        let all: Vec<_> = self.entries.iter().filter(|entry| entry.path == path).collect();
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return Vec::new() };
        let range = whole_lines(text, first.start..last.written.end, made);
        vec![Splice::replace(text, range, "")]
    }

    fn cut_entry(&self, text: &str, path: &[String], position: usize) -> Vec<Splice> {
        let entry = self.entries.iter().filter(|entry| entry.path == path).nth(position);
        let range = entry.map(|entry| whole_lines(text, entry.start..entry.written.end, ""));
        range.map(|range| Splice::replace(text, range, "")).into_iter().collect()
    }
}

impl Settings {
    /// Below the last line that counts, or else before the first section, or else at the end.
    fn at_end(&self, text: &str, new: &str) -> Splice {
        match (self.entries.iter().rfind(|entry| entry.path.len() == 1), self.first_section) {
            (Some(last), _) => lines_after(text, last.written.end, new),
            (None, section) => lines_before(text, section.unwrap_or(text.len()), new),
        }
    }

    fn separator<'a>(&self, text: &'a str) -> &'a str {
        let last = self.entries.iter().rfind(|entry| entry.path.len() == 1 && !entry.separator.is_empty());
        last.map_or("=", |last| &text[last.separator.clone()])
    }
}

/// Where keys go.
enum Section {
    Root,
    Named(String),
    /// Where npm's reader loses them.
    Nowhere,
}

/// `[name]` and nothing but white space behind it.
fn header(content: &str) -> Option<&str> {
    let name = content.trim_end_matches(is_space).strip_prefix('[')?.strip_suffix(']')?;
    (!name.contains(']')).then_some(name)
}

fn entry(text: &str, line: Line, section: &Section) -> Result<Option<Entry>, SyntaxError> {
    let content = &text[line.start..line.end];
    let (raw, raw_value) = match content.split_once('=') {
        Some((raw, value)) => (raw, Some(value)),
        None => (content, None),
    };
    // What the reader's pattern does not match: no key, or a line separator in the value.
    if raw.is_empty() || raw_value.is_some_and(|value| value.contains(['\u{2028}', '\u{2029}'])) {
        return Ok(None);
    }
    let name = key(raw).ok_or_else(|| invalid(text, line.start, "a key is no text"))?;
    let (name, is_array) = match name.strip_suffix("[]") {
        Some(rest) if !rest.is_empty() => (rest.to_owned(), true),
        _ => (name, false),
    };
    if name == UNREADABLE {
        return Ok(None);
    }
    let path = match section {
        Section::Root => vec![name],
        Section::Named(section) => vec![section.clone(), name],
        Section::Nowhere => return Ok(None),
    };
    let key_end = line.start + meant(raw).end;
    let (written, separator, value) = match raw_value {
        None => (key_end..key_end, key_end..key_end, Json::Bool(true)),
        Some(value) => {
            let start = line.end - value.len();
            let place = meant(value);
            let value = match unsafe_value(value) {
                Json::String(word) if word == "true" => Json::Bool(true),
                Json::String(word) if word == "false" => Json::Bool(false),
                Json::String(word) if word == "null" => Json::Null,
                value => value,
            };
            (key_end..start + place.end, key_end..start + place.start, value)
        }
    };
    Ok(Some(Entry { path, is_array, start: line.start, written, separator, value }))
}

/// A key as text; numbers count as the text they would be a key by.
fn key(raw: &str) -> Option<String> {
    match unsafe_value(raw) {
        Json::String(text) => Some(text),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn values(entries: &[Entry]) -> BTreeMap<Vec<String>, Held> {
    let mut all = BTreeMap::<Vec<String>, (Json, &Entry)>::new();
    for entry in entries {
        let one = entry.value.clone();
        let value = match (all.get(&entry.path).map(|(value, _)| value.clone()), entry.is_array) {
            (Some(Json::Array(list)), _) => [list, vec![one]].concat().into(),
            (Some(before), true) => vec![before, one].into(),
            (None, true) => vec![one].into(),
            (_, false) => one,
        };
        all.insert(entry.path.clone(), (value, entry));
    }
    let held = |(path, (value, entry)): (Vec<String>, (Json, &Entry))| {
        let list = value.as_array().and_then(|list| list.iter().map(text_of).collect());
        let held = Held {
            plain: value.to_string(),
            text: text_of(&value),
            list,
            written: entry.written.clone(),
            at: entry.start,
        };
        (path, held)
    };
    all.into_iter().map(held).collect()
}

fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Array(_) | Json::Object(_) => None,
        plain => Some(plain.to_string()),
    }
}

/// The ways to write a value, the plainest first. In JSON's quotes every version reads it.
fn spelled(value: &str) -> Vec<String> {
    let quoted = Json::from(value).to_string();
    let plain = unsafe_value(value) == value && !value.is_empty() && !value.contains(['\n', '\r']);
    if plain { vec![value.to_owned(), quoted] } else { vec![quoted] }
}

/// The part of a key or value that is meant: without white space around it and a comment behind it.
fn meant(raw: &str) -> Range<usize> {
    let start = raw.len() - raw.trim_start_matches(is_space).len();
    let trimmed = raw.trim_matches(is_space);
    if trimmed.is_empty() {
        return 0..0;
    }
    let end = if is_quoted(trimmed) { trimmed.len() } else { comment(trimmed) };
    start..start + trimmed[..end].trim_end_matches(is_space).len()
}

fn is_quoted(text: &str) -> bool {
    ['"', '\''].iter().any(|&quote| text.starts_with(quote) && text.ends_with(quote))
}

/// Where a comment begins: the first `;` or `#` without a backslash.
fn comment(text: &str) -> usize {
    let mut escaped = false;
    let begins = text.find(|c| {
        let begins = !escaped && matches!(c, ';' | '#');
        escaped = c == '\\' && !escaped;
        begins
    });
    begins.unwrap_or(text.len())
}

/// What a key or value means: the reader's own name for it is "unsafe".
fn unsafe_value(raw: &str) -> Json {
    let raw = raw.trim_matches(is_space);
    if is_quoted(raw) {
        let inner = raw.strip_prefix('\'').map(|rest| rest.strip_suffix('\'').unwrap_or_default());
        let json = inner.unwrap_or(raw);
        return serde_json::from_str(json).unwrap_or_else(|_| json.into());
    }
    let mut text = String::new();
    let mut chars = raw[..comment(raw)].chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(escaped @ ('\\' | ';' | '#'))) => {
                text.push(escaped);
                chars.next();
            }
            ('\\', Some(other)) => {
                text.extend(['\\', other]);
                chars.next();
            }
            (c, _) => text.push(c),
        }
    }
    text.trim_matches(is_space).into()
}

/// White space as JavaScript has it.
fn is_space(c: char) -> bool {
    c == '\u{feff}' || c.is_whitespace() && c != '\u{85}'
}
