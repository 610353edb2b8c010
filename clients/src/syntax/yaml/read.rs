//! The reader: block mappings and sequences of scalars, line by line. What YAML has beyond that is read as far as its
//! end, and kept as it is written.

use std::ops::Range;

use super::super::SyntaxError;
use super::super::editor::{invalid, lines};

/// A value and where it is.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// From its first character to its last.
    pub(super) place: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Nothing at all, which a mapping or a sequence may become.
    Null,
    /// Text on one line.
    Scalar(String),
    /// `- ` below each other, at an indentation.
    Block(Vec<Item>),
    /// `[a, b]` of scalars.
    Flow(Vec<Node>),
    /// `key: value` below each other, at an indentation.
    Map(usize, Vec<Pair>),
    /// Anything else.
    Beyond,
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The place of its dash.
    pub(super) dash: usize,
    pub(super) node: Node,
}

#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) key: String,
    /// Where the key begins.
    pub(super) at: usize,
    /// Behind the colon.
    pub(super) colon: usize,
    pub(super) node: Node,
}

/// Why a block is not read.
enum Fault {
    /// It breaks YAML's rules.
    Invalid(usize, &'static str),
    /// It is YAML, but more than is read here.
    Beyond(usize),
}

const BEYOND: &str = "this part of YAML is not edited here: an anchor, alias, tag, complex key or text of many lines";

/// Reads a document of one mapping, or of nothing.
pub(super) fn document(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader::new(text);
    let node = reader.document();
    node.map_err(|fault| match fault {
        Fault::Invalid(at, message) => invalid(text, at, message),
        Fault::Beyond(at) => beyond(text, at),
    })
}

pub(super) fn beyond(text: &str, at: usize) -> SyntaxError {
    invalid(text, at, BEYOND)
}

#[derive(Clone, Copy)]
struct Line {
    /// Where what is not read yet begins, and how far from the beginning of the line.
    at: usize,
    indent: usize,
    end: usize,
    /// Empty, or a comment.
    is_blank: bool,
    is_empty: bool,
    has_tab: bool,
}

struct Reader<'a> {
    text: &'a str,
    lines: Vec<Line>,
    /// The line that is read next.
    number: usize,
}

