//! TOML, read by `toml_edit` and changed by splices.
//!
//! `toml_edit` can print a changed document too, but it normalises line ends and the last newline and drops the byte
//! order mark; its parser gives the place of every key and value, which is what a splice needs.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{ArrayOfTables, Document, InlineTable, Item, Key, Table, TableLike};

use super::{
    BYTE_ORDER_MARK, Change, Deed, Found, MARK, Splice, SyntaxError, TakenBack, Value, decoded, in_reverse, line_of,
};

/// The key by which the tables of an array are told from each other.
const NAME: &str = "name";

/// Where among the tables of an array a new one goes, for clients to which their order matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Before all others.
    First,
    /// Behind all others.
    Last,
}

/// A table of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its line, from 1.
    pub line: usize,
    /// Its values by their keys.
    pub values: BTreeMap<String, Value>,
}

impl Entry {
    /// The value of a key, where it is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// TOML text that can be changed.
#[derive(Debug, Clone)]
pub struct Toml {
    marked: bool,
    text: String,
    root: Table,
}

impl Toml {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// They are not UTF-8, or not TOML.
    pub fn parse(bytes: &[u8]) -> Result<Self, SyntaxError> {
        let (marked, text) = decoded(bytes)?;
        Ok(Self { marked, root: root(text)?, text: text.to_owned() })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        if self.marked { format!("{BYTE_ORDER_MARK}{}", self.text) } else { self.text.clone() }
    }

    /// The value at `keys`: `None` where there is none.
    ///
    /// # Errors
    /// It is neither text, nor true or false, nor a list of text.
    pub fn get(&self, keys: &[&str]) -> Result<Option<Value>, SyntaxError> {
        let Some((item, _)) = self.find(keys) else { return Ok(None) };
        value_of(item).map(Some).ok_or_else(|| self.type_error(keys, keys.len(), "text or a list of text"))
    }

    /// The line of the value at `keys`, from 1.
    pub fn line(&self, keys: &[&str]) -> Option<usize> {
        let (item, key) = self.find(keys)?;
        item.span().or_else(|| key.span()).map(|span| line_of(&self.text, span.start))
    }

    /// Whether there is a table at `keys`.
    pub fn has_table(&self, keys: &[&str]) -> bool {
        self.node(keys).is_some()
    }

    /// The keys of the table at `keys`, in the order of the file; empty where there is no table.
    pub fn keys(&self, keys: &[&str]) -> Vec<String> {
        let table = self.node(keys);
        table.into_iter().flat_map(|table| table.table().iter()).map(|(key, _)| key.to_owned()).collect()
    }

    /// The tables of the array of tables at `keys`, in the order of the file, each by those of its values that are text
    /// or true or false; empty where there is no such array.
    pub fn entries(&self, keys: &[&str]) -> Vec<Entry> {
        let Some((Item::ArrayOfTables(tables), _)) = self.find(keys) else { return Vec::new() };
        let line = |table: &Table| table.span().map_or(1, |span| line_of(&self.text, span.start));
        let values = |table: &Table| {
            let values = table.iter().filter_map(|(key, item)| Some((key.to_owned(), value_of(item)?)));
            values.collect()
        };
        tables.iter().map(|table| Entry { line: line(table), values: values(table) }).collect()
    }

    /// Sets the value at `keys`. `None` where it is that already, however it is written.
    ///
    /// # Errors
    /// Something of another type is in the way, or there is no place for it.
    pub fn set(&mut self, keys: &[&str], value: &Value) -> Result<Option<Change>, SyntaxError> {
        let written = written(value);
        let (splice, before) = match self.find(keys) {
            Some((item, _)) => {
                if value_of(item).as_ref() == Some(value) {
                    return Ok(None);
                }
                let span = item
                    .as_value()
                    .and_then(toml_edit::Value::span)
                    .ok_or_else(|| self.type_error(keys, keys.len(), "a value"))?;
                let before = self.text[span.clone()].to_owned();
                (Splice::replace(&self.text, span, written), Some(before))
            }
            None => (self.addition(keys, &written)?, None),
        };
        self.make(keys, value, &splice)?;
        let deed = Deed::Set { value: value.clone(), before };
        Ok(Some(Change { keys: owned(keys), deed, splice }))
    }

