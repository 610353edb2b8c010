//! `.netrc`, as Python's `netrc` and curl read it: words, `machine NAME` or `default` with `login`, `password` and
//! `account` behind it, and macros.
//!
//! Words may be in double quotes, a backslash takes the next character as it is. `#` begins a comment where a keyword
//! could stand; a password may begin with one. A macro ends with an empty line. Where a machine has several entries,
//! Python takes the last and curl the first, so nothing is written for such a machine. Python's reader misses that a line
//! is a comment where an empty line or a quoted word is before it; here it is one, as in curl.

use std::ops::Range;

use super::editor::{Grammar, Held, Values, invalid, lines_after, lines_before, whole_lines};
use super::{Editor, Splice, SyntaxError, Value};

/// Text of a `.netrc`. The way to a value is the machine's name, `default` for the others, and `login`, `password` or
/// `account`.
pub type Netrc = Editor<Machines>;

const FIELDS: [&str; 3] = ["login", "password", "account"];

/// What such a text reads as.
#[derive(Debug, Clone)]
pub struct Machines {
    entries: Vec<Entry>,
    values: Values,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    is_default: bool,
    /// `machine NAME`.
    head: Range<usize>,
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
struct Field {
    name: &'static str,
    start: usize,
    value: Word,
}

#[derive(Debug, Clone)]
struct Word {
    text: String,
    place: Range<usize>,
}

impl Entry {
    fn end(&self) -> usize {
        self.fields.last().map_or(self.head.end, |field| field.value.place.end)
    }
}

impl Grammar for Machines {
    fn read(text: &str) -> Result<Self, SyntaxError> {
        let mut words = Words { text, at: 0 };
        let mut entries: Vec<Entry> = Vec::new();
        let mut in_entry = false;
        while let Some(word) = words.next()? {
            let start = word.place.start;
            if word.text.starts_with('#') {
                words.skip_comment(&word);
                continue;
            }
            let field = match word.text.as_str() {
                "machine" => {
                    let name = words.value(&word)?;
                    if name.text.is_empty() {
                        return Err(invalid(text, start, "this machine has no name"));
                    }
                    let head = start..name.place.end;
                    entries.push(Entry { name: name.text, is_default: false, head, fields: Vec::new() });
                    in_entry = true;
                    continue;
                }
                "default" => {
                    let head = word.place;
                    entries.push(Entry { name: word.text, is_default: true, head, fields: Vec::new() });
                    in_entry = true;
                    continue;
                }
                "macdef" => {
                    words.skip_macro(&word)?;
                    in_entry = false;
                    continue;
                }
                "login" | "user" => "login",
                "password" => "password",
                "account" => "account",
                _ => return Err(invalid(text, start, "this is no keyword of a netrc file")),
            };
            let value = words.value(&word)?;
            match entries.last_mut().filter(|_| in_entry) {
                Some(entry) => entry.fields.push(Field { name: field, start, value }),
                None => return Err(invalid(text, start, "this belongs to no machine")),
            }
        }
        Ok(Self { values: values(&entries), entries })
    }

    fn values(&self) -> &Values {
        &self.values
    }

    fn admit(&self, text: &str, path: &[String]) -> Result<(), SyntaxError> {
        let mut entries = self.entries.iter().filter(|entry| path.first() == Some(&entry.name)).skip(1);
        let twice = entries.next().map(|entry| invalid(text, entry.head.start, "this machine is there twice"));
        twice.map_or(Ok(()), Err)
    }

    fn replace(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let Some((_, field)) = self.find(path) else { return Vec::new() };
        let splices = spelled(value).into_iter();
        splices.map(|value| Splice::replace(text, field.value.place.clone(), value)).collect()
    }

    fn add(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let [name, field] = path else { return Vec::new() };
        if !FIELDS.contains(&field.as_str()) {
            return Vec::new();
        }
        let Some(entry) = self.entries.iter().find(|entry| entry.name == *name) else {
            let name = spelled(&Value::Text(name.clone())).into_iter().next();
            let Some(name) = name else { return Vec::new() };
            let added = |value| self.new_entry(text, &format!("machine {name} {field} {value}"));
            return spelled(value).into_iter().map(added).collect();
        };
        let end = entry.end();
        let above = entry.fields.last().map_or(entry.head.start, |last| last.start);
        let line_start = text[..above].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let indent = &text[line_start..above];
        // On a line of its own where the last one is.
        let own_line = indent.trim().is_empty() && above != entry.head.start;
        let added = |value: String| {
            let new = format!("{field} {value}");
            if own_line {
                lines_after(text, end, &format!("{indent}{new}"))
            } else {
                Splice::replace(text, end..end, format!(" {new}"))
            }
        };
        spelled(value).into_iter().map(added).collect()
    }

    fn append(&self, _text: &str, _path: &[String], _entry: &str) -> Vec<Splice> {
        Vec::new()
    }