type Read<T> = Result<T, Fault>;

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let line = |line: super::super::editor::Line| {
            let content = &text[line.start..line.end];
            let indent = content.len() - content.trim_start_matches(' ').len();
            let rest = content[indent..].trim_start_matches([' ', '\t']);
            Line {
                at: line.start + indent,
                indent,
                end: line.end,
                is_blank: rest.is_empty() || rest.starts_with('#'),
                is_empty: rest.is_empty(),
                has_tab: content[indent..].starts_with('\t'),
            }
        };
        Self { text, lines: lines(text).into_iter().map(line).collect(), number: 0 }
    }

    fn document(&mut self) -> Read<Node> {
        if let Some(line) = self.peek() {
            let content = self.rest(line);
            if content.starts_with('%') {
                return Err(Fault::Beyond(line.at));
            }
            if line.indent == 0 && is_marker(content, "---") {
                let rest = content[3..].trim_start();
                if !rest.is_empty() && !rest.starts_with('#') {
                    return Err(Fault::Beyond(line.at + 3));
                }
                self.number += 1;
            }
        }
        for line in &self.lines[self.number..] {
            let content = &self.text[line.at..line.end];
            if line.indent == 0 && (is_marker(content, "---") || is_marker(content, "...")) {
                return Err(Fault::Invalid(line.at, "the document ends before the file does"));
            }
        }
        if self.peek().is_none() {
            let end = self.text.len();
            return Ok(Node { kind: Kind::Null, place: end..end });
        }
        let node = self.block()?;
        if let Some(line) = self.peek() {
            return Err(Fault::Invalid(line.at, "this line is not indented like those above it"));
        }
        match node.kind {
            Kind::Map(..) => Ok(node),
            Kind::Beyond => Err(Fault::Beyond(node.place.start)),
            _ => Err(Fault::Invalid(node.place.start, "the file is no mapping")),
        }
    }

    /// The next line that is neither empty nor a comment.
    fn peek(&mut self) -> Option<Line> {
        let skipped = self.lines[self.number..].iter().take_while(|line| line.is_blank).count();
        self.number += skipped;
        self.lines.get(self.number).copied()
    }

    fn rest(&self, line: Line) -> &'a str {
        &self.text[line.at..line.end]
    }

    /// What begins at the next line.
    fn block(&mut self) -> Read<Node> {
        let Some(line) = self.peek() else { return Err(Fault::Beyond(self.text.len())) };
        if line.has_tab {
            return Err(Fault::Invalid(line.at, "a tab indents this line"));
        }
        let content = self.rest(line);
        if is_item(content) {
            return self.sequence(line.indent);
        }
        if content.starts_with("? ") || content == "?" {
            return Err(Fault::Beyond(line.at));
        }
        match self.key(line.at, line.end)? {
            Some(_) => self.mapping(line.indent),
            None => self.inline(line.at, line.indent.checked_sub(1)),
        }
    }

    /// A block that is one level below another, which only counts as a whole if it is more than is read here.
    fn nested(&mut self, above: usize) -> Read<Node> {
        let (first, saved) = (self.number, self.lines.clone());
        match self.block() {
            Err(Fault::Beyond(_)) => {
                self.number = first;
                self.lines = saved;
                let start = self.peek().map_or(self.text.len(), |line| line.at);
                Ok(self.deeper(start, start, Some(above), false))
            }
            node => node,
        }
    }

    fn mapping(&mut self, indent: usize) -> Read<Node> {
        let mut pairs = Vec::new();
        while let Some(line) = self.peek().filter(|line| line.indent >= indent) {
            if line.has_tab {
                return Err(Fault::Invalid(line.at, "a tab indents this line"));
            }
            if line.indent > indent {
                return Err(Fault::Invalid(line.at, "this line is indented deeper than those above it"));
            }
            let content = self.rest(line);
            if is_item(content) {
                return Err(Fault::Invalid(line.at, "a sequence stands between the keys of a mapping"));
            }
            if content.starts_with("? ") || content == "?" {
                return Err(Fault::Beyond(line.at));
            }
            let Some((key, colon)) = self.key(line.at, line.end)? else {
                return Err(Fault::Invalid(line.at, "there is no key with a colon in this line"));
            };
            let node = self.value(colon, indent)?;
            pairs.push(Pair { key, at: line.at, colon, node });
        }
        let start = pairs.first().map_or(0, |pair| pair.at);
        let end = pairs.last().map_or(0, |pair| pair.node.place.end);
        Ok(Node { kind: Kind::Map(indent, pairs), place: start..end })
    }

    /// What is behind a key's colon, or below it.
    fn value(&mut self, colon: usize, indent: usize) -> Read<Node> {
        let line = self.lines[self.number];
        let rest = &self.text[colon..line.end];
        let content = rest.trim_start_matches([' ', '\t']);
        let start = line.end - content.len();
        if !content.is_empty() && !(content.starts_with('#')) {
            return self.inline(start, Some(indent));
        }
        self.number += 1;
        match self.peek() {
            Some(next) if next.indent > indent => self.nested(indent),
            Some(next) if next.indent == indent && is_item(self.rest(next)) => self.sequence(indent),
            _ => Ok(Node { kind: Kind::Null, place: colon..colon }),
        }
    }

    fn sequence(&mut self, indent: usize) -> Read<Node> {
        let mut items = Vec::new();
        while let Some(line) = self.peek().filter(|line| line.indent >= indent) {
            let content = self.rest(line);
            if line.has_tab || line.indent > indent {
                return Err(Fault::Invalid(line.at, "this line is indented deeper than those above it"));
            }
            if !is_item(content) {
                break;
            }
            let inner = content[1..].trim_start_matches([' ', '\t']);
            let start = line.end - inner.len();
            let node = if inner.is_empty() || inner.starts_with('#') {
                self.number += 1;
                match self.peek() {
                    Some(next) if next.indent > indent => self.nested(indent)?,
                    _ => Node { kind: Kind::Null, place: line.at + 1..line.at + 1 },
                }
            } else if is_item(inner) || self.key(start, line.end).is_ok_and(|key| key.is_some()) {
                // `- key: value`: the mapping is as deep as its first key.
                let current = &mut self.lines[self.number];
                current.indent += start - current.at;
                current.at = start;
                self.nested(indent)?
            } else {
                self.inline(start, Some(indent))?
            };
            items.push(Item { dash: line.at, node });
        }
        let start = items.first().map_or(0, |item| item.dash);
        let end = items.last().map_or(0, |item| item.node.place.end);
        Ok(Node { kind: Kind::Block(items), place: start..end })
    }

    /// A value that begins at `start` of the line that is read, below something indented by `above`.
    fn inline(&mut self, start: usize, above: Option<usize>) -> Read<Node> {
        let line = self.lines[self.number];
        let content = &self.text[start..line.end];
        let first = content.chars().next().unwrap_or(' ');
        match first {
            '|' | '>' => Ok(self.deeper(start, line.end, above, true)),
            '&' | '!' => {
                let rest = content.trim_start_matches(|c| !matches!(c, ' ' | '\t')).trim_start_matches([' ', '\t']);
                if rest.is_empty() || rest.starts_with('#') {
                    return Ok(self.deeper(start, line.end, above, false));
                }
                let node = self.inline(line.end - rest.len(), above)?;
                Ok(Node { kind: Kind::Beyond, place: start..node.place.end })
            }
            '*' => {
                self.number += 1;
                Ok(Node { kind: Kind::Beyond, place: start..start + plain(content).len() })
            }
            '@' | '`' | '%' | ',' | ']' | '}' => Err(Fault::Invalid(start, "a value cannot begin with this character")),
            '{' | '[' => self.flow(start),
            '"' | '\'' => {
                let Some((value, end)) = quoted(self.text, start)? else {
                    return Err(Fault::Invalid(start, "a quote is not closed"));
                };
                match value.filter(|_| end <= line.end) {
                    Some(value) => {
                        self.only_comment(end)?;
                        self.number += 1;
                        Ok(Node { kind: Kind::Scalar(value), place: start..end })
                    }
                    None => self.until(start, end),
                }
            }
            _ => {
                if matches!(first, '-' | '?' | ':') && (content.len() == 1 || content[1..].starts_with([' ', '\t'])) {
                    return Err(Fault::Invalid(start, "a value cannot begin with this character"));
                }
                let value = plain(content);
                let has_colon = |value: &str| value.ends_with(':') || value.contains(": ") || value.contains(":\t");
                if has_colon(value) {
                    return Err(Fault::Invalid(start, "a second colon is in this line"));
                }
                let end = start + value.len();
                let commented = value.len() < content.trim_end_matches([' ', '\t']).len();
                let next = self.lines[self.number + 1..].iter().find(|line| !line.is_empty);
                let goes_on = next.is_some_and(|next| !next.is_blank && above.is_none_or(|above| next.indent > above));
                if goes_on && !commented {
                    let node = self.deeper(start, line.end, above, false);
                    let mut lines = self.text[node.place.clone()].split(['\n', '\r']);
                    if lines.any(|line| has_colon(plain(line))) {
                        return Err(Fault::Invalid(start, "a key is below this value"));
                    }
                    return Ok(node);
                }
                self.number += 1;
                Ok(Node { kind: Kind::Scalar(value.to_owned()), place: start..end })
            }
        }
    }

    /// Everything from `start` through the deeper lines, as it is written. In literal text comments and empty lines
    /// count.
    fn deeper(&mut self, start: usize, first_end: usize, above: Option<usize>, literal: bool) -> Node {
        let mut end = first_end;
        self.number += usize::from(first_end != start);
        let mut number = self.number;
        while let Some(line) = self.lines.get(number) {
            let is_deeper = above.is_none_or(|above| {
                line.indent > above || line.indent == above && !literal && is_item(&self.text[line.at..line.end])
            });
            let skipped = line.is_empty || !literal && line.is_blank;
            if !skipped && !is_deeper {
                break;
            }
            number += 1;
            if !skipped || literal {
                end = line.end;
                self.number = number;
            }
        }
        Node { kind: Kind::Beyond, place: start..end }
    }

    /// Something that ends at `end`, perhaps lines below.
    fn until(&mut self, start: usize, end: usize) -> Read<Node> {
        self.number = self.lines.iter().rposition(|line| line.at < end).unwrap_or(self.number);
        self.only_comment(end)?;
        self.number += 1;
        Ok(Node { kind: Kind::Beyond, place: start..end })
    }

    fn only_comment(&self, end: usize) -> Read<()> {
        let line = self.lines[self.number];
        let rest = &self.text[end..line.end];
        let content = rest.trim_start_matches([' ', '\t']);
        if content.is_empty() || content.starts_with('#') && content.len() < rest.len() {
            Ok(())
        } else {
            Err(Fault::Invalid(line.end - content.len(), "something is behind the value"))
        }
    }

    /// `[...]` or `{...}`: a list where it is one of scalars, each on one line.
    fn flow(&mut self, start: usize) -> Read<Node> {
        let text = self.text;
        let is_list = text[start..].starts_with('[');
        let (mut depth, mut items, mut simple, mut at) = (0_usize, Vec::new(), is_list, start);
        let mut expects_item = true;
        while let Some(c) = text[at..].chars().next() {
            match c {
                '[' | '{' => {
                    depth += 1;
                    simple &= depth == 1;
                    at += 1;
                }
                ']' | '}' => {
                    depth -= 1;
                    at += 1;
                    if depth == 0 {
                        if (c == ']') != is_list {
                            return Err(Fault::Invalid(at - 1, "this bracket closes another kind"));
                        }
                        let node = self.until(start, at)?;
                        return Ok(if simple { Node { kind: Kind::Flow(items), ..node } } else { node });
                    }
                }
                ',' => {
                    simple &= !expects_item;
                    expects_item = true;
                    at += 1;
                }
                '#' if text[..at].ends_with([' ', '\t', '\n', '\r']) => {
                    at = text[at..].find(['\n', '\r']).map_or(text.len(), |end| at + end);
                }
                c if c.is_whitespace() => at += c.len_utf8(),
                '"' | '\'' => {
                    let Some((value, end)) = quoted(text, at)? else {
                        return Err(Fault::Invalid(at, "a quote is not closed"));
                    };
                    simple &= expects_item && value.is_some();
                    expects_item = false;
                    let kind = Kind::Scalar(value.unwrap_or_default());
                    items.push(Node { kind, place: at..end });
                    at = end;
                }
                c => {
                    let rest = &text[at..];
                    let end = rest.find(['\n', '\r', ',', '[', ']', '{', '}']).unwrap_or(rest.len());
                    let value = plain(&rest[..end]);
                    let odd = matches!(c, '&' | '*' | '!' | '|' | '>' | '@' | '`' | '%' | '?' | ':' | '-');
                    simple &= expects_item && !odd && !value.contains(": ") && !value.ends_with(':');
                    expects_item = false;
                    let length = value.len().max(1);
                    items.push(Node { kind: Kind::Scalar(value.to_owned()), place: at..at + length });
                    at += length;
                }
            }
        }
        Err(Fault::Invalid(start, "a bracket is not closed"))
    }

    /// A line's key and the place behind its colon.
    fn key(&self, start: usize, end: usize) -> Read<Option<(String, usize)>> {
        let content = &self.text[start..end];
        let is_colon = |at: usize| {
            content[at..].starts_with(':') && (content.len() == at + 1 || content[at + 1..].starts_with([' ', '\t']))
        };
        match content.chars().next() {
            Some('"' | '\'') => {
                let Some((Some(value), close)) = quoted(self.text, start)?.filter(|(_, close)| *close <= end) else {
                    return Ok(None);
                };
                let at = close - start;
                let gap = content[at..].len() - content[at..].trim_start_matches([' ', '\t']).len();
                Ok(is_colon(at + gap).then_some((value, start + at + gap + 1)))
            }
            Some('&' | '*' | '!' | '{' | '[') => {
                let has_colon = content.match_indices(':').any(|(at, _)| is_colon(at));
                if has_colon { Err(Fault::Beyond(start)) } else { Ok(None) }
            }
            Some('|' | '>' | '@' | '`' | '%' | ',' | ']' | '}' | '#') | None => Ok(None),
            Some(_) => {
                let limit = plain(content).len();
                let at = content[..limit].match_indices(':').map(|(at, _)| at).find(|&at| is_colon(at));
                let key = at.map(|at| (content[..at].trim_end_matches([' ', '\t']).to_owned(), start + at + 1));
                Ok(key.filter(|(key, _)| !key.is_empty()))
            }
        }
    }
}