    /// Makes a table with this `name` in the array of tables at `keys`, unless there is one: behind all others, at the end
    /// of the file, or else before them.
    ///
    /// # Errors
    /// Something of another type is in the way, or there is no place for it.
    pub fn entry(&mut self, keys: &[&str], name: &str, order: Order) -> Result<Option<Change>, SyntaxError> {
        let path = [keys, &[name, NAME]].concat();
        if self.find(&path).is_some() {
            return Ok(None);
        }
        let before = match self.find(keys) {
            Some((Item::ArrayOfTables(tables), _)) => match order {
                Order::First => tables.get(0).and_then(Table::span),
                Order::Last => None,
            },
            Some(_) => return Err(self.type_error(keys, keys.len(), "an array of tables")),
            None => None,
        };
        let header: Vec<_> = keys.iter().map(|key| bare(key)).collect();
        let lines = [MARK, &format!("[[{}]]", header.join(".")), &format!("{NAME} = {}", quoted(name))];
        let splice = match before {
            Some(first) => self.block_before(first.start, &lines),
            None => self.block_at_end(&lines),
        };
        let value = Value::Text(name.to_owned());
        self.make(&path, &value, &splice)?;
        Ok(Some(Change { keys: owned(&path), deed: Deed::Set { value, before: None }, splice }))
    }

    /// Puts `entry` at the end of the list at `keys`, unless it is in it; where there is no list, one that begins with
    /// `start` is made.
    ///
    /// # Errors
    /// Something of another type is in the way, or there is no place for it.
    pub fn append(&mut self, keys: &[&str], entry: &str, start: &[&str]) -> Result<Option<Change>, SyntaxError> {
        let (splice, list, made) = match self.find(keys) {
            None => {
                let list: Vec<_> = start.iter().copied().chain([entry]).map(str::to_owned).collect();
                let splice = self.addition(keys, &written(&Value::List(list.clone())))?;
                (splice, list.clone(), Some(list))
            }
            Some((item, _)) => {
                let array = item.as_array().zip(value_of(item));
                let Some((array, Value::List(mut list))) = array else {
                    return Err(self.type_error(keys, keys.len(), "a list of text"));
                };
                if list.iter().any(|have| have == entry) {
                    return Ok(None);
                }
                list.push(entry.to_owned());
                let splice = self.list_end(array, entry).ok_or_else(|| self.no_room(keys))?;
                (splice, list, None)
            }
        };
        self.make(keys, &Value::List(list), &splice)?;
        Ok(Some(Change { keys: owned(keys), deed: Deed::Append { entry: entry.to_owned(), made }, splice }))
    }

    /// Where a list's new last entry goes: on a line of its own where the last one has one.
    fn list_end(&self, array: &toml_edit::Array, entry: &str) -> Option<Splice> {
        let quoted = quoted(entry);
        let Some(last) = array.iter().last() else {
            let start = array.span()?.start + 1;
            return Some(Splice::replace(&self.text, start..start, quoted));
        };
        let last = last.span()?;
        let line_start = self.text[..last.start].rfind('\n').map_or(0, |at| at + 1);
        let indent = &self.text[line_start..last.start];
        let (at, new) = if line_start == 0 || !indent.trim().is_empty() {
            (last.end, format!(", {quoted}"))
        } else if self.text[last.end..].trim_start_matches([' ', '\t']).starts_with(',') {
            // Below the last line, whose comma, and perhaps comment, stay with it.
            let at = self.text[last.end..].find(['\r', '\n']).map_or(last.end, |rest| last.end + rest);
            (at, format!("{}{indent}{quoted},", self.line_end()))
        } else {
            (last.end, format!(",{}{indent}{quoted}", self.line_end()))
        };
        Some(Splice::replace(&self.text, at..at, new))
    }

    /// The item at `keys` with its key.
    fn find(&self, keys: &[&str]) -> Option<(&Item, &Key)> {
        let (last, path) = keys.split_last()?;
        self.node(path)?.table().get_key_value(last).map(|(key, item)| (item, key))
    }

