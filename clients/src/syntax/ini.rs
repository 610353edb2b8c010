//! The files that Python's `configparser` reads: `pip.conf`, `pip.ini`, `.pypirc`.
//!
//! The rules are those of the standard library's `RawConfigParser` as pip, twine and others make one: `=` or `:` between
//! key and value, keys in any case, comments on lines of their own, values that go on in deeper indented lines, sections
//! and keys once. What stands in `[DEFAULT]` is not seen in the other sections here: it is a section like them. `%` and
//! `${...}` are text.

use super::editor::{Grammar, Held, Values, invalid, line_end, lines, lines_after, truth_word, whole_lines};
use super::{Editor, MARK, Splice, SyntaxError, Value};
use std::ops::Range;

/// Text of Python's `configparser`. The way to a value is its section and its key; a list is the words of a value.
pub type Ini = Editor<Sections>;

/// The section that `configparser` allows more than once.
const DEFAULT: &str = "DEFAULT";

/// What such a text reads as.
#[derive(Debug, Clone)]
pub struct Sections {
    options: Vec<Setting>,
    /// Name, and where the last header of it is written.
    headers: Vec<(String, Range<usize>)>,
    values: Values,
}

#[derive(Debug, Clone)]
struct Setting {
    section: String,
    key: String,
    /// The beginning of its first line, and how long the white space there is.
    start: usize,
    indent: usize,
    /// The key with the white space and the delimiter behind it.
    key_end: usize,
    value_start: usize,
    /// The lines of the value, without the white space around them; the empty ones too.
    parts: Vec<Range<usize>>,
    comments: Vec<usize>,
}

impl Setting {
    /// The end of the value's last line that is not empty.
    fn end(&self) -> usize {
        let last = self.parts.iter().rev().find(|part| !part.is_empty());
        last.map_or(self.value_start, |part| part.end).max(self.value_start)
    }

    fn written(&self) -> Range<usize> {
        self.value_start..self.end()
    }

    /// What stands between the key and the value, ` = ` where the value begins on a line of its own.
    fn separator<'a>(&self, text: &'a str) -> &'a str {
        match self.parts.first() {
            Some(first) if !first.is_empty() => &text[self.key_end..first.start],
            _ => " = ",
        }
    }

    /// The indentation of the lines below the first.
    fn deeper(&self, text: &str) -> String {
        let own = &text[self.start..self.start + self.indent];
        let below = self.parts.iter().skip(1).rev().find(|part| !part.is_empty());
        below.map_or_else(
            || format!("{own}    "),
            |part| {
                let start = text[..part.start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
                text[start..part.start].to_owned()
            },
        )
    }

    fn has_comment_inside(&self) -> bool {
        self.comments.iter().any(|&at| at < self.end())
    }
}

impl Grammar for Sections {
    fn read(text: &str) -> Result<Self, SyntaxError> {
        let mut sections = Sections { options: Vec::new(), headers: Vec::new(), values: Values::default() };
        let mut section: Option<String> = None;
        let mut going_on = false;
        let mut indent_level = 0;
        for line in lines(text) {
            let trimmed = trimmed(text, line.start..line.end);
            let content = &text[trimmed.clone()];
            let current = sections.options.last_mut().filter(|_| going_on);
            if content.starts_with(['#', ';']) {
                if let Some(current) = current {
                    current.comments.push(line.start);
                }
                continue;
            }
            if content.is_empty() {
                if let Some(current) = current {
                    current.parts.push(line.start..line.start);
                }
                continue;
            }
            let indent = text[line.start..trimmed.start].chars().count();
            if let Some(current) = current
                && indent > indent_level
            {
                current.parts.push(trimmed);
                continue;
            }
            indent_level = indent;
            if let Some(name) = header(content) {
                let known = sections.headers.iter_mut().find(|(known, _)| known == name);
                match known {
                    Some(_) if name != DEFAULT => {
                        return Err(invalid(text, trimmed.start, "this section is there twice"));
                    }
                    Some((_, place)) => *place = trimmed.clone(),
                    None => sections.headers.push((name.to_owned(), trimmed.clone())),
                }
                section = Some(name.to_owned());
                going_on = false;
                continue;
            }
            let Some(section) = &section else {
                return Err(invalid(text, trimmed.start, "there is no section header above this line"));
            };
            let setting = setting(text, section, line.start, &trimmed)?;
            if sections.options.iter().any(|other| other.section == setting.section && other.key == setting.key) {
                return Err(invalid(text, trimmed.start, "this key is there twice in its section"));
            }
            sections.options.push(setting);
            going_on = true;
        }
        sections.values = values(text, &sections);
        Ok(sections)
    }

