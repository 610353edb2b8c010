//! From text to a tree that knows where everything stands.
//!
//! `quick-xml` tells markup from text and checks that tags match; what XML demands beyond that is checked here, so that
//! nothing is edited which a client's own reader would refuse.

use std::collections::HashSet;
use std::ops::Range;

use quick_xml::escape::{resolve_xml_entity, unescape_with};
use quick_xml::events::Event;
use quick_xml::{Error, Reader};

use super::super::{SyntaxError, decoded};
use super::element::{Content, Element, is_character, is_name, local};

/// The largest file read, in bytes. Settings are hand-written and a thousand times smaller.
const MOST_BYTES: usize = 4 << 20;
/// The deepest nesting: the tree is walked by recursion.
const DEEPEST: usize = 64;
/// The most elements, attributes, comments and texts, together.
const MOST_NODES: usize = 50_000;
/// The most namespace declarations in force at one place.
const MOST_NAMESPACES: usize = 64;

pub(super) const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A text and the tree in it.
#[derive(Clone)]
pub(super) struct Document {
    pub(super) text: String,
    /// Where the declaration ends.
    pub(super) start: usize,
    /// The root, if there is one, and the comments and instructions beside it.
    pub(super) nodes: Vec<Node>,
    line_ends: Vec<usize>,
}

/// Something in the tree. White space between others is none.
#[derive(Clone)]
pub(super) struct Node {
    /// From its first byte to its last; of text without the white space around it.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    Element(Tag),
    Text(String),
    Comment,
    Instruction,
}

/// An element in the tree.
#[derive(Clone)]
pub(super) struct Tag {
    /// As written, with its prefix.
    pub(super) name: String,
    /// Whether it is in the namespace of the root.
    pub(super) is_own: bool,
    pub(super) attributes: Vec<Attribute>,
    /// Where the last attribute, or else the name, ends.
    pub(super) tail: usize,
    /// Where the start tag ends.
    pub(super) open: usize,
    /// Where the end tag begins; `None` where there is none: `<mirrors/>`.
    pub(super) close: Option<usize>,
    pub(super) nodes: Vec<Node>,
}

/// An attribute in the tree.
#[derive(Clone)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: String,
    /// Where the name begins.
    pub(super) start: usize,
    /// What is between the quotes.
    pub(super) span: Range<usize>,
}

impl Tag {
    /// The elements in it.
    pub(super) fn children(&self) -> impl Iterator<Item = &Tag> {
        self.nodes.iter().filter_map(Node::tag)
    }

    pub(super) fn local(&self) -> &str {
        local(&self.name)
    }

    pub(super) fn prefix(&self) -> Option<&str> {
        self.name.split_once(':').map(|(prefix, _)| prefix)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn text(&self) -> String {
        let text = self.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        text.collect()
    }
}

impl Node {
    pub(super) fn tag(&self) -> Option<&Tag> {
        match &self.kind {
            Kind::Element(tag) => Some(tag),
            _ => None,
        }
    }

    fn plain(&self, text: &str) -> Content {
        let raw = &text[self.span.clone()];
        match &self.kind {
            Kind::Element(tag) => {
                let attributes = tag.attributes.iter().map(|have| (have.name.clone(), have.value.clone())).collect();
                let content = tag.nodes.iter().map(|node| node.plain(text)).collect();
                Content::Element(Element::read(tag.name.clone(), attributes, content))
            }
            Kind::Text(text) => Content::Text(text.clone()),
            Kind::Comment => Content::Comment(raw[4..raw.len() - 3].to_owned()),
            Kind::Instruction => Content::Instruction(raw[2..raw.len() - 2].to_owned()),
        }
    }
}

impl Document {
    /// What is in the document, without its spelling: one for each node.
    pub(super) fn plain(&self) -> Vec<Content> {
        self.nodes.iter().map(|node| node.plain(&self.text)).collect()
    }