    /// The table at `keys`.
    fn node(&self, keys: &[&str]) -> Option<Node<'_>> {
        let mut node = Node::Lines(&self.root);
        let mut keys = keys.iter();
        while let Some(key) = keys.next() {
            node = match node.get(key)? {
                Item::ArrayOfTables(tables) => Node::Lines(named(tables, keys.next()?)?),
                item => Node::of(item)?,
            };
        }
        Some(node)
    }

    /// Where a value that is not there goes.
    fn addition(&self, keys: &[&str], written: &str) -> Result<Splice, SyntaxError> {
        let (last, path) = keys.split_last().expect("values have a key");
        let mut node = Node::Lines(&self.root);
        let mut depth = 0;
        while let Some(item) = path.get(depth).and_then(|key| node.get(key)) {
            depth += 1;
            let inner = match item {
                Item::ArrayOfTables(tables) => path.get(depth).and_then(|name| named(tables, name)).map(Node::Lines),
                item => Node::of(item),
            };
            node = inner.ok_or_else(|| self.type_error(keys, depth, "a table"))?;
            depth += usize::from(item.is_array_of_tables());
        }
        let missing = &keys[depth..];
        match node {
            Node::Braces(table) => match table.span() {
                Some(braces) if !table.is_dotted() => Ok(self.in_braces(table, &braces, missing, written)),
                _ => Err(self.no_room(keys)),
            },
            // `a.b = 1` makes table `a`; its other keys are written the same way, beside it.
            Node::Lines(table) if table.is_dotted() => {
                let end = last_end(table).ok_or_else(|| self.no_room(keys))?;
                let missing: Vec<_> = missing.iter().map(|key| bare(key)).collect();
                let prefix = self.dotted_prefix(end.start, &path[..depth]);
                Ok(self.new_line(end.end, &format!("{prefix}.{} = {written}", missing.join("."))))
            }
            Node::Lines(table) if missing.len() == 1 && depth > 0 && !table.is_implicit() => {
                let end = last_end(table).or_else(|| table.span()).ok_or_else(|| self.no_room(keys))?;
                Ok(self.new_line(end.end, &format!("{} = {written}", bare(last))))
            }
            Node::Lines(_) if !path.is_empty() => Ok(self.new_table(path, last, written)),
            Node::Lines(root) => Ok(self.root_line(root, &format!("{} = {written}", bare(last)))),
        }
    }

    /// A key that is in no table: below the last of those, else above everything.
    fn root_line(&self, root: &Table, line: &str) -> Splice {
        if let Some(last) = last_end(root) {
            return self.new_line(last.end, line);
        }
        let end = self.line_end();
        let gap = if self.text.is_empty() || self.text.starts_with(['\r', '\n']) { "" } else { end };
        Splice::replace(&self.text, 0..0, [line, end, gap].concat())
    }

    /// A table of its own at the end of the file.
    fn new_table(&self, path: &[&str], last: &str, written: &str) -> Splice {
        let header: Vec<_> = path.iter().map(|key| bare(key)).collect();
        self.block_at_end(&[MARK, &format!("[{}]", header.join(".")), &format!("{} = {written}", bare(last))])
    }

    /// Lines above the table whose header is at `at`, and above the comment that belongs to it.
    fn block_before(&self, at: usize, lines: &[&str]) -> Splice {
        let end = self.line_end();
        let mut at = self.text[..at].rfind('\n').map_or(0, |at| at + 1);
        while let Some(above) = self.text[..at].strip_suffix('\n') {
            let start = above.rfind('\n').map_or(0, |at| at + 1);
            if !above[start..].trim_start().starts_with('#') {
                break;
            }
            at = start;
        }
        let new: String = lines.iter().chain([&""]).flat_map(|line| [line, end]).collect();
        Splice::replace(&self.text, at..at, new)
    }

    /// Lines at the end of the file, an empty one before them.
    fn block_at_end(&self, lines: &[&str]) -> Splice {
        let end = self.line_end();
        let mut new = String::new();
        if !self.text.is_empty() {
            if !self.text.ends_with('\n') {
                new.push_str(end);
            }
            if !self.text.ends_with(&end.repeat(2)) {
                new.push_str(end);
            }
        }
        for line in lines {
            new.push_str(line);
            new.push_str(end);
        }
        Splice::replace(&self.text, self.text.len()..self.text.len(), new)
    }

