//! What the editors of line-based files have in common: a grammar says what a text reads as and proposes splices, the
//! editor makes the first one after which the text reads the same but for the value named.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use super::{BYTE_ORDER_MARK, Change, Deed, Found, Splice, SyntaxError, TakenBack, Value, decoded, in_reverse};

/// How a file is written: what a text reads as, and where a value may be spliced in.
///
/// Splices are proposals, the best first; none at all where the text has no room.
pub trait Grammar: fmt::Debug + Clone + Sized {
    /// Reads a text without its byte order mark.
    ///
    /// # Errors
    /// The clients' own readers would refuse it, or read it in more than one way.
    fn read(text: &str) -> Result<Self, SyntaxError>;

    /// What it reads as.
    fn values(&self) -> &Values;

    /// The way to a value as the clients compare it.
    fn path(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|&key| key.to_owned()).collect()
    }

    /// Why nothing can be written at a path, where that is more than a matter of room.
    ///
    /// # Errors
    /// Something there is beyond what is understood.
    fn admit(&self, _text: &str, _path: &[String]) -> Result<(), SyntaxError> {
        Ok(())
    }

    /// Puts a value in the place of the one that is there.
    fn replace(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice>;

    /// Puts a value where there is none.
    fn add(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice>;

    /// Puts an entry at the end of a list.
    fn append(&self, text: &str, path: &[String], entry: &str) -> Vec<Splice>;

    /// Cuts a value out; `made` is the text that brought it in, so that what came with it goes with it.
    fn cut(&self, text: &str, path: &[String], made: &str) -> Vec<Splice>;

    /// Cuts an entry out of a list.
    fn cut_entry(&self, text: &str, path: &[String], position: usize) -> Vec<Splice>;
}

/// What a text reads as.
#[derive(Debug, Clone, Default)]
pub struct Values {
    /// Every value by the way to it.
    pub all: BTreeMap<Vec<String>, Held>,
    /// The tables, sections or entries, with the place where each begins.
    pub tables: BTreeMap<Vec<String>, usize>,
}

/// A value in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it is, without its spelling: two that mean the same have the same.
    pub plain: String,
    /// It as text, where it can be read as one.
    pub text: Option<String>,
    /// It as a list, where it can be read as one.
    pub list: Option<Vec<String>>,
    /// Where it is written, in bytes: what setting it replaces.
    pub written: Range<usize>,
    /// Where its line is.
    pub at: usize,
}

impl Held {
    fn is(&self, value: &Value) -> bool {
        match value {
            Value::Text(text) => self.text.as_ref() == Some(text),
            Value::Truth(truth) => self.text.as_deref() == Some(truth_word(*truth)),
            Value::List(list) => self.list.as_ref() == Some(list),
        }
    }
}

/// True or false as the files without types have them.
pub(super) fn truth_word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

/// A text that can be changed.
#[derive(Debug, Clone)]
pub struct Editor<G> {
    marked: bool,
    text: String,
    grammar: G,
}

impl<G: Grammar> Editor<G> {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// They are not UTF-8, or not of this syntax.
    pub fn parse(bytes: &[u8]) -> Result<Self, SyntaxError> {
        let (marked, text) = decoded(bytes)?;
        Ok(Self { marked, grammar: G::read(text)?, text: text.to_owned() })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        if self.marked { format!("{BYTE_ORDER_MARK}{}", self.text) } else { self.text.clone() }
    }

    /// The value at `keys`, as text where it can be read as text: `None` where there is none.
    ///
    /// # Errors
    /// It is neither text nor a list of text.
    pub fn get(&self, keys: &[&str]) -> Result<Option<Value>, SyntaxError> {
        let path = G::path(keys);
        let Some(held) = self.held(&path) else { return Ok(None) };
        let value = held.text.clone().map(Value::Text).or_else(|| held.list.clone().map(Value::List));
        value.map(Some).ok_or_else(|| self.type_error(&path, "text or a list of text"))
    }

    /// The value at `keys` as a list: `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read as a list of text.
    pub fn list(&self, keys: &[&str]) -> Result<Option<Vec<String>>, SyntaxError> {
        let path = G::path(keys);
        let Some(held) = self.held(&path) else { return Ok(None) };
        held.list.clone().map(Some).ok_or_else(|| self.type_error(&path, "a list of text"))
    }

    /// The line of the value, table or section at `keys`, from 1.
    pub fn line(&self, keys: &[&str]) -> Option<usize> {
        self.line_at(&G::path(keys))
    }

    /// Whether there is a table or section at `keys`.
    pub fn has_table(&self, keys: &[&str]) -> bool {
        self.values().tables.contains_key(&G::path(keys))
    }

