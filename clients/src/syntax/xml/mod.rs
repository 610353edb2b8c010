//! XML settings files, read by `quick-xml` and changed by splices.
//!
//! What the clients demand, as their own readers show it: Maven 3 takes the children of an element in any order, so a
//! new one goes to the end of its parent; it refuses a second `<mirrors>`, so an existing one is used wherever it is;
//! it reads no prefixed names, which Maven 4 does, so new elements have their parent's prefix. NuGet acts on `<clear />`
//! where it stands: what is to count comes after it.
//!
//! A file with a DOCTYPE is refused: no entity but XML's own five is ever expanded. Files are UTF-8.

mod back;
mod element;
mod layout;
mod path;
mod read;

use std::fmt;

pub use element::Element;
pub use path::By;

use self::element::{Content, escaped_text, escaped_value, is_character};
use self::path::{Step, all_ways, longest_way};
use self::read::{Document, Kind, Node, Tag, read, read_bytes};
use super::{BYTE_ORDER_MARK, Change, Deed, Splice, SyntaxError, Value};

pub(super) use back::take_back;

/// The comment above an element we made, so that a reader of the file knows. (`--undo` cannot be named in it: XML allows
/// no `--` in a comment.)
pub const MARK: &str = " written by `cargo codeartifact configure`, which can take it back ";

/// XML text that can be changed.
///
/// The way to an element is the names from the root inwards, as [`By::step`] writes them; a last `@name` is an
/// attribute. Where several elements fit, the first counts.
#[derive(Clone)]
pub struct Xml {
    marked: bool,
    document: Document,
    root: Option<Element>,
}

/// An element and where it stands.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The line of its start tag, from 1.
    pub line: usize,
    /// The element.
    pub element: Element,
}

impl Xml {
    /// Reads a file's bytes. No bytes, or nothing but comments, is a document whose root is still to be made.
    ///
    /// # Errors
    /// They are not UTF-8, or not XML, or have a DOCTYPE, or are more or deeper than settings are.
    pub fn parse(bytes: &[u8]) -> Result<Self, SyntaxError> {
        let (marked, document) = read_bytes(bytes)?;
        Ok(Self { marked, document, root: None })
    }

    /// Expects a root of this name, and makes this one where there is none: with `xmlns` and what else belongs to it.
    ///
    /// # Errors
    /// The root is another one.
    pub fn with_root(mut self, root: Element) -> Result<Self, SyntaxError> {
        self.expect_root(root.name())?;
        self.root = Some(root);
        Ok(self)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        if self.marked { format!("{BYTE_ORDER_MARK}{}", self.document.text) } else { self.document.text.clone() }
    }

    /// The text of an element, or the value of an attribute, decoded: `None` where there is none.
    ///
    /// # Errors
    /// There are elements in it.
    pub fn get(&self, keys: &[&str]) -> Result<Option<String>, SyntaxError> {
        if let Some((path, name)) = attribute_of(keys) {
            let tag = self.find(path).and_then(|way| self.tag(&way));
            return Ok(tag.and_then(|tag| tag.attribute(name)).map(|attribute| attribute.value.clone()));
        }
        let way = self.find(keys);
        let Some(tag) = way.as_deref().and_then(|way| self.tag(way)) else { return Ok(None) };
        if tag.children().next().is_some() {
            return Err(self.type_error(keys, "text"));
        }
        Ok(Some(tag.text()))
    }

    /// The line of an element or an attribute, from 1.
    pub fn line(&self, keys: &[&str]) -> Option<usize> {
        if let Some((path, name)) = attribute_of(keys) {
            let way = self.find(path)?;
            return self.tag(&way)?.attribute(name).map(|attribute| self.document.line(attribute.start));
        }
        self.find(keys).map(|way| self.document.line(self.node(&way).span.start))
    }

    /// All elements to which a way leads, in the order of the file.
    pub fn elements(&self, keys: &[&str]) -> Vec<Placed> {
        let placed = |way: Vec<usize>| {
            let node = self.node(&way);
            let element = self.document.plain_element(node)?;
            Some(Placed { line: self.document.line(node.span.start), element })
        };
        self.ways(keys).into_iter().filter_map(placed).collect()
    }