    /// A line after the one that holds `at`.
    fn new_line(&self, at: usize, line: &str) -> Splice {
        let end = self.line_end();
        match self.text[at..].find('\n') {
            Some(rest) => {
                let at = at + rest + 1;
                Splice::replace(&self.text, at..at, [line, end].concat())
            }
            None => Splice::replace(&self.text, self.text.len()..self.text.len(), [end, line].concat()),
        }
    }

    /// A key of a table written in braces; `keys` beyond the first become tables in braces themselves.
    fn in_braces(&self, table: &InlineTable, braces: &Range<usize>, keys: &[&str], written: &str) -> Splice {
        let (first, rest) = keys.split_first().expect("a value has a key");
        let inner = rest.iter().rev().fold(written.to_owned(), |inner, key| format!("{{ {} = {inner} }}", bare(key)));
        let pair = format!("{} = {inner}", bare(first));
        match table.iter().filter_map(|(_, value)| value.span()).max_by_key(|span| span.end) {
            Some(last) => Splice::replace(&self.text, last.end..last.end, format!(", {pair}")),
            None => Splice::replace(&self.text, braces.start + 1..braces.start + 1, format!(" {pair} ")),
        }
    }

    /// The way to a dotted table as it is written on the line of one of its keys, so that the new key looks like it.
    fn dotted_prefix(&self, value_start: usize, path: &[&str]) -> String {
        // The tables above the dotted ones stand in a header; only the dotted part is repeated.
        let headed = (0..path.len())
            .filter(|depth| !matches!(self.find(&path[..=*depth]), Some((Item::Table(table), _)) if table.is_dotted()))
            .max()
            .map_or(0, |depth| depth + 1);
        let line_start = self.text[..value_start].rfind('\n').map_or(0, |at| at + 1);
        let indent: String = self.text[line_start..].chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        let keys: Vec<_> = path[headed..].iter().map(|key| bare(key)).collect();
        indent + &keys.join(".")
    }

    /// Makes a splice, if the text then reads the same but for the value at `keys`.
    fn make(&mut self, keys: &[&str], value: &Value, splice: &Splice) -> Result<(), SyntaxError> {
        let text = splice.made(&self.text);
        let mut expected = flat(&self.root);
        expected.insert(owned(keys), canonical(value));
        match root(&text) {
            Ok(root) if flat(&root) == expected => {
                self.text = text;
                self.root = root;
                Ok(())
            }
            _ => Err(self.no_room(keys)),
        }
    }

    fn line_end(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    fn no_room(&self, keys: &[&str]) -> SyntaxError {
        let line = (1..=keys.len()).rev().find_map(|depth| self.line(&keys[..depth])).unwrap_or(1);
        SyntaxError::NoRoom { line, key: keys.join(".") }
    }

    fn type_error(&self, keys: &[&str], depth: usize, expected: &'static str) -> SyntaxError {
        let keys = &keys[..depth];
        SyntaxError::Type { line: self.line(keys).unwrap_or(1), key: keys.join("."), expected }
    }
}

/// Takes changes back, the last first.
///
/// # Errors
/// The text is not UTF-8, or not TOML.
pub(super) fn take_back(bytes: &[u8], changes: &[Change]) -> Result<TakenBack, SyntaxError> {
    let mut toml = Toml::parse(bytes)?;
    let (changes, left) = in_reverse(changes, |change| toml.take_back(change));
    Ok(TakenBack { text: toml.text(), changes, left })
}

impl Toml {
    fn take_back(&mut self, change: &Change) -> Found {
        let keys: Vec<_> = change.keys.iter().map(String::as_str).collect();
        let Some((item, _)) = self.find(&keys) else { return Found::Gone };
        let present = value_of(item);
        let mut expected = flat(&self.root);
        let by_hand = match (&change.deed, &present) {
            (Deed::Set { value, before: None }, Some(present)) if present == value => {
                expected.remove(&change.keys);
                self.without(&keys)
            }
            (Deed::Set { value, before: Some(before) }, Some(present)) if present == value => {
                let Some(before_value) = parsed(before) else { return Found::Changed };
                expected.insert(change.keys.clone(), before_value);
                item.span().map(|span| Splice::replace(&self.text, span, before.as_str()))
            }
            (Deed::Append { made: Some(made), .. }, Some(Value::List(list))) if list == made => {
                expected.remove(&change.keys);
                self.without(&keys)
            }
            (Deed::Append { entry, .. }, Some(Value::List(list))) => {
                let Some(position) = list.iter().rposition(|have| have == entry) else { return Found::Gone };
                let mut rest = list.clone();
                rest.remove(position);
                expected.insert(change.keys.clone(), canonical(&Value::List(rest)));
                self.without_entry(item, position)
            }
            _ => return Found::Changed,
        };
        let as_made = change.splice.unmade(&self.text);
        let by_hand = by_hand.map(|splice| splice.made(&self.text));
        for text in as_made.into_iter().chain(by_hand) {
            if let Ok(root) = root(&text)
                && flat(&root) == expected
            {
                self.text = text;
                self.root = root;
                return Found::TakenBack;
            }
        }
        Found::Changed
    }

