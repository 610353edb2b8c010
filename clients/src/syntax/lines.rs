//! Files that are a list of lines to whoever reads them: `~/.mavenrc`, which a shell runs, and `.bazelrc`. In both `#`
//! begins a comment, and a backslash at a line's end lets it go on in the next one.
//!
//! What is written here is a line of its own with a comment behind it, which says whose it is and what for: so it is found
//! again however it reads. All other lines are theirs, and only ever compared.

use super::editor::{Grammar, Held, Values, invalid, lines, lines_before, whole_lines};
use super::{Editor, MARK, Splice, SyntaxError, Value};

/// Lines of text. The way to one of ours is its key alone; the value is what stands before its comment.
pub type Lines = Editor<MarkedLines>;

/// Between [`MARK`] and a line's key.
const KEY: &str = ": ";

/// What such a text reads as.
#[derive(Debug, Clone)]
pub struct MarkedLines {
    values: Values,
    /// Where a last line is that goes on in one that is not there.
    open: Option<usize>,
}

impl Grammar for MarkedLines {
    fn read(text: &str) -> Result<Self, SyntaxError> {
        let mut values = Values::default();
        let all = lines(text);
        for line in &all {
            let content = &text[line.start..line.end];
            let (path, value, end) = match ours(content) {
                // A second line of the same key is somebody's copy.
                Some((value, key)) if !values.all.contains_key(&[key.to_owned()][..]) => {
                    (vec![key.to_owned()], value, line.start + value.len())
                }
                _ => (theirs(content, &values), content, line.end),
            };
            let held = Held {
                plain: value.to_owned(),
                text: Some(value.to_owned()),
                list: None,
                written: line.start..end,
                at: line.start,
            };
            values.all.insert(path, held);
        }
        let goes_on = |content: &str| (content.len() - content.trim_end_matches('\\').len()) % 2 == 1;
        let open = all.last().filter(|last| goes_on(&text[last.start..last.end])).map(|last| last.end - 1);
        Ok(Self { values, open })
    }

    fn values(&self) -> &Values {
        &self.values
    }

    fn admit(&self, text: &str, path: &[String]) -> Result<(), SyntaxError> {
        match self.open {
            Some(at) if !self.values.all.contains_key(path) => {
                Err(invalid(text, at, "the last line goes on in a next one, which is not there"))
            }
            _ => Ok(()),
        }
    }

    fn replace(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let (Some(held), Value::Text(value)) = (self.values.all.get(path), value) else { return Vec::new() };
        vec![Splice::replace(text, held.written.clone(), value.as_str())]
    }

    fn add(&self, text: &str, path: &[String], value: &Value) -> Vec<Splice> {
        let ([key], Value::Text(value)) = (path, value) else { return Vec::new() };
        let line = format!("{value} {MARK}{KEY}{key}");
        if line.contains(['\n', '\r']) {
            return Vec::new();
        }
        vec![lines_before(text, text.len(), &line)]
    }

    fn append(&self, _text: &str, _path: &[String], _entry: &str) -> Vec<Splice> {
        Vec::new()
    }

    fn cut(&self, text: &str, path: &[String], made: &str) -> Vec<Splice> {
        let Some(held) = self.values.all.get(path) else { return Vec::new() };
        vec![Splice::replace(text, whole_lines(text, held.written.clone(), made), "")]
    }

    fn cut_entry(&self, _text: &str, _path: &[String], _position: usize) -> Vec<Splice> {
        Vec::new()
    }
}

/// A line of ours: its value and its key.
fn ours(content: &str) -> Option<(&str, &str)> {
    let (before, key) = content.rsplit_once(MARK)?;
    let (value, key) = (before.strip_suffix(' ')?, key.strip_prefix(KEY)?.trim_end());
    (!key.is_empty()).then_some((value, key))
}

/// The way to a line of theirs: what it says, and how many say the same above it.
fn theirs(content: &str, values: &Values) -> Vec<String> {
    let way = |number: usize| vec![String::new(), content.to_owned(), number.to_string()];
    (0..=values.all.len()).map(way).find(|way| !values.all.contains_key(way)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Syntax;
    use super::*;

    fn set(before: &str, key: &str, value: &str) -> (String, super::super::Change) {
        let mut lines = Lines::parse(before.as_bytes()).unwrap();
        let change = lines.set(&[key], &Value::Text(value.to_owned())).unwrap().unwrap();
        assert!(lines.set(&[key], &Value::Text(value.to_owned())).unwrap().is_none(), "a second time");
        (lines.text(), change)
    }

    #[test]
    fn a_line_is_added_found_again_and_changed() {
        let (text, made) = set("first", "token", "export A='#'");
        assert_eq!(text, format!("first\nexport A='#' {MARK}: token"));
        let (text, changed) = set(&text, "token", "export B=1");
        assert_eq!(text, format!("first\nexport B=1 {MARK}: token"));
        let back = Syntax::Lines.take_back(text.as_bytes(), &[made, changed]).unwrap();
        assert_eq!((back.text.as_str(), back.left.len()), ("first", 0));
    }

    #[test]
    fn what_others_made_of_our_line_stays() {
        let (text, made) = set("", "token", "export A=1");
        let back = Syntax::Lines.take_back(text.replace("A=1", "A=2").as_bytes(), std::slice::from_ref(&made)).unwrap();
        assert_eq!((back.changes.len(), back.left.len()), (0, 1));
        let back = Syntax::Lines.take_back(format!("theirs\r\n{text}theirs\n").as_bytes(), &[made]).unwrap();
        assert_eq!(back.text, "theirs\r\ntheirs\n");
    }

    #[test]
    fn a_line_is_not_added_to_one_that_goes_on() {
        let mut lines = Lines::parse(b"a\nb \\\n").unwrap();
        let error = lines.set(&["token"], &Value::Text("x".to_owned())).unwrap_err().to_string();
        assert_eq!(error, "line 2, column 3: the last line goes on in a next one, which is not there");
        let mut lines = Lines::parse(b"b \\\\").unwrap();
        assert!(lines.set(&["token"], &Value::Text("x".to_owned())).unwrap().is_some());
        assert!(lines.set(&["other"], &Value::Text("x\ny".to_owned())).is_err());
    }
}
