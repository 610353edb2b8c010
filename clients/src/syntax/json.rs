//! JSON files of one object, such as Swift's `registries.json`.
//!
//! A number, `true`, `false` and an object with nothing in it (`{}`) are text here, as in YAML; text that looks like one of
//! them is written without quotes. A name that
//! is in an object twice is refused: readers differ over which one counts. So is what is no JSON, such as comments.

use std::collections::HashSet;
use std::ops::Range;

use super::editor::{Grammar, Held, Values, invalid, line_end};
use super::{Editor, Splice, SyntaxError, Value};

/// JSON text. The way to a value is its names; a text without any character is an object that is still to be made.
pub type Json = Editor<Document>;

/// How much deeper than its parent a new line is, where the file does not show it.
const STEP: &str = "  ";
/// An object without anything in it, which is text, too.
pub const EMPTY: &str = "{}";
/// Deeper ones are no settings.
const DEEPEST: usize = 100;

/// What such a text reads as.
#[derive(Debug, Clone)]
pub struct Document {
    root: Option<Node>,
    values: Values,
}

#[derive(Debug, Clone)]
struct Node {
    kind: Kind,
    /// From its first character to its last.
    place: Range<usize>,
}

#[derive(Debug, Clone)]
enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Text(String),
    /// A number, `true` or `false`.
    Word,
    Null,
}

#[derive(Debug, Clone)]
struct Member {
    name: String,
    /// Where the name is, with its quotes.
    at: Range<usize>,
    node: Node,
}

impl Grammar for Document {
    fn read(text: &str) -> Result<Self, SyntaxError> {
        let root = Reader { text, at: 0, depth: 0 }.document()?;
        let mut values = Values::default();
        if let Some(root) = &root {
            collect(text, root, &mut Vec::new(), &mut values);
        }
        Ok(Self { root, values })
    }

    fn values(&self) -> &Values {
        &self.values
    }

    fn replace(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let member = self.find(path);
        member.map(|member| Splice::replace(text, member.node.place.clone(), written(value))).into_iter().collect()
    }

    fn add(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let Some(root) = &self.root else {
            let style = Style { end: line_end(text), step: STEP, colon: ": ", is_flat: false };
            let object = style.object(path, value, "");
            return vec![Splice::replace(text, 0..text.len(), object + style.end)];
        };
        // Down to the deepest object that is there.
        let (mut node, mut depth) = (root, 0);
        while let Some(member) = path.get(depth).and_then(|name| node.member(name)) {
            (node, depth) = (&member.node, depth + 1);
        }
        let Kind::Object(members) = &node.kind else { return Vec::new() };
        let style = self.style(text);
        let Some(last) = members.last() else {
            let inner = node.place.start + 1..node.place.end - 1;
            if style.is_flat {
                return vec![Splice::replace(text, inner, style.member(&path[depth..], value, ""))];
            }
            let indent = indent_of(text, node.place.start);
            let deeper = [indent, style.step].concat();
            let new = [style.end, &deeper, &style.member(&path[depth..], value, &deeper), style.end, indent].concat();
            return vec![Splice::replace(text, inner, new)];
        };
        let gap = match own_line(text, last.at.start) {
            Some(indent) => [style.end, indent].concat(),
            None => " ".to_owned(),
        };
        let new = [",", &gap, &style.member(&path[depth..], value, indent_of(text, last.at.start))].concat();
        vec![Splice::replace(text, last.node.place.end..last.node.place.end, new)]
    }

    fn append(&self, text: &str, path: &[String], entry: &str) -> Vec<Splice> {
        let Some(Member { node: Node { kind: Kind::Array(entries), place }, .. }) = self.find(path) else {
            return Vec::new();
        };
        let new = quoted(entry);
        vec![match entries.last() {
            None => Splice::replace(text, place.start + 1..place.end - 1, new),
            Some(last) => {
                let gap = own_line(text, last.place.start)
                    .map_or(" ".to_owned(), |indent| line_end(text).to_owned() + indent);
                Splice::replace(text, last.place.end..last.place.end, format!(",{gap}{new}"))
            }
        }]
    }

    fn cut(&self, text: &str, path: &[String], made: &str) -> Vec<Splice> {
        let mut path = path;
        // The objects above it that came with it go with it, if nothing else is in them.
        while let Some((_, above)) = path.split_last()
            && let Some(parent) = self.find(above)
            && matches!(&parent.node.kind, Kind::Object(members) if members.len() == 1)
            && made.contains(&text[parent.at.clone()])
        {
            path = above;
        }
        let Some((last, above)) = path.split_last() else { return Vec::new() };
        let parent = if above.is_empty() { self.root.as_ref() } else { self.find(above).map(|member| &member.node) };
        let Some(Node { kind: Kind::Object(members), place }) = parent else { return Vec::new() };
        let Some(position) = members.iter().position(|member| member.name == *last) else { return Vec::new() };
        let member = &members[position];
        let range = match (position.checked_sub(1), members.get(position + 1)) {
            (Some(before), _) => members[before].node.place.end..member.node.place.end,
            (None, Some(next)) => member.at.start..next.at.start,
            // With the whole text, where that came with it.
            (None, None) if above.is_empty() && made.trim_start().starts_with('{') => 0..text.len(),
            (None, None) => place.start + 1..place.end - 1,
        };
        vec![Splice::replace(text, range, "")]
    }