    /// Cuts a key with its value: its line; or its part of a table in braces. A table of ours that it leaves empty
    /// goes with it.
    fn without(&self, keys: &[&str]) -> Option<Splice> {
        let (item, key) = self.find(keys)?;
        let value = item.span()?;
        let (last, path) = keys.split_last()?;
        let parent = self.node(path)?;
        if let Node::Braces(table) = parent {
            return Some(Splice::replace(
                &self.text,
                self.pair_in_braces(table, last, key.span()?.start..value.end),
                "",
            ));
        }
        let mut start = self.text[..key.span()?.start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[value.end..].find('\n').map_or(self.text.len(), |at| value.end + at + 1);
        if let Node::Lines(table) = parent
            && !path.is_empty()
            && !table.is_dotted()
            && table.len() == 1
            && let Some(header) = table.span()
        {
            let header_start = self.text[..header.start].rfind('\n').map_or(0, |at| at + 1);
            let above = self.text[..header_start].trim_end_matches(['\r', '\n']);
            let gap = self.text[header.end..start].trim();
            if above.ends_with(MARK) && gap.is_empty() {
                start = above.len() - MARK.len();
            }
        }
        Some(Splice::replace(&self.text, start..end, ""))
    }

    /// A pair with the comma that separates it from its neighbour.
    fn pair_in_braces(&self, table: &InlineTable, key: &str, pair: Range<usize>) -> Range<usize> {
        let others = || table.iter().filter(|(name, _)| *name != key).filter_map(|(_, value)| value.span());
        match others().filter(|span| span.end <= pair.start).max_by_key(|span| span.end) {
            Some(before) => before.end..pair.end,
            None => match self.text[pair.end..].find(',') {
                Some(comma) if others().next().is_some() => pair.start..pair.end + comma + 1,
                _ => pair,
            },
        }
    }

    /// A list's entry with its comma.
    fn without_entry(&self, item: &Item, position: usize) -> Option<Splice> {
        let spans: Option<Vec<_>> = item.as_array()?.iter().map(toml_edit::Value::span).collect();
        let spans = spans?;
        let range = match (position.checked_sub(1), spans.get(position + 1)) {
            (Some(before), _) => spans[before].end..spans[position].end,
            (None, Some(after)) => spans[position].start..after.start,
            (None, None) => spans[position].clone(),
        };
        Some(Splice::replace(&self.text, range, ""))
    }
}

fn root(text: &str) -> Result<Table, SyntaxError> {
    Document::parse(text).map(|document| document.as_table().clone()).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line_start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let column = text.get(line_start..at).map_or(0, |before| before.chars().count()) + 1;
        SyntaxError::Invalid { line: line_of(text, at), column, message: error.message().to_owned() }
    })
}

/// All values with the way to each. Tables count only by what is in them.
fn flat(table: &Table) -> BTreeMap<Vec<String>, String> {
    let mut all = BTreeMap::new();
    flatten(table, &mut Vec::new(), &mut all);
    all
}