    fn cut(&self, text: &str, path: &[String], made: &str) -> Vec<Splice> {
        let Some((entry, field)) = self.find(path) else { return Vec::new() };
        let end = field.value.place.end;
        let with_head = entry.fields.len() == 1 && made.trim_start().starts_with("machine");
        let start = if with_head { entry.head.start } else { field.start };
        let lines = whole_lines(text, start..end, made);
        let alone = text[lines.start..start].trim().is_empty() && text[end..lines.end].trim().is_empty();
        let range = if alone {
            lines
        } else {
            let gap = text[..start].len() - text[..start].trim_end_matches([' ', '\t']).len();
            start - gap..end
        };
        vec![Splice::replace(text, range, "")]
    }

    fn cut_entry(&self, _text: &str, _path: &[String], _position: usize) -> Vec<Splice> {
        Vec::new()
    }
}

impl Machines {
    fn find(&self, path: &[String]) -> Option<(&Entry, &Field)> {
        let [name, field] = path else { return None };
        let entry = self.entries.iter().rfind(|entry| entry.name == *name)?;
        Some((entry, entry.fields.iter().rfind(|known| known.name == field)?))
    }

    /// At the end, but before `default`, behind which no machine is looked for.
    fn new_entry(&self, text: &str, new: &str) -> Splice {
        let Some(default) = self.entries.iter().find(|entry| entry.is_default) else {
            return lines_before(text, text.len(), new);
        };
        let at = default.head.start;
        let line_start = text[..at].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        if text[line_start..at].trim().is_empty() {
            lines_before(text, line_start, new)
        } else {
            Splice::replace(text, at..at, format!("{new} "))
        }
    }
}

fn values(entries: &[Entry]) -> Values {
    let mut values = Values::default();
    for entry in entries {
        // The last entry of a machine counts, as a whole.
        values.all.retain(|path, _| path[0] != entry.name);
        values.tables.insert(vec![entry.name.clone()], entry.head.start);
        for field in &entry.fields {
            let held = Held {
                plain: format!("{:?}", field.value.text),
                text: Some(field.value.text.clone()),
                list: None,
                written: field.value.place.clone(),
                at: field.start,
            };
            values.all.insert(vec![entry.name.clone(), field.name.to_owned()], held);
        }
    }
    // Entries that another of the same machine hides count too: they are not to change.
    for (position, entry) in entries.iter().enumerate() {
        let same = |other: &&Entry| other.name == entry.name;
        if !entries[position + 1..].iter().any(|other| same(&other)) {
            continue;
        }
        let number = entries[..position].iter().filter(same).count();
        let plain =
            format!("{:?}", entry.fields.iter().map(|field| (field.name, &field.value.text)).collect::<Vec<_>>());
        let place = entry.head.clone();
        let held = Held { plain, text: None, list: None, at: place.start, written: place };
        values.all.insert(vec![entry.name.clone(), String::new(), number.to_string()], held);
    }
    values
}

/// The ways to write a word, the plainest first. Control characters have none that every reader takes.
fn spelled(value: &Value) -> Vec<String> {
    match value {
        Value::Text(text) if text.chars().any(char::is_control) => Vec::new(),
        Value::Text(text) => {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let plain = !text.is_empty() && !text.contains([' ', '"', '\\', '#']);
            if plain { vec![text.clone(), quoted] } else { vec![quoted] }
        }
        Value::List(_) | Value::Truth(_) => Vec::new(),
    }
}

/// A text's words, one after the other.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Result<Option<Word>, SyntaxError> {
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_start_matches(is_space).len());
        let mut chars = self.text[start..].char_indices().map(|(at, c)| (start + at, c)).peekable();
        let quoted = chars.next_if(|&(_, c)| c == '"').is_some();
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            if quoted && c == '"' {
                self.at = at + 1;
                return Ok(Some(Word { text, place: start..at + 1 }));
            }
            if !quoted && is_space(c) {
                self.at = at;
                return Ok(Some(Word { text, place: start..at }));
            }
            text.extend(if c == '\\' { chars.next().map(|(_, c)| c) } else { Some(c) });
        }
        if quoted {
            return Err(invalid(self.text, start, "a quote is not closed"));
        }
        self.at = self.text.len();
        Ok((start < self.at).then_some(Word { text, place: start..self.at }))
    }

    /// The word that has to be behind a keyword.
    fn value(&mut self, keyword: &Word) -> Result<Word, SyntaxError> {
        let at = keyword.place.start;
        self.next()?.ok_or_else(|| invalid(self.text, at, "nothing is behind this keyword"))
    }

    fn skip_comment(&mut self, first: &Word) {
        let start = first.place.start;
        self.at = self.text[start..].find(['\n', '\r']).map_or(self.text.len(), |at| start + at);
    }

    /// A macro's name, and its lines up to an empty one.
    fn skip_macro(&mut self, keyword: &Word) -> Result<(), SyntaxError> {
        self.value(keyword)?;
        let mut lines = super::editor::lines(&self.text[self.at..]).into_iter();
        // The rest of the name's own line.
        lines.next();
        match lines.find(|line| line.start == line.end) {
            Some(line) => {
                self.at += line.next;
                Ok(())
            }
            None => Err(invalid(self.text, keyword.place.start, "this macro does not end with an empty line")),
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, '\n' | '\t' | '\r' | ' ')
}