    /// The keys below `keys`, in the order of the file.
    pub fn keys(&self, keys: &[&str]) -> Vec<String> {
        let path = G::path(keys);
        let values = self.values().all.iter().map(|(path, held)| (path, held.at));
        let tables = self.values().tables.iter().map(|(path, at)| (path, *at));
        let mut first = BTreeMap::new();
        for (below, at) in values.chain(tables) {
            if below.len() > path.len() && below.starts_with(&path) {
                let first = first.entry(&below[path.len()]).or_insert(at);
                *first = at.min(*first);
            }
        }
        let mut keys: Vec<_> = first.into_iter().collect();
        keys.sort_by_key(|&(_, at)| at);
        keys.into_iter().map(|(key, _)| key.clone()).collect()
    }

    /// Sets the value at `keys`. `None` where it is that already, however it is written.
    ///
    /// # Errors
    /// Something of another type is in the way, or there is no place for it.
    pub fn set(&mut self, keys: &[&str], value: &Value) -> Result<Option<Change>, SyntaxError> {
        let path = self.admitted(keys)?;
        let (splices, before) = match self.held(&path) {
            Some(held) if held.is(value) => return Ok(None),
            Some(held) => {
                match value {
                    Value::Text(_) | Value::Truth(_) if held.text.is_none() => {
                        return Err(self.type_error(&path, "text"));
                    }
                    Value::List(_) if held.list.is_none() => return Err(self.type_error(&path, "a list of text")),
                    _ => {}
                }
                let before = self.text[held.written.clone()].to_owned();
                (self.grammar.replace(&self.text, &path, value), Some(before))
            }
            None => (self.additions(&path, value)?, None),
        };
        let splice = self.make(&path, splices, |held| held.is_some_and(|held| held.is(value)))?;
        Ok(Some(Change { keys: path, deed: Deed::Set { value: value.clone(), before }, splice }))
    }

    /// Puts `entry` at the end of the list at `keys`, unless it is in it; where there is no list, one that begins with
    /// `start` is made.
    ///
    /// # Errors
    /// Something of another type is in the way, or there is no place for it.
    pub fn append(&mut self, keys: &[&str], entry: &str, start: &[&str]) -> Result<Option<Change>, SyntaxError> {
        let path = self.admitted(keys)?;
        let (splices, list, made) = match self.held(&path) {
            None => {
                let list: Vec<_> = start.iter().copied().chain([entry]).map(str::to_owned).collect();
                (self.additions(&path, &Value::List(list.clone()))?, list.clone(), Some(list))
            }
            Some(held) => {
                let mut list = held.list.clone().ok_or_else(|| self.type_error(&path, "a list of text"))?;
                if list.iter().any(|have| have == entry) {
                    return Ok(None);
                }
                list.push(entry.to_owned());
                (self.grammar.append(&self.text, &path, entry), list, None)
            }
        };
        let splice = self.make(&path, splices, |held| held.is_some_and(|held| held.list.as_ref() == Some(&list)))?;
        Ok(Some(Change { keys: path, deed: Deed::Append { entry: entry.to_owned(), made }, splice }))
    }

    /// Removes the value at `keys`. `None` where there is none.
    ///
    /// # Errors
    /// It cannot be cut out without changing something else.
    pub fn remove(&mut self, keys: &[&str]) -> Result<Option<Change>, SyntaxError> {
        let path = self.admitted(keys)?;
        let Some(held) = self.held(&path) else { return Ok(None) };
        let before = self.text[held.written.clone()].to_owned();
        let splices = self.grammar.cut(&self.text, &path, "");
        let splices = splices.into_iter().map(|splice| anchored(&self.text, &splice)).collect();
        let splice = self.make(&path, splices, |held| held.is_none())?;
        Ok(Some(Change { keys: path, deed: Deed::Remove { before }, splice }))
    }

