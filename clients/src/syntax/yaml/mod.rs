//! The plain part of YAML that `.yarnrc.yml` and Bundler's `.bundle/config` consist of: block mappings of scalars, and
//! sequences of scalars in block or flow form.
//!
//! Every scalar is text here, as Yarn reads it. Of a key that is there twice the last counts, as in Yarn and Ruby.
//! Anchors, aliases, tags, flow mappings and text of many lines may stand in the file, and keep their bytes; where one
//! stands in the way of an edit, it is an error.

mod read;

use super::editor::{Grammar, Held, Values, line_end, lines_after, lines_before, whole_lines};
use super::{Editor, Splice, SyntaxError, Value};
use read::{Item, Kind, Node, Pair};

/// YAML text. The way to a value is its keys.
pub type Yaml = Editor<Document>;

/// How much deeper than its parent a new line is: what Yarn and Bundler write.
const STEP: usize = 2;

/// What such a text reads as.
#[derive(Debug, Clone)]
pub struct Document {
    root: Node,
    values: Values,
}

impl Grammar for Document {
    fn read(text: &str) -> Result<Self, SyntaxError> {
        let root = read::document(text)?;
        let mut values = Values::default();
        collect(text, &root, &mut Vec::new(), &mut values);
        Ok(Self { root, values })
    }

    fn values(&self) -> &Values {
        &self.values
    }

    fn admit(&self, text: &str, path: &[String]) -> Result<(), SyntaxError> {
        for depth in 1..=path.len() {
            if let Some(Node { kind: Kind::Beyond, place }) = self.find(&path[..depth]).map(|pair| &pair.node) {
                return Err(read::beyond(text, place.start));
            }
        }
        Ok(())
    }

    fn replace(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let Some(pair) = self.find(path) else { return Vec::new() };
        let new = match (&pair.node.kind, value) {
            (Kind::Null | Kind::Scalar(_), Value::Text(value)) => scalar(value),
            (Kind::Null | Kind::Scalar(_), Value::Truth(truth)) => truth.to_string(),
            (Kind::Block(items), Value::List(list)) if !list.is_empty() => {
                let Some((first, end)) = items.first().zip(items.last()) else { return Vec::new() };
                let gap = [line_end(text), &" ".repeat(column(text, first.dash)), "- "].concat();
                let new = list.iter().map(|entry| scalar(entry)).collect::<Vec<_>>().join(&gap);
                return vec![Splice::replace(
                    text,
                    first.dash..end.node.place.end.max(end.dash + 1),
                    format!("- {new}"),
                )];
            }
            (Kind::Null | Kind::Flow(_), Value::List(list)) => {
                format!("[{}]", list.iter().map(|entry| scalar(entry)).collect::<Vec<_>>().join(", "))
            }
            _ => return Vec::new(),
        };
        let gap = &text[pair.colon..pair.node.place.start.max(pair.colon)];
        // A value below its key comes beside it.
        let gap = if gap.is_empty() || gap.contains(['\n', '\r']) { " " } else { gap };
        vec![Splice::replace(text, pair.colon..pair.node.place.end, format!("{gap}{new}"))]
    }

    fn add(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        // Down to the deepest mapping that is there.
        let (mut node, mut depth) = (&self.root, 0);
        let mut key_line = None;
        while let Some(pair) = path.get(depth).and_then(|key| node.pair(key)) {
            (node, depth, key_line) = (&pair.node, depth + 1, Some(pair));
        }
        let above = key_line.map(|pair| column(text, pair.at));
        let indent = match &node.kind {
            Kind::Map(indent, _) => *indent,
            _ => above.map_or(0, |above| above + STEP),
        };
        let new = new_lines(text, &path[depth..], value, indent);
        match (&node.kind, key_line) {
            (Kind::Map(_, pairs), _) => {
                let end = pairs.last().map_or(text.len(), |last| last.node.place.end);
                vec![lines_after(text, end, &new)]
            }
            (Kind::Null, Some(pair)) => vec![lines_after(text, pair.colon, &new)],
            (Kind::Null, None) => vec![lines_before(text, text.len(), &new)],
            _ => Vec::new(),
        }
    }