fn flatten(table: &dyn TableLike, path: &mut Vec<String>, all: &mut BTreeMap<Vec<String>, String>) {
    for (key, item) in table.iter() {
        path.push(key.to_owned());
        if let Some(table) = item.as_table_like() {
            flatten(table, path, all);
        } else if let Some(tables) = item.as_array_of_tables() {
            let mut nameless = 0;
            for table in tables {
                // As it is found; others by their place among their like, so that one with a name moves none of them.
                let name = table.get(NAME).and_then(Item::as_str);
                let name = name.filter(|name| named(tables, name).is_some_and(|first| std::ptr::eq(first, table)));
                path.push(name.map_or_else(|| format!("[{nameless}]"), str::to_owned));
                nameless += usize::from(name.is_none());
                flatten(table, path, all);
                path.pop();
            }
        } else if let Some(value) = item.as_value() {
            all.insert(path.clone(), plain(value));
        }
        path.pop();
    }
}

/// A value without its spelling: white space, quotes, comments.
fn plain(value: &toml_edit::Value) -> String {
    use toml_edit::Value as V;
    match value {
        V::String(text) => format!("{:?}", text.value()),
        V::Integer(number) => number.value().to_string(),
        V::Float(number) => format!("{:?}", number.value()),
        V::Boolean(truth) => truth.value().to_string(),
        V::Datetime(time) => time.value().to_string(),
        V::Array(array) => format!("[{}]", array.iter().map(plain).collect::<Vec<_>>().join(",")),
        V::InlineTable(table) => {
            let pairs: Vec<_> = table.iter().map(|(key, value)| format!("{key:?}={}", plain(value))).collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Truth(truth) => truth.to_string(),
        Value::List(list) => format!("[{}]", list.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(",")),
    }
}

/// The canonical form of a value as written.
fn parsed(written: &str) -> Option<String> {
    let document = Document::parse(format!("value = {written}")).ok()?;
    document.as_table().get("value")?.as_value().map(plain)
}

fn value_of(item: &Item) -> Option<Value> {
    if let Some(text) = item.as_str() {
        return Some(Value::Text(text.to_owned()));
    }
    if let Some(truth) = item.as_bool() {
        return Some(Value::Truth(truth));
    }
    let list: Option<Vec<_>> = item.as_array()?.iter().map(|entry| entry.as_str().map(str::to_owned)).collect();
    list.map(Value::List)
}

fn written(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Truth(truth) => truth.to_string(),
        Value::List(list) => format!("[{}]", list.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")),
    }
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn bare(key: &str) -> String {
    Key::new(key).to_string()
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

/// The first table of an array that has this name.
fn named<'a>(tables: &'a ArrayOfTables, name: &str) -> Option<&'a Table> {
    tables.iter().find(|table| table.get(NAME).and_then(Item::as_str) == Some(name))
}

/// A table, by how it is written.
#[derive(Clone, Copy)]
enum Node<'a> {
    /// On lines: under a header, or by dotted keys.
    Lines(&'a Table),
    /// In braces.
    Braces(&'a InlineTable),
}

impl<'a> Node<'a> {
    fn of(item: &'a Item) -> Option<Self> {
        match item {
            Item::Table(table) => Some(Self::Lines(table)),
            Item::Value(toml_edit::Value::InlineTable(table)) => Some(Self::Braces(table)),
            _ => None,
        }
    }

    fn get(&self, key: &str) -> Option<&'a Item> {
        match self {
            Self::Lines(table) => table.get(key),
            // Through the interface that gives items: the table's own gives values.
            Self::Braces(table) => TableLike::get(*table, key),
        }
    }

    fn table(self) -> &'a dyn TableLike {
        match self {
            Self::Lines(table) => table,
            Self::Braces(table) => table,
        }
    }
}

/// The end of the last value on lines that belong to a table itself, dotted keys included.
fn last_end(table: &Table) -> Option<Range<usize>> {
    table
        .iter()
        .filter_map(|(_, item)| match item {
            Item::Value(value) => value.span(),
            Item::Table(table) if table.is_dotted() => last_end(table),
            _ => None,
        })
        .max_by_key(|span| span.end)
}