    pub(super) fn plain_element(&self, node: &Node) -> Option<Element> {
        match node.plain(&self.text) {
            Content::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The line of a position, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_ends.partition_point(|&end| end < at) + 1
    }
}

/// Reads bytes: the document without its byte order mark, and whether there was one.
pub(super) fn read_bytes(bytes: &[u8]) -> Result<(bool, Document), SyntaxError> {
    if let Some(name) = other_encoding(bytes) {
        return Err(SyntaxError::OtherEncoding { name });
    }
    let (marked, text) = decoded(bytes)?;
    Ok((marked, read(text.to_owned())?))
}

/// The encoding, where it is not UTF-8: by the byte order mark, by zeros beside the first `<`, or as declared.
fn other_encoding(bytes: &[u8]) -> Option<String> {
    let known: [(&[u8], &str); 6] = [
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
        (b"<\0", "UTF-16"),
        (b"\0<", "UTF-16"),
    ];
    if let Some((_, name)) = known.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some((*name).to_owned());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let end = bytes.iter().take(1_000).position(|&byte| byte == b'>')?;
    let declaration = str::from_utf8(&bytes[..end]).ok()?.strip_prefix("<?xml")?.strip_suffix('?')?;
    let attributes = attributes(declaration, 0..declaration.len()).ok()?;
    let name = attributes.into_iter().find(|attribute| attribute.name == "encoding")?.value;
    let is_shown = name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    match name {
        name if name.eq_ignore_ascii_case("utf-8") => None,
        name if is_shown => Some(name),
        _ => Some("an encoding of no known name".to_owned()),
    }
}

/// Reads text that has no byte order mark.
pub(super) fn read(text: String) -> Result<Document, SyntaxError> {
    if text.len() > MOST_BYTES {
        return Err(SyntaxError::Invalid { line: 1, column: 1, message: "the file is larger than 4 MiB".to_owned() });
    }
    match (Reading {
        text: &text,
        open: Vec::new(),
        nodes: Vec::new(),
        scope: Vec::new(),
        namespace: None,
        run: None,
        start: 0,
        left: MOST_NODES,
    })
    .document()
    {
        Ok((start, nodes)) => {
            let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
            Ok(Document { text, start, nodes, line_ends })
        }
        Err((at, message)) => {
            // Inside of a character the count would be of the one before.
            let before = &text[..(0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            Err(SyntaxError::Invalid { line, column, message: message.to_owned() })
        }
    }
}

/// A position and what is wrong there, never with a word of the text.
type Wrong = (usize, &'static str);

struct Reading<'t> {
    text: &'t str,
    /// The elements that are not closed yet, with where they begin and how many namespaces were in force before.
    open: Vec<(usize, usize, Tag)>,
    /// What is complete beside the root.
    nodes: Vec<Node>,
    /// The namespaces in force: prefix and name, the innermost last.
    scope: Vec<(String, String)>,
    /// The root's own; `None` where its prefix stands for nothing.
    namespace: Option<String>,
    /// Text that may go on.
    run: Option<Run>,
    /// Where the declaration ends.
    start: usize,
    /// How many nodes may still come.
    left: usize,
}

/// Adjoining pieces of text: characters, references, CDATA sections.
struct Run {
    span: Range<usize>,
    text: String,
    /// How much of `text` is not to be trimmed, because it is not mere characters.
    fixed: usize,
}

impl Reading<'_> {
    fn document(mut self) -> Result<(usize, Vec<Node>), Wrong> {
        if let Some((at, _)) = self.text.char_indices().find(|&(_, c)| !is_character(c)) {
            return Err((at, "a character that XML does not allow"));
        }
        // The reader would drop a second byte order mark and count from behind it.
        if self.text.starts_with('\u{feff}') {
            return Err((0, OUTSIDE));
        }
        let mut reader = Reader::from_str(self.text);
        reader.config_mut().enable_all_checks(true);
        loop {
            let from = place(reader.buffer_position());
            let event = reader.read_event().map_err(|error| (place(reader.error_position()), reason(&error)))?;
            let span = from..place(reader.buffer_position());
            match event {
                Event::Text(_) => self.characters(span)?,
                Event::GeneralRef(_) => self.reference(span)?,
                Event::CData(_) => self.cdata(span)?,
                other => {
                    self.end_of_text()?;
                    match other {
                        Event::Start(_) => self.start_tag(span, false)?,
                        Event::Empty(_) => self.start_tag(span, true)?,
                        Event::End(_) => self.end_tag(span),
                        Event::Comment(_) => self.put(Node { span, kind: Kind::Comment })?,
                        Event::PI(instruction) => {
                            let target = str::from_utf8(instruction.target()).unwrap_or_default();
                            if !is_name(target) || target.eq_ignore_ascii_case("xml") {
                                return Err((span.start, "a processing instruction without a valid name"));
                            }
                            self.put(Node { span, kind: Kind::Instruction })?;
                        }
                        Event::Decl(_) => self.declaration(span)?,
                        Event::DocType(_) => {
                            return Err((span.start, "a DOCTYPE, which is not accepted: it may define entities"));
                        }
                        _ => break,
                    }
                }
            }
        }
        match self.open.last() {
            Some((at, ..)) => Err((*at, "an element that is never closed")),
            None => Ok((self.start, self.nodes)),
        }
    }

    fn declaration(&mut self, span: Range<usize>) -> Result<(), Wrong> {
        if span.start > 0 {
            return Err((span.start, "an XML declaration that is not at the beginning"));
        }
        let inner = span.start + "<?xml".len()..span.end - "?>".len();
        match attributes(self.text, inner)?.first() {
            Some(version) if version.name == "version" && version.value == "1.0" => {
                self.start = span.end;
                Ok(())
            }
            _ => Err((span.start, "an XML declaration of another version than 1.0")),
        }
    }

    /// Puts a node into the innermost open element.
    fn put(&mut self, node: Node) -> Result<(), Wrong> {
        self.count(node.span.start, 1)?;
        self.complete(node);
        Ok(())
    }

    fn complete(&mut self, node: Node) {
        match self.open.last_mut() {
            Some((_, _, tag)) => tag.nodes.push(node),
            None => self.nodes.push(node),
        }
    }

    fn count(&mut self, at: usize, more: usize) -> Result<(), Wrong> {
        self.left = self.left.checked_sub(more).ok_or((at, "more elements than settings have"))?;
        Ok(())
    }

    fn start_tag(&mut self, span: Range<usize>, is_empty: bool) -> Result<(), Wrong> {
        if self.open.len() == DEEPEST {
            return Err((span.start, "elements nested deeper than 64"));
        }
        if self.open.is_empty() && self.nodes.iter().any(|node| node.tag().is_some()) {
            return Err((span.start, "a second root element"));
        }
        let name_start = span.start + 1;
        let name_end = self.text[name_start..span.end]
            .find(|c| WHITE_SPACE.contains(&c) || matches!(c, '/' | '>'))
            .map_or(span.end, |length| name_start + length);
        let name = self.text[name_start..name_end].to_owned();
        if !is_name(&name) {
            return Err((span.start, "a tag without a valid name"));
        }
        let inner_end = span.end - if is_empty { 2 } else { 1 };
        let attributes = attributes(self.text, name_end..inner_end)?;
        self.count(span.start, 1 + attributes.len())?;

        let in_force = self.scope.len();
        for attribute in &attributes {
            match attribute.name.split_once(':') {
                None if attribute.name == "xmlns" => self.scope.push((String::new(), attribute.value.clone())),
                Some(("xmlns", prefix)) => self.scope.push((prefix.to_owned(), attribute.value.clone())),
                _ => {}
            }
        }
        if self.scope.len() > MOST_NAMESPACES {
            return Err((span.start, "more namespaces than settings have"));
        }
        let tail = attributes.last().map_or(name_end, |attribute| attribute.span.end + 1);
        let mut tag = Tag { name, is_own: true, attributes, tail, open: span.end, close: None, nodes: Vec::new() };
        let prefix = tag.prefix().unwrap_or_default();
        let found = self.scope.iter().rev().find(|(have, _)| have == prefix).map(|(_, name)| name.as_str());
        let namespace = found.or(prefix.is_empty().then_some(""));
        if self.open.is_empty() {
            self.namespace = namespace.map(str::to_owned);
        }
        tag.is_own = namespace == self.namespace.as_deref();
        if is_empty {
            self.scope.truncate(in_force);
            self.complete(Node { span, kind: Kind::Element(tag) });
        } else {
            self.open.push((span.start, in_force, tag));
        }
        Ok(())
    }

    fn end_tag(&mut self, span: Range<usize>) {
        // The reader gives an end tag only where its start tag is open.
        if let Some((start, in_force, mut tag)) = self.open.pop() {
            self.scope.truncate(in_force);
            tag.close = Some(span.start);
            self.complete(Node { span: start..span.end, kind: Kind::Element(tag) });
        }
    }

    fn characters(&mut self, span: Range<usize>) -> Result<(), Wrong> {
        let raw = &self.text[span.clone()];
        if let Some(at) = raw.find("]]>") {
            return Err((span.start + at, "`]]>` outside of a CDATA section"));
        }
        if self.run.is_none() {
            let text = raw.trim_start_matches(WHITE_SPACE);
            if text.is_empty() {
                return Ok(());
            }
            let start = span.end - text.len();
            self.run = Some(Run { span: start..start, text: String::new(), fixed: 0 });
        }
        if let Some(run) = &mut self.run {
            run.text.push_str(&with_plain_line_ends(&self.text[run.span.end..span.end]));
            run.span.end = span.end;
        }
        Ok(())
    }

    fn reference(&mut self, span: Range<usize>) -> Result<(), Wrong> {
        let raw = &self.text[span.clone()];
        let text = unescape_with(raw, resolve_xml_entity).map_err(|_| (span.start, UNDEFINED))?;
        if !text.chars().all(is_character) {
            return Err((span.start, UNDEFINED));
        }
        self.fixed(span, &text);
        Ok(())
    }

    fn cdata(&mut self, span: Range<usize>) -> Result<(), Wrong> {
        if self.open.is_empty() {
            return Err((span.start, OUTSIDE));
        }
        let text = with_plain_line_ends(&self.text[span.start + "<![CDATA[".len()..span.end - "]]>".len()]);
        self.fixed(span, &text);
        Ok(())
    }

    fn fixed(&mut self, span: Range<usize>, text: &str) {
        let run = self.run.get_or_insert(Run { span: span.clone(), text: String::new(), fixed: 0 });
        run.text.push_str(text);
        run.fixed = run.text.len();
        run.span.end = span.end;
    }

    fn end_of_text(&mut self) -> Result<(), Wrong> {
        let Some(mut run) = self.run.take() else { return Ok(()) };
        if self.open.is_empty() {
            return Err((run.span.start, OUTSIDE));
        }
        let trimmed = run.text[run.fixed..].trim_end_matches(WHITE_SPACE).len();
        if run.fixed + trimmed < run.text.len() {
            run.text.truncate(run.fixed + trimmed);
            let raw = &self.text[run.span.clone()];
            run.span.end = run.span.start + raw.trim_end_matches(WHITE_SPACE).len();
        }
        self.put(Node { span: run.span, kind: Kind::Text(run.text) })
    }
}

const OUTSIDE: &str = "text outside of the root element";
const UNDEFINED: &str = "a reference to what XML does not define";

/// A position of the reader: never beyond the text, whose length is bounded.
fn place(position: u64) -> usize {
    usize::try_from(position).unwrap_or(MOST_BYTES)
}

/// The attributes in a part of the text, which holds nothing else.
fn attributes(text: &str, within: Range<usize>) -> Result<Vec<Attribute>, Wrong> {
    const MALFORMED: &str = "an attribute that is not written as `name=\"value\"`";
    let skip = |at: usize| within.end - text[at..within.end].trim_start_matches(WHITE_SPACE).len();
    let mut found = Vec::new();
    let mut names = HashSet::new();
    let mut at = within.start;
    loop {
        let start = skip(at);
        if start == within.end {
            return Ok(found);
        }
        let rest = &text[start..within.end];
        let name = &rest[..rest.find(|c| c == '=' || WHITE_SPACE.contains(&c)).unwrap_or(rest.len())];
        if start == at || !is_name(name) {
            return Err((start, MALFORMED));
        }
        let equals = skip(start + name.len());
        let quote = text[equals..within.end].strip_prefix('=').map(|_| skip(equals + 1)).ok_or((start, MALFORMED))?;
        let Some(mark @ ('"' | '\'')) = text[quote..within.end].chars().next() else { return Err((start, MALFORMED)) };
        let length = text[quote + 1..within.end].find(mark).ok_or((start, MALFORMED))?;
        let span = quote + 1..quote + 1 + length;
        let raw = &text[span.clone()];
        if let Some(at) = raw.find('<') {
            return Err((span.start + at, "a `<` in the value of an attribute"));
        }
        let spaced = with_plain_line_ends(raw).replace(['\n', '\t'], " ");
        let value = unescape_with(&spaced, resolve_xml_entity).map_err(|_| (span.start, UNDEFINED))?.into_owned();
        if !value.chars().all(is_character) {
            return Err((span.start, UNDEFINED));
        }
        if !names.insert(name) {
            return Err((start, "an attribute that its element has already"));
        }
        at = span.end + 1;
        found.push(Attribute { name: name.to_owned(), value, start, span });
    }
}

/// XML 1.0, section 2.11: a reader sees every line end as one line feed.
fn with_plain_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The reader's complaint without the names it would quote.
fn reason(error: &Error) -> &'static str {
    use quick_xml::errors::{IllFormedError, SyntaxError};
    match error {
        Error::Syntax(SyntaxError::UnclosedComment) => "a comment that is never closed",
        Error::Syntax(SyntaxError::UnclosedCData) => "a CDATA section that is never closed",
        Error::Syntax(SyntaxError::UnclosedPI | SyntaxError::UnclosedXmlDecl) => "an instruction that is never closed",
        Error::Syntax(SyntaxError::UnclosedDoctype) => "a DOCTYPE that is never closed",
        Error::Syntax(
            SyntaxError::UnclosedSingleQuotedAttributeValue | SyntaxError::UnclosedDoubleQuotedAttributeValue,
        ) => "an attribute whose quotes are never closed",
        Error::Syntax(SyntaxError::UnclosedTag) => "a tag that is never closed",
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => "an end tag of another name than its start tag",
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "an end tag without a start tag",
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "`--` in a comment",
        Error::IllFormed(IllFormedError::UnclosedReference) => "an `&` that is not written as `&amp;`",
        _ => "not XML",
    }
}