    fn append(&self, text: &str, path: &[String], entry: &str) -> Vec<Splice> {
        let Some(pair) = self.find(path) else { return Vec::new() };
        let new = scalar(entry);
        match &pair.node.kind {
            Kind::Null => {
                let indent = " ".repeat(column(text, pair.at) + STEP);
                vec![lines_after(text, pair.colon, &format!("{indent}- {new}"))]
            }
            Kind::Block(items) => {
                let Some(Item { dash, node }) = items.last() else { return Vec::new() };
                let indent = " ".repeat(column(text, *dash));
                vec![lines_after(text, node.place.end, &format!("{indent}- {new}"))]
            }
            Kind::Flow(items) => {
                let splice = match items.last() {
                    Some(last) => Splice::replace(text, last.place.end..last.place.end, format!(", {new}")),
                    None => Splice::replace(text, pair.node.place.start + 1..pair.node.place.start + 1, new),
                };
                vec![splice]
            }
            _ => Vec::new(),
        }
    }

    fn cut(&self, text: &str, path: &[String], made: &str) -> Vec<Splice> {
        let mut path = path;
        let Some(mut pair) = self.find(path) else { return Vec::new() };
        let end = pair.node.place.end.max(pair.colon);
        // The keys above it that came with it go with it, if nothing else is below them.
        while let Some((_, above)) = path.split_last()
            && let Some(parent) = self.find(above)
            && matches!(&parent.node.kind, Kind::Map(_, pairs) if pairs.len() == 1)
            && text[parent.colon..pair.at].trim().is_empty()
            && made.split(['\n', '\r']).any(|line| line.trim() == text[parent.at..parent.colon].trim())
        {
            (path, pair) = (above, parent);
        }
        vec![Splice::replace(text, whole_lines(text, pair.at..end, made), "")]
    }

    fn cut_entry(&self, text: &str, path: &[String], position: usize) -> Vec<Splice> {
        let range = match self.find(path).map(|pair| &pair.node.kind) {
            Some(Kind::Block(items)) => items.get(position).map(|item| {
                let end = item.node.place.end.max(item.dash);
                whole_lines(text, item.dash..end, "")
            }),
            Some(Kind::Flow(items)) => items.get(position).map(|item| match (position, items.get(position + 1)) {
                (0, None) => item.place.clone(),
                (0, Some(next)) => item.place.start..next.place.start,
                _ => items[position - 1].place.end..item.place.end,
            }),
            _ => None,
        };
        range.map(|range| Splice::replace(text, range, "")).into_iter().collect()
    }
}

impl Document {
    fn find(&self, path: &[String]) -> Option<&Pair> {
        let (last, above) = path.split_last()?;
        above.iter().try_fold(&self.root, |node, key| node.pair(key).map(|pair| &pair.node))?.pair(last)
    }
}

impl Node {
    /// The pair that counts for a key: the last.
    fn pair(&self, key: &str) -> Option<&Pair> {
        match &self.kind {
            Kind::Map(_, pairs) => pairs.iter().rfind(|pair| pair.key == key),
            _ => None,
        }
    }

    fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, without its spelling; as it is written, where that is not understood.
    fn plain(&self, text: &str) -> String {
        let list =
            |nodes: &mut dyn Iterator<Item = &Node>| nodes.map(|node| node.plain(text)).collect::<Vec<_>>().join(",");
        match &self.kind {
            Kind::Null => String::new(),
            Kind::Scalar(text) => format!("{text:?}"),
            Kind::Block(items) => format!("[{}]", list(&mut items.iter().map(|item| &item.node))),
            Kind::Flow(items) => format!("[{}]", list(&mut items.iter())),
            Kind::Map(_, pairs) => {
                let pairs = pairs.iter().map(|pair| format!("{:?}:{}", pair.key, pair.node.plain(text)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
            Kind::Beyond => text[self.place.clone()].to_owned(),
        }
    }
}

fn collect(text: &str, node: &Node, path: &mut Vec<String>, values: &mut Values) {
    let Kind::Map(_, pairs) = &node.kind else { return };
    for pair in pairs {
        path.push(pair.key.clone());
        // An earlier one of the same key does not count.
        values.all.retain(|other, _| !other.starts_with(path));
        values.tables.retain(|other, _| !other.starts_with(path));
        if matches!(pair.node.kind, Kind::Map(..)) {
            values.tables.insert(path.clone(), pair.at);
            collect(text, &pair.node, path, values);
        } else {
            values.all.insert(path.clone(), held(text, pair));
        }
        path.pop();
    }
}

fn held(text: &str, pair: &Pair) -> Held {
    let texts = |nodes: &mut dyn Iterator<Item = &Node>| nodes.map(|node| node.scalar().map(str::to_owned)).collect();
    let (as_text, list) = match &pair.node.kind {
        Kind::Null => (Some(String::new()), Some(Vec::new())),
        Kind::Scalar(text) => (Some(text.clone()), None),
        // A mapping is an entry too, told from others by what it is: a list of both can be appended to.
        Kind::Block(items) => {
            let entry = |item: &Item| match &item.node.kind {
                Kind::Map(..) => Some(item.node.plain(text)),
                _ => item.node.scalar().map(str::to_owned),
            };
            (None, items.iter().map(entry).collect())
        }
        Kind::Flow(items) => (None, texts(&mut items.iter())),
        Kind::Map(..) | Kind::Beyond => (None, None),
    };
    let written = pair.colon..pair.node.place.end.max(pair.colon);
    Held { plain: pair.node.plain(text), text: as_text, list, written, at: pair.at }
}

/// `a:`, `  b:`, `    c: value`, without the last line end.
fn new_lines(text: &str, keys: &[String], value: &Value, indent: usize) -> String {
    let Some((last, parents)) = keys.split_last() else { return String::new() };
    let deep = |depth: usize| " ".repeat(indent + depth * STEP);
    let mut lines: Vec<_> =
        parents.iter().enumerate().map(|(depth, parent)| format!("{}{}:", deep(depth), key(parent))).collect();
    match value {
        Value::Text(value) => lines.push(format!("{}{}: {}", deep(parents.len()), key(last), scalar(value))),
        Value::Truth(truth) => lines.push(format!("{}{}: {truth}", deep(parents.len()), key(last))),
        Value::List(entries) => {
            lines.push(format!("{}{}:", deep(parents.len()), key(last)));
            lines.extend(entries.iter().map(|entry| format!("{}- {}", deep(parents.len() + 1), scalar(entry))));
        }
    }
    lines.join(line_end(text))
}

fn column(text: &str, at: usize) -> usize {
    at - text[..at].rfind(['\n', '\r']).map_or(0, |start| start + 1)
}

/// A scalar in quotes: double ones, or single ones where double ones would need escapes, which Bundler does not read.
fn scalar(value: &str) -> String {
    if value.contains(['"', '\\']) && !value.chars().any(|c| c == '\'' || c.is_control()) {
        format!("'{value}'")
    } else {
        let json = serde_json::Value::from(value).to_string();
        let printable = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
        json.chars().map(printable).collect()
    }
}

/// A key, plain where every reader then takes it as text; Bundler knows no other.
fn key(key: &str) -> String {
    // `:sources`, a symbol of Ruby's, is one without quotes only.
    let first = key.strip_prefix(':').unwrap_or(key);
    let starts_well = first.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'));
    let is_plain = key.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:+@^".contains(c));
    let is_word =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].iter().any(|word| key.eq_ignore_ascii_case(word));
    if starts_well && is_plain && !is_word && !key.ends_with(':') {
        key.to_owned()
    } else {
        serde_json::Value::from(key).to_string()
    }
}