/// The part of a text before a comment and the white space before that.
fn plain(content: &str) -> &str {
    let comment = content.match_indices('#').find(|(at, _)| content[..*at].ends_with([' ', '\t']));
    content[..comment.map_or(content.len(), |(at, _)| at)].trim_end_matches([' ', '\t'])
}

fn is_item(content: &str) -> bool {
    content.strip_prefix('-').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

fn is_marker(content: &str, marker: &str) -> bool {
    content.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// The text between quotes, `None` where it is of many lines, and the place behind the closing one; `None` where there
/// is none.
fn quoted(text: &str, start: usize) -> Read<Option<(Option<String>, usize)>> {
    let mut value = String::new();
    let mut chars = text[start..].char_indices().map(|(at, c)| (start + at, c)).peekable();
    let quote = chars.next().map_or('"', |(_, quote)| quote);
    let mut one_line = true;
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' if quote == '\'' && chars.next_if(|&(_, next)| next == '\'').is_some() => value.push('\''),
            c if c == quote => return Ok(Some((one_line.then_some(value), at + 1))),
            '\\' if quote == '"' => {
                let Some((_, escape)) = chars.next() else { return Ok(None) };
                let digits = match escape {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                let code: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                let unknown = Fault::Invalid(at, "there is no such escape");
                value.push(match escape {
                    '\n' | '\r' => {
                        one_line = false;
                        continue;
                    }
                    'x' | 'u' | 'U' => u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).ok_or(unknown)?,
                    '0' => '\0',
                    'a' => '\x07',
                    'b' => '\x08',
                    't' | '\t' => '\t',
                    'n' => '\n',
                    'v' => '\x0b',
                    'f' => '\x0c',
                    'r' => '\r',
                    'e' => '\x1b',
                    ' ' | '"' | '/' | '\\' => escape,
                    'N' => '\u{85}',
                    '_' => '\u{a0}',
                    'L' => '\u{2028}',
                    'P' => '\u{2029}',
                    _ => return Err(unknown),
                });
            }
            '\n' | '\r' => one_line = false,
            c => value.push(c),
        }
    }
    Ok(None)
}