    fn cut_entry(&self, text: &str, path: &[String], position: usize) -> Vec<Splice> {
        let Some(Member { node: Node { kind: Kind::Array(entries), place }, .. }) = self.find(path) else {
            return Vec::new();
        };
        let range = match (position.checked_sub(1), entries.get(position + 1)) {
            (Some(before), _) => entries[before].place.end..entries[position].place.end,
            (None, Some(next)) => entries[position].place.start..next.place.start,
            (None, None) => place.start + 1..place.end - 1,
        };
        vec![Splice::replace(text, range, "")]
    }
}

impl Document {
    fn find(&self, path: &[String]) -> Option<&Member> {
        let (last, above) = path.split_last()?;
        above
            .iter()
            .try_fold(self.root.as_ref()?, |node, name| node.member(name).map(|member| &member.node))?
            .member(last)
    }

    /// How the file is laid out, by its first member.
    fn style<'a>(&self, text: &'a str) -> Style<'a> {
        let mut style = Style { end: line_end(text), step: STEP, colon: ": ", is_flat: false };
        if let Some(Node { kind: Kind::Object(members), place }) = &self.root
            && let Some(first) = members.first()
        {
            let colon = &text[first.at.end..first.node.place.start];
            style.colon = if colon.contains(['\n', '\r']) { ": " } else { colon };
            style.is_flat = !text[place.clone()].contains(['\n', '\r']);
            style.step = own_line(text, first.at.start).filter(|step| !step.is_empty()).unwrap_or(STEP);
        }
        style
    }
}

impl Node {
    fn member(&self, name: &str) -> Option<&Member> {
        match &self.kind {
            Kind::Object(members) => members.iter().find(|member| member.name == name),
            _ => None,
        }
    }

