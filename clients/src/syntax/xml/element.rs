//! Elements without their spelling: what is to be written, and what was read.

use std::fmt;

/// An element: its name, its attributes in their order, and what is in it.
///
/// White space around text is layout to the clients whose files these are (Maven trims every value, NuGet keeps its own
/// in attributes), and is not part of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    pub(super) content: Vec<Content>,
}

/// What can be in an element, or beside the root.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Content {
    Element(Element),
    Text(String),
    Comment(String),
    Instruction(String),
}

impl Content {
    pub(super) fn element_mut(&mut self) -> Option<&mut Element> {
        match self {
            Self::Element(element) => Some(element),
            _ => None,
        }
    }
}

/// How a new element is laid out.
pub(super) struct Layout<'a> {
    /// The indentation and what each level adds to it; `None` where all is on one line.
    pub(super) lines: Option<(String, String)>,
    /// The line end.
    pub(super) end: &'static str,
    /// How a tag without content ends: ` />` or `/>`.
    pub(super) tail: &'a str,
}

impl Element {
    /// An element with nothing in it.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), attributes: Vec::new(), content: Vec::new() }
    }

    /// With an attribute more.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// With an element more at its end.
    #[must_use]
    pub fn with_child(mut self, child: Element) -> Self {
        self.content.push(Content::Element(child));
        self
    }

    /// With text at its end.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.content.push(Content::Text(text));
        }
        self
    }

    /// With an element more that holds nothing but text: `<id>my-team-repo</id>`.
    #[must_use]
    pub fn with(self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.with_child(Element::new(name).with_text(text))
    }

    /// The name without its prefix.
    pub fn name(&self) -> &str {
        local(&self.name)
    }

    /// The value of an attribute, by its name as written.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The attributes in their order: name as written, and value.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The elements in it.
    pub fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The first element in it of a name (without prefix).
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children().find(|child| child.name() == name)
    }

    /// The text directly in it, comments left out.
    pub fn text(&self) -> String {
        let text = self.content.iter().filter_map(|content| match content {
            Content::Text(text) => Some(text.as_str()),
            _ => None,
        });
        text.collect()
    }

    pub(super) fn read(name: String, attributes: Vec<(String, String)>, content: Vec<Content>) -> Self {
        Self { name, attributes, content }
    }

    /// Sets or adds an attribute.
    pub(super) fn set_attribute(&mut self, name: &str, value: &str) {
        match self.attributes.iter_mut().find(|(have, _)| have == name) {
            Some((_, have)) => value.clone_into(have),
            None => self.attributes.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn remove_attribute(&mut self, name: &str) {
        self.attributes.retain(|(have, _)| have != name);
    }

    /// Whether two elements say the same: neither prefixes, comments, nor the order of attributes and of children with
    /// different names count.
    pub(super) fn says(&self, other: &Self) -> bool {
        let attributes = |element: &Self| {
            let mut attributes = element.attributes.clone();
            attributes.sort();
            attributes
        };
        let children = |element: &Self| {
            let mut children: Vec<_> = element.children().cloned().collect();
            children.sort_by(|a, b| a.name().cmp(b.name()));
            children
        };
        let (own, others) = (children(self), children(other));
        self.name() == other.name()
            && self.text() == other.text()
            && attributes(self) == attributes(other)
            && own.len() == others.len()
            && own.iter().zip(&others).all(|(own, other)| own.says(other))
    }

    /// Itself with a prefix before each name that has none.
    pub(super) fn prefixed(&self, prefix: Option<&str>) -> Self {
        let Some(prefix) = prefix else { return self.clone() };
        let mut element = self.clone();
        if !element.name.contains(':') {
            element.name = format!("{prefix}:{}", element.name);
        }
        for content in &mut element.content {
            if let Content::Element(child) = content {
                *child = child.prefixed(Some(prefix));
            }
        }
        element
    }

    /// Whether XML can express it: names that are names, characters that are allowed.
    pub(super) fn is_expressible(&self) -> bool {
        is_name(&self.name)
            && self.attributes.iter().all(|(name, value)| is_name(name) && value.chars().all(is_character))
            && self.content.iter().all(|content| match content {
                Content::Element(element) => element.is_expressible(),
                Content::Text(text) => text.chars().all(is_character),
                Content::Comment(_) | Content::Instruction(_) => true,
            })
    }

    /// Itself on one line, as a journal keeps it.
    pub(super) fn on_one_line(&self) -> String {
        self.written(&Layout { lines: None, end: "\n", tail: "/>" })
    }

    /// Itself as text, from its `<` to its last `>`.
    pub(super) fn written(&self, layout: &Layout<'_>) -> String {
        let mut text = String::new();
        let indent = layout.lines.as_ref().map(|(indent, _)| indent.as_str()).unwrap_or_default();
        self.write(&mut text, layout, indent);
        text
    }

    fn write(&self, text: &mut String, layout: &Layout<'_>, indent: &str) {
        text.push('<');
        text.push_str(&self.name);
        for (name, value) in &self.attributes {
            text.extend([" ", name, "=\"", &escaped_value(value), "\""]);
        }
        if self.content.is_empty() {
            text.push_str(layout.tail);
            return;
        }
        text.push('>');
        let has_text = self.content.iter().any(|content| matches!(content, Content::Text(_)));
        let unit = layout.lines.as_ref().filter(|_| !has_text).map(|(_, unit)| unit);
        let inner = unit.map(|unit| format!("{indent}{unit}"));
        for content in &self.content {
            if let Some(inner) = &inner {
                text.push_str(layout.end);
                text.push_str(inner);
            }
            match content {
                Content::Element(child) => child.write(text, layout, inner.as_deref().unwrap_or(indent)),
                Content::Text(content) => text.push_str(&escaped_text(content)),
                Content::Comment(comment) => text.extend(["<!--", comment, "-->"]),
                Content::Instruction(instruction) => text.extend(["<?", instruction, "?>"]),
            }
        }
        if inner.is_some() {
            text.push_str(layout.end);
            text.push_str(indent);
        }
        text.extend(["</", &self.name, ">"]);
    }
}

/// Without values: they may be secrets.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(element) => element.fmt(f),
            Self::Text(_) => f.write_str("Text"),
            Self::Comment(_) => f.write_str("Comment"),
            Self::Instruction(_) => f.write_str("Instruction"),
        }
    }
}