    fn take_back(&mut self, change: &Change) -> Found {
        let path = &change.keys;
        let as_made = change.splice.unmade(&self.text);
        let present = self.held(path);
        let made = change.splice.new.as_str();
        let written = |before: &str, text: &str, held: Option<&Held>| {
            held.is_some_and(|held| text.get(held.written.clone()) == Some(before))
        };
        let (by_hand, right): (Vec<Splice>, Check<'_>) = match (&change.deed, present) {
            (Deed::Remove { before }, None) => (Vec::new(), Box::new(move |text, held| written(before, text, held))),
            (Deed::Remove { before }, present) => {
                return if written(before, &self.text, present) { Found::Gone } else { Found::Changed };
            }
            (_, None) => return Found::Gone,
            (Deed::Set { value, before: None }, Some(held)) if held.is(value) => {
                (self.grammar.cut(&self.text, path, made), Box::new(|_, held| held.is_none()))
            }
            (Deed::Set { value, before: Some(before) }, Some(held)) if held.is(value) => {
                let splice = Splice::replace(&self.text, held.written.clone(), before.as_str());
                (vec![splice], Box::new(move |text, held| written(before, text, held)))
            }
            (Deed::Append { made: Some(list), .. }, Some(held)) if held.list.as_ref() == Some(list) => {
                (self.grammar.cut(&self.text, path, made), Box::new(|_, held| held.is_none()))
            }
            (Deed::Append { entry, .. }, Some(Held { list: Some(list), .. })) => {
                let Some(position) = list.iter().rposition(|have| have == entry) else { return Found::Gone };
                let mut rest = list.clone();
                rest.remove(position);
                let is_rest = move |_: &str, held: Option<&Held>| match held {
                    Some(held) => held.list.as_ref() == Some(&rest),
                    None => rest.is_empty(),
                };
                (self.grammar.cut_entry(&self.text, path, position), Box::new(is_rest))
            }
            _ => return Found::Changed,
        };
        let by_hand: Vec<_> = by_hand.iter().map(|splice| splice.made(&self.text)).collect();
        for text in as_made.into_iter().chain(by_hand) {
            if let Some(grammar) = self.reads_alike(&text, path)
                && right(&text, grammar.values().all.get(path))
            {
                self.text = text;
                self.grammar = grammar;
                return Found::TakenBack;
            }
        }
        Found::Changed
    }

    /// Makes the first splice after which the text reads the same but for the value, which is `right`.
    fn make(
        &mut self,
        path: &[String],
        splices: Vec<Splice>,
        right: impl Fn(Option<&Held>) -> bool,
    ) -> Result<Splice, SyntaxError> {
        for splice in splices {
            let text = splice.made(&self.text);
            if let Some(grammar) = self.reads_alike(&text, path)
                && right(grammar.values().all.get(path))
            {
                self.text = text;
                self.grammar = grammar;
                return Ok(splice);
            }
        }
        let line = (1..=path.len()).rev().find_map(|depth| self.line_at(&path[..depth])).unwrap_or(1);
        Err(SyntaxError::NoRoom { line, key: path.join(".") })
    }

    /// What a text reads as, if everything but the value at `path` reads as in this one. What is above the value may
    /// have been empty.
    fn reads_alike(&self, text: &str, path: &[String]) -> Option<G> {
        let grammar = G::read(text).ok()?;
        let mut now = grammar.values().others(path);
        let mut before = self.values().others(path);
        loop {
            match (now.next(), before.next()) {
                (None, None) => break,
                (now, before) if now == before => {}
                _ => return None,
            }
        }
        drop((now, before));
        Some(grammar)
    }

    fn additions(&self, path: &[String], value: &Value) -> Result<Vec<Splice>, SyntaxError> {
        if self.values().tables.contains_key(path) {
            return Err(self.type_error(path, "a value"));
        }
        let above = (1..path.len()).map(|depth| &path[..depth]);
        for above in above {
            if self.held(above).is_some_and(|held| !held.plain.is_empty()) {
                return Err(self.type_error(above, "a table"));
            }
        }
        Ok(self.grammar.add(&self.text, path, value))
    }

    fn admitted(&self, keys: &[&str]) -> Result<Vec<String>, SyntaxError> {
        let path = G::path(keys);
        self.grammar.admit(&self.text, &path)?;
        Ok(path)
    }

    fn values(&self) -> &Values {
        self.grammar.values()
    }

    fn held(&self, path: &[String]) -> Option<&Held> {
        self.values().all.get(path)
    }

    fn line_at(&self, path: &[String]) -> Option<usize> {
        let at = self.held(path).map(|held| held.at).or_else(|| self.values().tables.get(path).copied())?;
        Some(place_of(&self.text, at).0)
    }

    fn type_error(&self, path: &[String], expected: &'static str) -> SyntaxError {
        SyntaxError::Type { line: self.line_at(path).unwrap_or(1), key: path.join("."), expected }
    }
}

/// Whether a text, and what it holds at the path, are right.
type Check<'a> = Box<dyn Fn(&str, Option<&Held>) -> bool + 'a>;

impl Values {
    fn others<'a>(&'a self, path: &'a [String]) -> impl Iterator<Item = (&'a [String], &'a str)> {
        let others = self.all.iter().filter(|(other, _)| !path.starts_with(other));
        others.map(|(path, held)| (path.as_slice(), held.plain.as_str()))
    }
}

/// Takes changes back, the last first.
///
/// # Errors
/// The text is not UTF-8, or not of this syntax.
pub(super) fn take_back<G: Grammar>(bytes: &[u8], changes: &[Change]) -> Result<TakenBack, SyntaxError> {
    let mut editor = Editor::<G>::parse(bytes)?;
    let (changes, left) = in_reverse(changes, |change| editor.take_back(change));
    Ok(TakenBack { text: editor.text(), changes, left })
}