    /// What it is, without its spelling.
    fn plain(&self, text: &str) -> String {
        match &self.kind {
            Kind::Object(members) => {
                let members = members.iter().map(|member| format!("{:?}:{}", member.name, member.node.plain(text)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            Kind::Array(entries) => {
                format!("[{}]", entries.iter().map(|entry| entry.plain(text)).collect::<Vec<_>>().join(","))
            }
            Kind::Text(value) => format!("{value:?}"),
            Kind::Word | Kind::Null => text[self.place.clone()].to_owned(),
        }
    }
}

fn collect(text: &str, node: &Node, path: &mut Vec<String>, values: &mut Values) {
    let Kind::Object(members) = &node.kind else { return };
    for member in members {
        path.push(member.name.clone());
        if let Kind::Object(members) = &member.node.kind {
            if members.is_empty() {
                values.all.insert(path.clone(), Held { plain: String::new(), ..held(text, member) });
            }
            values.tables.insert(path.clone(), member.at.start);
            collect(text, &member.node, path, values);
        } else {
            values.all.insert(path.clone(), held(text, member));
        }
        path.pop();
    }
}

fn held(text: &str, member: &Member) -> Held {
    let node = &member.node;
    let (as_text, list) = match &node.kind {
        Kind::Text(value) => (Some(value.clone()), None),
        Kind::Word => (Some(text[node.place.clone()].to_owned()), None),
        Kind::Array(entries) => {
            let entry = |entry: &Node| match &entry.kind {
                Kind::Text(value) => Some(value.clone()),
                _ => None,
            };
            (None, entries.iter().map(entry).collect())
        }
        Kind::Object(members) if members.is_empty() => (Some(EMPTY.to_owned()), None),
        Kind::Object(_) | Kind::Null => (None, None),
    };
    Held { plain: node.plain(text), text: as_text, list, written: node.place.clone(), at: member.at.start }
}

/// How members are written.
struct Style<'a> {
    end: &'a str,
    step: &'a str,
    colon: &'a str,
    /// All on one line.
    is_flat: bool,
}

impl Style<'_> {
    /// An object of one member, whose own line is indented so.
    fn object(&self, path: &[String], value: &Value, indent: &str) -> String {
        if self.is_flat {
            return ["{", &self.member(path, value, indent), "}"].concat();
        }
        let deeper = [indent, self.step].concat();
        ["{", self.end, &deeper, &self.member(path, value, &deeper), self.end, indent, "}"].concat()
    }

    /// A member; the names beyond the first are those of objects in it.
    fn member(&self, path: &[String], value: &Value, indent: &str) -> String {
        let Some((first, rest)) = path.split_first() else { return String::new() };
        let inner = if rest.is_empty() { written(value) } else { self.object(rest, value, indent) };
        [&quoted(first), self.colon, &inner].concat()
    }
}

/// The white space before something that is the first of its line.
fn own_line(text: &str, at: usize) -> Option<&str> {
    let start = text[..at].rfind(['\n', '\r'])? + 1;
    let before = &text[start..at];
    before.trim_start_matches([' ', '\t']).is_empty().then_some(before)
}

/// The white space that the line of a position begins with.
fn indent_of(text: &str, at: usize) -> &str {
    let start = text[..at].rfind(['\n', '\r']).map_or(0, |start| start + 1);
    let line = &text[start..at];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn written(value: &Value) -> String {
    match value {
        Value::Text(text) if is_word(text) || text == EMPTY => text.clone(),
        Value::Text(text) => quoted(text),
        Value::Truth(truth) => truth.to_string(),
        Value::List(list) => format!("[{}]", list.iter().map(|entry| quoted(entry)).collect::<Vec<_>>().join(", ")),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a text is a number, `true` or `false`.
fn is_word(text: &str) -> bool {
    matches!(text, "true" | "false")
        || text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            && text.ends_with(|last: char| last.is_ascii_digit())
            && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn document(mut self) -> Result<Option<Node>, SyntaxError> {
        self.skip();
        if self.at == self.text.len() {
            return Ok(None);
        }
        let root = self.value()?;
        if !matches!(root.kind, Kind::Object(_)) {
            return Err(invalid(self.text, root.place.start, "the file is no object"));
        }
        self.skip();
        if self.at < self.text.len() {
            return Err(self.fault("something is behind the object"));
        }
        Ok(Some(root))
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => Kind::Object(self.members()?),
            Some(b'[') => Kind::Array(self.entries()?),
            Some(b'"') => Kind::Text(self.string()?),
            _ => self.word()?,
        };
        Ok(Node { kind, place: start..self.at })
    }

    fn members(&mut self) -> Result<Vec<Member>, SyntaxError> {
        let mut members = Vec::new();
        let mut names = HashSet::new();
        self.list(b'}', |reader| {
            let start = reader.at;
            if reader.peek() != Some(b'"') {
                return Err(reader.fault("a name in double quotes should be here"));
            }
            let name = reader.string()?;
            if !names.insert(name.clone()) {
                return Err(invalid(reader.text, start, "this name is in the object twice"));
            }
            let at = start..reader.at;
            reader.skip();
            if reader.peek() != Some(b':') {
                return Err(reader.fault("a colon should be here"));
            }
            reader.at += 1;
            reader.skip();
            members.push(Member { name, at, node: reader.value()? });
            Ok(())
        })?;
        Ok(members)
    }

    fn entries(&mut self) -> Result<Vec<Node>, SyntaxError> {
        let mut entries = Vec::new();
        self.list(b']', |reader| {
            entries.push(reader.value()?);
            Ok(())
        })?;
        Ok(entries)
    }

    /// What stands between brackets, with commas between.
    fn list(
        &mut self,
        close: u8,
        mut one: impl FnMut(&mut Self) -> Result<(), SyntaxError>,
    ) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.fault("this is deeper than settings are"));
        }
        self.at += 1;
        self.skip();
        let mut is_first = true;
        while is_first && self.peek() != Some(close) || !is_first && self.peek() == Some(b',') {
            if !is_first {
                self.at += 1;
                self.skip();
            }
            is_first = false;
            one(self)?;
            self.skip();
        }
        if self.peek() != Some(close) {
            return Err(self.fault("a comma or the closing bracket should be here"));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let rest = &self.text.as_bytes()[self.at..];
        let mut length = 1;
        while let Some(byte) = rest.get(length).filter(|byte| **byte != b'"') {
            length += if *byte == b'\\' { 2 } else { 1 };
        }
        let place = self.at..(self.at + length + 1).min(self.text.len());
        // What is between the quotes is read as every reader does: escapes, no control characters.
        let read = self.text.get(place.clone()).and_then(|string| serde_json::from_str(string).ok());
        let read = read.ok_or_else(|| {
            self.fault("this string is not closed, or has an escape or a character that JSON does not know")
        })?;
        self.at = place.end;
        Ok(read)
    }

    fn word(&mut self) -> Result<Kind, SyntaxError> {
        let rest = &self.text[self.at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let word = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let kind = match word {
            "null" => Kind::Null,
            word if is_word(word) => Kind::Word,
            _ => return Err(self.fault("a value should be here")),
        };
        self.at += word.len();
        Ok(kind)
    }

    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, message: &str) -> SyntaxError {
        invalid(self.text, self.at, message)
    }
}