/// A name's part behind the prefix.
pub(super) fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// XML 1.0, production 5.
pub(super) fn is_name(name: &str) -> bool {
    let is_start = |c: char| {
        matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
            | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}' | '\u{200d}' | '\u{2070}'..='\u{218f}'
            | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
            | '\u{10000}'..='\u{effff}')
    };
    let is_rest = |c: char| {
        is_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}')
    };
    name.starts_with(is_start) && name.chars().all(is_rest)
}

/// XML 1.0, production 2.
pub(super) fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Text as it is written between tags. What a reader would trim or take for a line end is written by number.
pub(super) fn escaped_text(text: &str) -> String {
    let start = text.len() - text.trim_start_matches(' ').len();
    let inner = start..text.trim_end_matches(' ').len();
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match reference(c) {
            Some(reference) if !matches!(c, '"' | '\'') => escaped.push_str(reference),
            None if c == ' ' && !inner.contains(&at) => escaped.push_str("&#32;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A value as it is written between the quotes of an attribute, of either kind.
pub(super) fn escaped_value(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match reference(c) {
            Some(reference) => escaped.push_str(reference),
            None => escaped.push(c),
        }
    }
    escaped
}

/// How a character is written that would mean something else as itself.
fn reference(c: char) -> Option<&'static str> {
    Some(match c {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&apos;",
        '\t' => "&#9;",
        '\n' => "&#10;",
        '\r' => "&#13;",
        _ => return None,
    })
}
