//! Files that are ours from the first byte to the last: scripts in a client's own language. They are made, replaced by
//! a later text of ours, and taken away; one that somebody else wrote or changed is left.

use super::{Change, Deed, Found, Splice, TakenBack, Value, in_reverse};

/// What every such file says in one of its first lines.
pub const MARK: &str = "written by `cargo codeartifact configure`";
/// Where it is looked for, in bytes from the beginning.
const HEAD: usize = 400;

/// What has to be done for a file to be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// This.
    Change(Change),
    /// Nothing: this was done.
    Present(Change),
}

/// There is a file, and it is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign;

/// The change after which a file's text is `ours`.
///
/// # Errors
/// There is another text that does not have [`MARK`] near its beginning.
pub fn set(text: Option<&[u8]>, ours: &str) -> Result<Planned, Foreign> {
    debug_assert!(head(ours).contains(MARK), "a file of ours is marked");
    let there = text.map(str::from_utf8).transpose().map_err(|_| Foreign)?;
    let change = |old: &str| Change {
        keys: Vec::new(),
        deed: Deed::Set { value: Value::Text(ours.to_owned()), before: there.map(str::to_owned) },
        splice: Splice { at: 0, old: old.to_owned(), new: ours.to_owned() },
    };
    match there {
        None | Some("") => Ok(Planned::Change(change(""))),
        Some(there) if there == ours => Ok(Planned::Present(change(ours))),
        Some(there) if head(there).contains(MARK) => Ok(Planned::Change(change(there))),
        Some(_) => Err(Foreign),
    }
}

/// Takes changes back, the last first; a text that is none of them stays.
pub(super) fn take_back(text: &[u8], changes: &[Change]) -> TakenBack {
    let mut now = String::from_utf8_lossy(text).into_owned();
    let (changes, left) = in_reverse(changes, |change| {
        if now == change.splice.new {
            now.clone_from(&change.splice.old);
            Found::TakenBack
        } else if now.is_empty() {
            Found::Gone
        } else {
            Found::Changed
        }
    });
    TakenBack { text: now, changes, left }
}

fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(HEAD)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "// written by `cargo codeartifact configure`\none\n";
    const SECOND: &str = "// written by `cargo codeartifact configure`\ntwo\n";

    fn changed(text: Option<&[u8]>, ours: &str) -> Change {
        match set(text, ours) {
            Ok(Planned::Change(change)) => change,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_made_replaced_and_taken_away() {
        let made = changed(None, FIRST);
        let replaced = changed(Some(FIRST.as_bytes()), SECOND);
        assert!(matches!(set(Some(SECOND.as_bytes()), SECOND), Ok(Planned::Present(_))));
        let back = take_back(SECOND.as_bytes(), &[made, replaced]);
        assert_eq!((back.text.as_str(), back.changes.len(), back.left.len()), ("", 2, 0));
    }

    #[test]
    fn what_others_wrote_is_left() {
        assert_eq!(set(Some(b"theirs"), FIRST), Err(Foreign));
        assert_eq!(set(Some(b"\xff"), FIRST), Err(Foreign));
        let back = take_back(b"theirs", &[changed(None, FIRST)]);
        assert_eq!((back.text.as_str(), back.left.len()), ("theirs", 1));
    }
}