    /// Puts an element at the end of its parent, or in the place of the one that is there; parents that are not there
    /// are made. `None` where it is there already, however it is written.
    ///
    /// # Errors
    /// Text is in the way, there is no place for it, or XML cannot express it.
    pub fn put(&mut self, parent: &[&str], element: &Element, by: By<'_>) -> Result<Option<Change>, SyntaxError> {
        let step = by.step(element);
        let keys = [parent, &[step.as_str()]].concat();
        self.expect_root(Step::parse(keys[0]).name())?;
        let way = self.way(&keys);
        let mut expected = self.document.plain();
        let (splice, made, before) = if way.len() == keys.len() {
            let node = self.node(&way);
            if self.document.plain_element(node).is_some_and(|present| present.says(element)) {
                return Ok(None);
            }
            let element = element.prefixed(self.tag(&way).and_then(Tag::prefix));
            expect_expressible(&element, &keys)?;
            let before = self.document.text[node.span.clone()].to_owned();
            let new = element.written(&self.document.layout_of(&way, node));
            let splice = Splice::replace(&self.document.text, node.span.clone(), new);
            if let Some(content) = content_at(&mut expected, &way) {
                *content = Content::Element(element);
            }
            (splice, Vec::new(), Some(before))
        } else {
            let levels = self.with_missing(element, &keys, way.len());
            let whole = levels.first().unwrap_or(element);
            expect_expressible(whole, &keys)?;
            let parent = self.tag(&way);
            if parent.is_some_and(|tag| texts_of(tag).next().is_some()) {
                return Err(self.type_error(&keys[..way.len()], "a list of elements"));
            }
            let written = whole.prefixed(parent.and_then(Tag::prefix));
            let is_marked = way.is_empty() || !is_mere_text(whole);
            let splice = self.document.addition(&way, &written, is_marked);
            if let Some(contents) = contents_at(&mut expected, &way) {
                contents.extend(is_marked.then(|| Content::Comment(MARK.to_owned())));
                contents.push(Content::Element(written));
            }
            (splice, levels.iter().map(Element::on_one_line).collect(), None)
        };
        self.make(&keys, &splice, &expected)?;
        if self.find(&keys).is_none() {
            return Err(self.no_room(&keys));
        }
        let deed = Deed::Put { element: element.on_one_line(), made, before };
        Ok(Some(Change { keys: owned(&keys), deed, splice }))
    }

    /// The change that [`put`](Self::put) made in an earlier run, where it now has nothing to do.
    pub fn present(parent: &[&str], element: &Element, by: By<'_>) -> Change {
        let mut keys = owned(parent);
        keys.push(by.step(element));
        let deed = Deed::Put { element: element.on_one_line(), made: Vec::new(), before: None };
        Change { keys, deed, splice: Splice { at: 0, old: String::new(), new: String::new() } }
    }

    /// Sets the text of an element or the value of an attribute, and leaves all else in the element as it is. An element
    /// that is not there is put there. `None` where it is that already.
    ///
    /// # Errors
    /// There are elements in the way, the element of the attribute is not there, or XML cannot express the text.
    pub fn set(&mut self, keys: &[&str], text: &str) -> Result<Option<Change>, SyntaxError> {
        if self.get(keys)?.as_deref() == Some(text) {
            return Ok(None);
        }
        if !text.chars().all(is_character) {
            return Err(SyntaxError::Inexpressible { key: keys.join(".") });
        }
        let mut expected = self.document.plain();
        let (splice, before) = if let Some((path, name)) = attribute_of(keys) {
            let way = self.find(path).ok_or_else(|| self.no_room(keys))?;
            let element = content_at(&mut expected, &way).and_then(Content::element_mut);
            element.ok_or_else(|| self.no_room(keys))?.set_attribute(name, text);
            self.attribute_splice(&way, name, text).ok_or_else(|| self.no_room(keys))?
        } else {
            let Some(way) = self.find(keys) else {
                let (last, path) = keys.split_last().ok_or_else(|| self.no_room(keys))?;
                return self.put(path, &Element::new(*last).with_text(text), By::Name);
            };
            if let Some(contents) = contents_at(&mut expected, &way) {
                set_text(contents, text);
            }
            self.text_splice(&way, text).ok_or_else(|| self.no_room(keys))?
        };
        self.make(keys, &splice, &expected)?;
        let deed = Deed::Set { value: Value::Text(text.to_owned()), before };
        Ok(Some(Change { keys: owned(keys), deed, splice }))
    }