    fn values(&self) -> &Values {
        &self.values
    }

    fn path(keys: &[&str]) -> Vec<String> {
        let lower = |(depth, key): (usize, &&str)| if depth == 1 { key.to_lowercase() } else { (*key).to_owned() };
        keys.iter().enumerate().map(lower).collect()
    }

    fn replace(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let Some(setting) = self.find(path) else { return Vec::new() };
        // A comment between the lines of a value belongs to somebody.
        if setting.has_comment_inside() {
            return Vec::new();
        }
        let gap = match setting.parts.first() {
            Some(first) if !first.is_empty() => &text[setting.value_start..first.start],
            _ => " ",
        };
        let new = below(value, &setting.deeper(text), line_end(text)).map(|(first, rest)| match first {
            "" => rest,
            first => format!("{gap}{first}{rest}"),
        });
        new.map(|new| Splice::replace(text, setting.written(), new)).into_iter().collect()
    }

    fn add(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let [section, key] = path else { return Vec::new() };
        let last = self.options.iter().rfind(|setting| setting.section == *section);
        let separator = last.map_or(" = ", |last| last.separator(text));
        let line = |indent: &str| {
            let (first, rest) = below(value, &format!("{indent}    "), line_end(text))?;
            let separator = if first.is_empty() { separator.trim_end() } else { separator };
            Some(format!("{indent}{key}{separator}{first}{rest}"))
        };
        if let Some(last) = last {
            let new = line(&text[last.start..last.start + last.indent]);
            return new.map(|new| lines_after(text, last.end(), &new)).into_iter().collect();
        }
        if let Some((_, header)) = self.headers.iter().find(|(name, _)| name == section) {
            let start = text[..header.start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
            let indents = ["", &text[start..header.start]];
            return indents.into_iter().filter_map(line).map(|new| lines_after(text, header.end, &new)).collect();
        }
        let end = line_end(text);
        let gap = match text {
            "" => String::new(),
            text if text.ends_with(&end.repeat(2)) => String::new(),
            text if text.ends_with(['\n', '\r']) => end.to_owned(),
            _ => end.repeat(2),
        };
        let new = line("").map(|line| format!("{gap}{MARK}{end}[{section}]{end}{line}{end}"));
        new.map(|new| Splice::replace(text, text.len()..text.len(), new)).into_iter().collect()
    }

    fn append(&self, text: &str, path: &[String], entry: &str) -> Vec<Splice> {
        let Some(setting) = self.find(path) else { return Vec::new() };
        let line = format!("{}{entry}", setting.deeper(text));
        vec![lines_after(text, setting.end(), &line)]
    }

    fn cut(&self, text: &str, path: &[String], made: &str) -> Vec<Splice> {
        let Some(setting) = self.find(path).filter(|setting| !setting.has_comment_inside()) else { return Vec::new() };
        let mut start = setting.start;
        let header = self.headers.iter().find(|(name, _)| *name == setting.section);
        let alone = self.options.iter().filter(|other| other.section == setting.section).count() == 1;
        if let Some((name, header)) = header
            && alone
            && lines(made).iter().any(|line| self::header(&made[line.start..line.end]) == Some(name))
            && text[header.end..setting.start].trim().is_empty()
        {
            let above = text[..header.start].trim_end();
            start = if above.ends_with(MARK) { above.len() - MARK.len() } else { header.start };
        }
        let range = whole_lines(text, start..setting.end(), made);
        vec![Splice::replace(text, range, "")]
    }

    fn cut_entry(&self, text: &str, path: &[String], position: usize) -> Vec<Splice> {
        let Some(setting) = self.find(path) else { return Vec::new() };
        let parts = setting.parts.iter().enumerate();
        let words: Vec<_> =
            parts.flat_map(|(part, range)| words(text, range).into_iter().map(move |word| (part, word))).collect();
        let Some((part, word)) = words.get(position) else { return Vec::new() };
        let mut beside = words.iter().enumerate().filter(|(other, (its, _))| its == part && *other != position);
        let range = match beside.next() {
            None if *part > 0 => whole_lines(text, word.clone(), ""),
            None => word.clone(),
            // With the white space that separates it from its neighbour on the line.
            Some((other, (_, next))) if other > position => word.start..next.start,
            Some(_) => words[position - 1].1.end..word.end,
        };
        vec![Splice::replace(text, range, "")]
    }
}

impl Sections {
    fn find(&self, path: &[String]) -> Option<&Setting> {
        let [section, key] = path else { return None };
        self.options.iter().find(|setting| setting.section == *section && setting.key == *key)
    }
}

/// `[name]`, and whatever stands behind the last bracket.
fn header(content: &str) -> Option<&str> {
    let name = &content.strip_prefix('[')?;
    let end = name.rfind(']').filter(|&end| end > 0)?;
    Some(&name[..end])
}

fn setting(text: &str, section: &str, start: usize, line: &Range<usize>) -> Result<Setting, SyntaxError> {
    let content = &text[line.clone()];
    let Some(delimiter) = content.find(['=', ':']) else {
        return Err(invalid(text, line.start, "there is neither `=` nor `:` in this line"));
    };
    let key = content[..delimiter].trim_end_matches(is_space);
    if key.is_empty() {
        return Err(invalid(text, line.start, "there is no key before the delimiter"));
    }
    let value_start = line.start + delimiter + 1;
    Ok(Setting {
        section: section.to_owned(),
        key: key.to_lowercase(),
        start,
        indent: line.start - start,
        key_end: line.start + key.len(),
        value_start,
        parts: vec![trimmed(text, value_start..line.end)],
        comments: Vec::new(),
    })
}

fn values(text: &str, sections: &Sections) -> Values {
    let mut values = Values::default();
    for (name, place) in &sections.headers {
        values.tables.insert(vec![name.clone()], place.start);
    }
    for setting in &sections.options {
        let parts: Vec<_> = setting.parts.iter().map(|part| &text[part.clone()]).collect();
        let value = parts.join("\n").trim_end_matches(is_space).to_owned();
        let list = value.split(is_space).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let held = Held {
            plain: format!("{value:?}"),
            text: Some(value),
            list: Some(list),
            written: setting.written(),
            at: setting.start,
        };
        values.all.insert(vec![setting.section.clone(), setting.key.clone()], held);
    }
    values
}

/// What goes on the key's line, and what below it; `None` where a value cannot be written.
fn below<'a>(value: &'a Value, indent: &str, end: &str) -> Option<(&'a str, String)> {
    match value {
        Value::Truth(truth) => Some((truth_word(*truth), String::new())),
        Value::Text(text) if text.contains(['\n', '\r']) => None,
        Value::Text(text) => Some((text, String::new())),
        Value::List(list) => {
            let lines = list.iter().map(|entry| format!("{end}{indent}{entry}"));
            Some(("", lines.collect()))
        }
    }
}

fn words(text: &str, range: &Range<usize>) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut inside = false;
    for (at, c) in text[range.clone()].char_indices().map(|(at, c)| (range.start + at, c)) {
        let end = at + c.len_utf8();
        match words.last_mut().filter(|_| inside && !is_space(c)) {
            Some(word) => word.end = end,
            None if !is_space(c) => words.push(at..end),
            None => {}
        }
        inside = !is_space(c);
    }
    words
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let content = &text[range.clone()];
    let start = range.start + (content.len() - content.trim_start_matches(is_space).len());
    let length = content.trim_matches(is_space).len();
    // An empty rest is at the beginning, before its white space.
    if length == 0 { range.start..range.start } else { start..start + length }
}

/// White space as Python's text has it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}