/// A cut with as many of the lines before it, or else behind it, as make its place known again when lines elsewhere have
/// moved it.
fn anchored(text: &str, cut: &Splice) -> Splice {
    let cut_end = cut.at + cut.old.len();
    let over = |range: &Range<usize>| {
        let new = [&text[range.start..cut.at], &cut.new, &text[cut_end..range.end]].concat();
        Splice::replace(text, range.clone(), new)
    };
    let after = cut.made(text);
    let is_anchored = |splice: &Splice| {
        let mut places = after.char_indices().filter(|&(at, _)| after[at..].starts_with(&splice.new));
        // An empty line's end is also that of the line before it, whatever comes to stand there.
        !splice.new.trim().is_empty()
            && (splice.at == 0 || !splice.new.starts_with(['\n', '\r']))
            && places.next().is_some()
            && places.next().is_none()
    };
    let lines = lines(text);
    let above = lines.iter().rev().map(|line| line.start).filter(|start| *start < cut.at);
    let below = lines.iter().map(|line| line.next).filter(|next| *next > cut_end);
    let above = above.map(|start| over(&(start..cut_end))).find(is_anchored);
    let below = || below.map(|next| over(&(0..next))).find(is_anchored);
    above.or_else(below).unwrap_or_else(|| cut.clone())
}

/// A line: where it begins, where its text ends, and where the next one begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) next: usize,
}

/// The lines of a text. All three line ends count, as in Python's, npm's and YAML's own reading.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
        let length = match &text.as_bytes()[end..] {
            [] => 0,
            [b'\r', b'\n', ..] => 2,
            _ => 1,
        };
        lines.push(Line { start, end, next: end + length });
        start = end + length;
    }
    lines
}

/// Line and column of a position, both from 1; the column in characters.
pub(super) fn place_of(text: &str, at: usize) -> (usize, usize) {
    let lines = lines(&text[..at]);
    match lines.last() {
        Some(last) if last.next == last.end => (lines.len(), text[last.start..at].chars().count() + 1),
        _ => (lines.len() + 1, 1),
    }
}

/// A breach of the syntax's rules at a position.
pub(super) fn invalid(text: &str, at: usize, message: &str) -> SyntaxError {
    let (line, column) = place_of(text, at);
    SyntaxError::Invalid { line, column, message: message.to_owned() }
}

/// How the first line ends, which is how new ones do.
pub(super) fn line_end(text: &str) -> &str {
    lines(text).first().map(|line| &text[line.end..line.next]).filter(|end| !end.is_empty()).unwrap_or("\n")
}

/// New lines, without the last one's end, after the line that holds a position. A text without a last line end stays
/// without.
pub(super) fn lines_after(text: &str, at: usize, new: &str) -> Splice {
    let end = line_end(text);
    match lines(text).iter().find(|line| (line.start..=line.end).contains(&at) && line.next > line.end) {
        Some(line) => lines_before(text, line.next, new),
        None => Splice::replace(text, text.len()..text.len(), [end, new].concat()),
    }
}

/// New lines at the beginning of a line, or at the end of the text.
pub(super) fn lines_before(text: &str, at: usize, new: &str) -> Splice {
    let end = line_end(text);
    if at == text.len() && !text.is_empty() && !text.ends_with(['\n', '\r']) {
        return Splice::replace(text, at..at, [end, new].concat());
    }
    Splice::replace(text, at..at, [new, end].concat())
}

/// Whole lines, from the one that holds the range's start to the one that holds its end. With the line ends that `made`,
/// which begins with the first of them, had before it; and with the one before a last line that has none.
pub(super) fn whole_lines(text: &str, range: Range<usize>, made: &str) -> Range<usize> {
    let lines = lines(text);
    let holding = |at: usize| lines.iter().rev().find(|line| line.start <= at);
    let start = holding(range.start).map_or(0, |line| line.start);
    let (end, next) = holding(range.end).map_or((text.len(), text.len()), |line| (line.end, line.next));
    let is_line_end = |c| matches!(c, '\n' | '\r');
    let inner = made.trim_matches(is_line_end);
    let own = &made[..made.len() - made.trim_start_matches(is_line_end).len()];
    let first = inner.split(is_line_end).next().unwrap_or_default();
    if !own.is_empty() && text[..start].ends_with(own) && text[start..].starts_with(first) {
        return start - own.len()..if made.ends_with(is_line_end) { next } else { end };
    }
    let before = if next == end { end_length(&text[..start]) } else { 0 };
    start - before..next
}

/// The length of a text's last line end.
fn end_length(text: &str) -> usize {
    match text.as_bytes() {
        [.., b'\r', b'\n'] => 2,
        [.., b'\r' | b'\n'] => 1,
        _ => 0,
    }
}
