//! Where a new element goes and how it is indented: as its neighbours are.

use super::super::Splice;
use super::MARK;
use super::element::{Element, Layout};
use super::read::{Document, Kind, Node, WHITE_SPACE};

/// What a level of indentation is where the file does not show it: what Maven and NuGet write.
const UNIT: &str = "  ";

impl Document {
    pub(super) fn nodes_at(&self, way: &[usize]) -> &[Node] {
        way.iter().fold(&self.nodes, |nodes, &position| match &nodes[position].kind {
            Kind::Element(tag) => &tag.nodes,
            _ => &[],
        })
    }

    pub(super) fn line_end(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// The white space before a position, if there is nothing else on its line.
    fn indent(&self, at: usize) -> Option<&str> {
        let before = &self.text[..at];
        let above = before.trim_end_matches([' ', '\t']);
        (above.is_empty() || above.ends_with('\n')).then_some(&before[above.len()..])
    }

    /// The white space at the beginning of the line of a position.
    fn line_indent(&self, at: usize) -> &str {
        let line = &self.text[self.text[..at].rfind('\n').map_or(0, |end| end + 1)..at];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// What a level adds to the indentation, as seen nearest to an element.
    fn unit(&self, way: &[usize]) -> &str {
        let inner_first = (0..=way.len()).rev();
        inner_first.map(|depth| self.nodes_at(&way[..depth])).find_map(|nodes| self.unit_in(nodes)).unwrap_or(UNIT)
    }

    fn unit_in(&self, nodes: &[Node]) -> Option<&str> {
        nodes.iter().find_map(|node| {
            let tag = node.tag()?;
            tag.children().next()?;
            let own = self.indent(node.span.start).unwrap_or_else(|| self.line_indent(node.span.start));
            let children = tag.nodes.iter().filter(|child| child.tag().is_some());
            let mut indents = children.filter_map(|child| self.indent(child.span.start)?.strip_prefix(own));
            indents.next().or_else(|| self.unit_in(&tag.nodes))
        })
    }

    /// How an element that stands somewhere is laid out when it is written anew.
    pub(super) fn layout_of(&self, way: &[usize], node: &Node) -> Layout<'static> {
        let is_on_lines = self.indent(node.span.start).is_some() || self.text[node.span.clone()].contains('\n');
        let indent = self.line_indent(node.span.start).to_owned();
        Layout {
            lines: is_on_lines.then(|| (indent, self.unit(way).to_owned())),
            end: self.line_end(),
            tail: self.tail(std::slice::from_ref(node)),
        }
    }

    /// How tags without content end among some nodes.
    fn tail(&self, nodes: &[Node]) -> &'static str {
        let empty = nodes.iter().rev().find(|node| node.tag().is_some_and(|tag| tag.close.is_none()));
        match empty {
            Some(node) if !self.text[..node.span.end - 2].ends_with(WHITE_SPACE) => "/>",
            _ => " />",
        }
    }

    /// The splice that puts an element at the end of the one that `way` leads to, and the comment above it if it is to
    /// be marked. Without a way the element becomes the root.
    pub(super) fn addition(&self, way: &[usize], element: &Element, is_marked: bool) -> Splice {
        let end = self.line_end();
        let Some((&position, above)) = way.split_last() else { return self.new_root(element) };
        let parent = &self.nodes_at(above)[position];
        let nodes = self.nodes_at(way);
        let tail = self.tail(nodes);
        let (gap, lines) = self.gap(way, parent, nodes);
        let indent = lines.as_ref().map(|(indent, _)| indent.clone());
        let mut new = gap;
        if is_marked {
            new.extend(["<!--", MARK, "-->"]);
            if let Some(indent) = &indent {
                new.push_str(end);
                new.push_str(indent);
            }
        }
        new.push_str(&element.written(&Layout { lines, end, tail }));
        if let Some(last) = nodes.last() {
            return Splice::replace(&self.text, last.span.end..last.span.end, new);
        }
        // The end tag goes below the start tag, unless it is there already.
        let below = match &indent {
            Some(_) => [end, self.line_indent(parent.span.start)].concat(),
            None => String::new(),
        };
        let Kind::Element(tag) = &parent.kind else { return self.new_root(element) };
        match tag.close {
            None => {
                let pair = format!(">{new}{below}</{}>", tag.name);
                Splice::replace(&self.text, tag.tail..tag.open, pair)
            }
            Some(close) if self.text[tag.open..close].contains('\n') => {
                Splice::replace(&self.text, tag.open..tag.open, new)
            }
            Some(close) => Splice::replace(&self.text, tag.open..close, new + &below),
        }
    }

    /// What goes before a new element, and its indentation with that of a level; none where all is on one line.
    fn gap(&self, way: &[usize], parent: &Node, nodes: &[Node]) -> (String, Option<(String, String)>) {
        let end = self.line_end();
        let unit = self.unit(way).to_owned();
        let last_element = nodes.iter().rposition(|node| node.tag().is_some());
        // A comment that stands on a line of its own shows the indentation, too.
        let on_line = |position: &usize| self.indent(nodes[*position].span.start).is_some();
        let neighbour = last_element.or_else(|| (0..nodes.len()).rev().find(on_line));
        if let Some(neighbour) = neighbour {
            let start = nodes[neighbour].span.start;
            let Some(indent) = self.indent(start) else {
                let before = &self.text[..start];
                return (before[before.trim_end_matches(WHITE_SPACE).len()..].to_owned(), None);
            };
            let above = self.text[..start].trim_end_matches(WHITE_SPACE).len();
            // A neighbour with an empty line above it, unless that is the parent's: so does the new element.
            let has_gap = neighbour > 0 && self.text[above..start].matches('\n').count() > 1;
            let gap = [if has_gap { end } else { "" }, end, indent].concat();
            return (gap, Some((indent.to_owned(), unit)));
        }
        let is_on_line = self.indent(parent.span.start).is_some() || way.len() == 1;
        if !is_on_line && !self.text[parent.span.clone()].contains('\n') {
            return (String::new(), None);
        }
        let indent = [self.line_indent(parent.span.start), &unit].concat();
        ([end, &indent].concat(), Some((indent, unit)))
    }

    /// The root of a document that has none, at its end.
    fn new_root(&self, element: &Element) -> Splice {
        let end = self.line_end();
        let lines = Some((String::new(), UNIT.to_owned()));
        let root = [&format!("<!--{MARK}-->"), end, &element.written(&Layout { lines, end, tail: " />" })].concat();
        let at = self.text.len();
        let new = match self.text.as_str() {
            "" => ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>", end, &root, end].concat(),
            text if text.ends_with('\n') => root + end,
            _ => [end, &root].concat(),
        };
        Splice::replace(&self.text, at..at, new)
    }
}
