//! YAML as gems carry it: Ruby's objects are mappings with a tag, and an alias may stand for what came before.
//!
//! A document becomes one list of nodes that refer to each other by number. So an alias costs nothing however often it
//! is used, and neither depth nor count exceeds its bound. Tags are not looked at: what a node is, is said by where it
//! stands.

use std::collections::HashMap;

use yaml_rust2::{
    parser::{Event, Parser},
    scanner::TScalarStyle,
};

/// Nodes of one document; a gem lists its files in it.
const NODES: usize = 500_000;
const DEPTH: usize = 32;

/// A document.
#[derive(Debug)]
pub(super) struct Document(Vec<Kind>);

#[derive(Debug)]
enum Kind {
    Null,
    Text(String),
    List(Vec<usize>),
    /// Keys that are no text are left out.
    Map(Vec<(String, usize)>),
}

/// A value in a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    document: &'a Document,
    at: usize,
}

/// Not a document that this service reads.
#[derive(Debug, thiserror::Error)]
pub(super) enum YamlError {
    #[error("{0}")]
    Syntax(#[from] yaml_rust2::ScanError),
    #[error("it has more than {NODES} values")]
    TooMany,
    #[error("it is nested more than {DEPTH} deep")]
    TooDeep,
    #[error("it is empty")]
    Empty,
}

/// A collection that is being read.
struct Open {
    at: usize,
    /// Of a mapping: the key whose value comes next.
    key: Option<Key>,
}

enum Key {
    Text(String),
    /// Its value is left out.
    Other,
}

impl Document {
    /// The first document of a text.
    pub(super) fn parse(text: &str) -> Result<Self, YamlError> {
        let mut parser = Parser::new_from_str(text);
        let mut nodes = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut anchors = HashMap::new();
        loop {
            let (event, _) = parser.next_token()?;
            let (kind, anchor) = match event {
                Event::Scalar(text, style, anchor, _) => {
                    let null = style == TScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null");
                    (if null { Kind::Null } else { Kind::Text(text) }, anchor)
                }
                Event::SequenceStart(anchor, _) => (Kind::List(Vec::new()), anchor),
                Event::MappingStart(anchor, _) => (Kind::Map(Vec::new()), anchor),
                Event::Alias(anchor) => {
                    // One that stands for nothing is refused by the parser; one that stands for what it is in is null.
                    let at = anchors.get(&anchor).copied();
                    let inside = at.is_some_and(|at| open.iter().any(|open| open.at == at));
                    match at.filter(|_| !inside) {
                        Some(at) => {
                            attach(&mut nodes, &mut open, at);
                            continue;
                        }
                        None => (Kind::Null, 0),
                    }
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    if open.is_empty() {
                        break;
                    }
                    continue;
                }
                Event::DocumentEnd | Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentStart => continue,
            };
            if nodes.len() == NODES {
                return Err(YamlError::TooMany);
            }
            let at = nodes.len();
            let collection = !matches!(kind, Kind::Null | Kind::Text(_));
            nodes.push(kind);
            if anchor != 0 {
                anchors.insert(anchor, at);
            }
            attach(&mut nodes, &mut open, at);
            if collection {
                if open.len() == DEPTH {
                    return Err(YamlError::TooDeep);
                }
                open.push(Open { at, key: None });
            } else if open.is_empty() {
                break;
            }
        }
        if nodes.is_empty() { Err(YamlError::Empty) } else { Ok(Self(nodes)) }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node { document: self, at: 0 }
    }
}

/// Puts a node where it stands.
fn attach(nodes: &mut [Kind], open: &mut [Open], at: usize) {
    let Some(parent) = open.last_mut() else { return };
    let Some(key) = parent.key.take() else {
        if matches!(nodes[parent.at], Kind::Map(_)) {
            parent.key = Some(if let Kind::Text(text) = &nodes[at] { Key::Text(text.clone()) } else { Key::Other });
        } else if let Kind::List(items) = &mut nodes[parent.at] {
            items.push(at);
        }
        return;
    };
    if let (Key::Text(key), Kind::Map(pairs)) = (key, &mut nodes[parent.at]) {
        pairs.push((key, at));
    }
}

impl<'a> Node<'a> {
    fn kind(self) -> &'a Kind {
        &self.document.0[self.at]
    }

    fn other(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// The value of a key.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        let Kind::Map(pairs) = self.kind() else { return None };
        pairs.iter().find(|(known, _)| known == key).map(|(_, at)| self.other(*at))
    }

    /// Text that is not null.
    pub(super) fn text(self) -> Option<&'a str> {
        if let Kind::Text(text) = self.kind() { Some(text) } else { None }
    }

    /// The items of a list; nothing if it is none.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let items: &'a [usize] = if let Kind::List(items) = self.kind() { items } else { &[] };
        items.iter().map(move |at| self.other(*at))
    }

    /// Keys and values of a mapping; nothing if it is none.
    pub(super) fn pairs(self) -> impl Iterator<Item = (&'a str, Self)> {
        let pairs: &'a [(String, usize)] = if let Kind::Map(pairs) = self.kind() { pairs } else { &[] };
        pairs.iter().map(move |(key, at)| (key.as_str(), self.other(*at)))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn text(yaml: &str, path: &[&str]) -> Option<String> {
        let document = Document::parse(yaml).unwrap();
        let node = path.iter().try_fold(document.root(), |node, key| node.get(key))?;
        node.text().map(str::to_owned)
    }

    #[test]
    fn ruby_objects_are_mappings() {
        let yaml = "--- !ruby/object:Gem::Specification\nname: a\nversion: !ruby/object:Gem::Version\n  version: '1.0'\nemail:\nold: ! '>='\ntext: |-\n  b\n  c\n";
        assert_eq!(text(yaml, &["name"]).unwrap(), "a");
        assert_eq!(text(yaml, &["version", "version"]).unwrap(), "1.0");
        assert_eq!(text(yaml, &["email"]), None);
        assert_eq!(text(yaml, &["old"]).unwrap(), ">=");
        assert_eq!(text(yaml, &["text"]).unwrap(), "b\nc");
        assert_eq!(text("- a", &["x"]), None);
    }

    #[test]
    fn an_alias_is_what_it_stands_for() {
        let yaml = "a: &x\n- - \">=\"\n  - &v\n    version: '0'\nb: *x\nc: *v\n";
        let document = Document::parse(yaml).unwrap();
        let b = document.root().get("b").unwrap();
        let pair: Vec<_> = b.items().next().unwrap().items().collect();
        assert_eq!(pair[0].text(), Some(">="));
        assert_eq!(text(yaml, &["c", "version"]).unwrap(), "0");
    }

    #[test]
    fn hostile_documents_end_soon() {
        // Ten levels of ten aliases each would be ten thousand million values.
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for level in 1..=10 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
        }
        assert!(Document::parse(&bomb).is_ok());
        for bad in [
            "",
            "a: &a\n  b: *nothing\n",
            "a: [1, 2",
            "\"",
            &"[".repeat(1000),
            &"- ".repeat(1000),
            &(0..100).map(|depth| " ".repeat(depth) + "a:\n").collect::<Vec<_>>().concat(),
        ] {
            assert!(Document::parse(bad).is_err(), "{bad}");
        }
        let inside = Document::parse("a: &a\n  b: *a\n").unwrap();
        assert!(inside.root().get("a").unwrap().get("b").unwrap().text().is_none());
    }
}