    /// Takes an element out, with the white space before it. `None` where it is not there.
    ///
    /// # Errors
    /// It is the root.
    pub fn remove(&mut self, keys: &[&str]) -> Result<Option<Change>, SyntaxError> {
        let Some(way) = self.find(keys) else { return Ok(None) };
        let Some((&position, above)) = way.split_last().filter(|(_, above)| !above.is_empty()) else {
            return Err(self.no_room(keys));
        };
        let mut expected = self.document.plain();
        if let Some(contents) = contents_at(&mut expected, above) {
            contents.remove(position);
        }
        let splice = self.cut(&way, position);
        let parents = self.ways(&keys[..keys.len() - 1]);
        let parent = parents.iter().position(|parent| parent == above).unwrap_or_default();
        let deed = Deed::Cut { parent, after: position, twins: self.ways(keys).len() - 1 };
        self.make(keys, &splice, &expected)?;
        Ok(Some(Change { keys: owned(keys), deed, splice }))
    }

    /// An attribute's new value, and the bytes of the old one.
    fn attribute_splice(&self, way: &[usize], name: &str, value: &str) -> Option<(Splice, Option<String>)> {
        let text = &self.document.text;
        let tag = self.tag(way)?;
        let value = escaped_value(value);
        if let Some(attribute) = tag.attribute(name) {
            let before = text[attribute.span.clone()].to_owned();
            return Some((Splice::replace(text, attribute.span.clone(), value), Some(before)));
        }
        // Set apart as the last one is.
        let gap = match tag.attributes.last() {
            Some(last) => &text[text[..last.start].trim_end().len()..last.start],
            None => " ",
        };
        Some((Splice::replace(text, tag.tail..tag.tail, format!("{gap}{name}=\"{value}\"")), None))
    }

    /// An element's new text, and the bytes of the old one. Comments beside it stay.
    fn text_splice(&self, way: &[usize], new: &str) -> Option<(Splice, Option<String>)> {
        let text = &self.document.text;
        let tag = self.tag(way)?;
        let new = escaped_text(new);
        let mut texts = texts_of(tag);
        let splice = match (texts.next(), texts.next(), tag.close) {
            (Some(node), None, _) => Splice::replace(text, node.span.clone(), new),
            (Some(_), Some(_), _) => return None,
            (None, _, Some(close)) => Splice::replace(text, close..close, new),
            (None, _, None) => Splice::replace(text, tag.tail..tag.open, format!(">{new}</{}>", tag.name)),
        };
        let before = texts_of(tag).next().map(|node| text[node.span.clone()].to_owned()).unwrap_or_default();
        Some((splice, Some(before)))
    }

    /// Cuts the node at a position, back to the one before it or to its parent's start tag.
    fn cut(&self, way: &[usize], from: usize) -> Splice {
        let (_, above) = way.split_last().unwrap_or((&0, &[]));
        let start = match from.checked_sub(1) {
            Some(before) => self.document.nodes_at(above)[before].span.end,
            None => self.tag(above).map_or(self.document.start, |tag| tag.open),
        };
        Splice::replace(&self.document.text, start..self.node(way).span.end, "")
    }

    /// The parents that the way to an element is still missing, the outermost first, each with all that is in it.
    fn with_missing(&self, element: &Element, keys: &[&str], present: usize) -> Vec<Element> {
        let mut levels: Vec<Element> = Vec::new();
        for depth in (present..keys.len() - 1).rev() {
            let parent = match &self.root {
                Some(root) if depth == 0 => root.clone(),
                _ => Step::parse(keys[depth]).element(),
            };
            let inner = levels.first().unwrap_or(element).clone();
            levels.insert(0, parent.with_child(inner));
        }
        levels
    }

    /// Makes a splice, if the text then reads as expected.
    fn make(&mut self, keys: &[&str], splice: &Splice, expected: &[Content]) -> Result<(), SyntaxError> {
        match read(splice.made(&self.document.text)) {
            Ok(document) if document.plain() == expected => {
                self.document = document;
                Ok(())
            }
            _ => Err(self.no_room(keys)),
        }
    }

    fn way(&self, keys: &[&str]) -> Vec<usize> {
        longest_way(&self.document.nodes, &Step::all(keys))
    }

    fn find(&self, keys: &[&str]) -> Option<Vec<usize>> {
        Some(self.way(keys)).filter(|way| way.len() == keys.len() && !way.is_empty())
    }

    fn ways(&self, keys: &[&str]) -> Vec<Vec<usize>> {
        all_ways(&self.document.nodes, &Step::all(keys)).into_iter().filter(|way| !way.is_empty()).collect()
    }

    fn node(&self, way: &[usize]) -> &Node {
        let (&position, above) = way.split_last().expect("a way that was found has a step");
        &self.document.nodes_at(above)[position]
    }

    fn tag(&self, way: &[usize]) -> Option<&Tag> {
        let (&position, above) = way.split_last()?;
        self.document.nodes_at(above).get(position)?.tag()
    }

    fn expect_root(&self, name: &str) -> Result<(), SyntaxError> {
        match self.document.nodes.iter().find_map(|node| Some((node, node.tag()?))) {
            Some((node, tag)) if tag.local() != name => Err(SyntaxError::Type {
                line: self.document.line(node.span.start),
                key: name.to_owned(),
                expected: "the root element",
            }),
            _ => Ok(()),
        }
    }

    fn no_room(&self, keys: &[&str]) -> SyntaxError {
        SyntaxError::NoRoom { line: self.nearest_line(keys), key: keys.join(".") }
    }

    fn type_error(&self, keys: &[&str], expected: &'static str) -> SyntaxError {
        SyntaxError::Type { line: self.nearest_line(keys), key: keys.join("."), expected }
    }

    fn nearest_line(&self, keys: &[&str]) -> usize {
        let way = self.way(keys);
        if way.is_empty() { 1 } else { self.document.line(self.node(&way).span.start) }
    }
}

/// Without text: it may hold secrets.
impl fmt::Debug for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xml").field("bytes", &self.document.text.len()).finish_non_exhaustive()
    }
}

/// The element and the name, where the way ends in an attribute.
fn attribute_of<'k, 's>(keys: &'k [&'s str]) -> Option<(&'k [&'s str], &'s str)> {
    let (last, path) = keys.split_last()?;
    last.strip_prefix('@').map(|name| (path, name))
}

fn expect_expressible(element: &Element, keys: &[&str]) -> Result<(), SyntaxError> {
    if element.is_expressible() { Ok(()) } else { Err(SyntaxError::Inexpressible { key: keys.join(".") }) }
}

/// Whether an element is text in a tag, which needs no comment to be understood.
fn is_mere_text(element: &Element) -> bool {
    element.children().next().is_none() && element.attributes().next().is_none()
}

fn texts_of(tag: &Tag) -> impl Iterator<Item = &Node> {
    tag.nodes.iter().filter(|node| matches!(node.kind, Kind::Text(_)))
}

/// What is in the element at a way, or beside the root.
fn contents_at<'c>(contents: &'c mut Vec<Content>, way: &[usize]) -> Option<&'c mut Vec<Content>> {
    way.iter().try_fold(contents, |contents, &position| {
        contents.get_mut(position)?.element_mut().map(|element| &mut element.content)
    })
}

fn content_at<'c>(contents: &'c mut Vec<Content>, way: &[usize]) -> Option<&'c mut Content> {
    let (&position, above) = way.split_last()?;
    contents_at(contents, above)?.get_mut(position)
}

/// Puts a text in the place of the one there is, or at the end.
fn set_text(contents: &mut Vec<Content>, text: &str) {
    let position = contents.iter().position(|content| matches!(content, Content::Text(_)));
    match (position, text.is_empty()) {
        (Some(position), true) => drop(contents.remove(position)),
        (Some(position), false) => contents[position] = Content::Text(text.to_owned()),
        (None, true) => {}
        (None, false) => contents.push(Content::Text(text.to_owned())),
    }
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}
