//! The order of versions that Maven has: its `ComparableVersion`, as Maven 3.8 does it.
//!
//! A version is a list of numbers and words; a dash, and every change between digits and letters, begins a list inside
//! the list. What means nothing at the end of a list (`.0`, `-final`) does not count.

use std::cmp::Ordering;

/// A version as it is compared.
#[derive(Debug, Clone)]
pub(super) struct Comparable(Vec<Item>);

#[derive(Debug, Clone)]
enum Item {
    /// Digits without leading zeros, so that a longer one is a larger one; empty is zero.
    Number(String),
    Word(Word),
    List(Vec<Item>),
}

/// Words that have an order among themselves come first, then all others by their letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Known(u8),
    Other(String),
}

/// The word that says a version is what it is: nothing.
const RELEASE: Word = Word::Known(5);

impl Comparable {
    pub(super) fn new(version: &str) -> Self {
        let version = version.to_lowercase();
        // The innermost list last.
        let mut lists: Vec<Vec<Item>> = vec![Vec::new()];
        let mut digits = false;
        let mut begin = 0;
        let add = |lists: &mut Vec<Vec<Item>>, item| lists.last_mut().expect("there is the outermost list").push(item);
        for (at, character) in version.char_indices() {
            if matches!(character, '.' | '-') {
                let item = if at == begin { Item::Number(String::new()) } else { item(&version[begin..at], digits) };
                add(&mut lists, item);
                begin = at + 1;
                if character == '-' {
                    lists.push(Vec::new());
                }
            } else if character.is_ascii_digit() {
                if !digits && at > begin {
                    begin_word(&mut lists);
                    add(&mut lists, Item::Word(word(&version[begin..at], true)));
                    begin = at;
                    lists.push(Vec::new());
                }
                digits = true;
            } else {
                if digits && at > begin {
                    add(&mut lists, item(&version[begin..at], true));
                    begin = at;
                    lists.push(Vec::new());
                }
                digits = false;
            }
        }
        if begin < version.len() {
            if !digits {
                begin_word(&mut lists);
            }
            add(&mut lists, item(&version[begin..], digits));
        }
        // Every list but the outermost is the last item of the one before it.
        let mut inner = normal(lists.pop().expect("there is the outermost list"));
        while let Some(mut outer) = lists.pop() {
            outer.push(Item::List(inner));
            inner = normal(outer);
        }
        Self(inner)
    }
}

/// A word is to what stands before it as if behind a dash, even behind a point.
fn begin_word(lists: &mut Vec<Vec<Item>>) {
    if lists.last().is_some_and(|list| !list.is_empty()) {
        lists.push(Vec::new());
    }
}

fn item(text: &str, digits: bool) -> Item {
    if digits { Item::Number(text.trim_start_matches('0').to_owned()) } else { Item::Word(word(text, false)) }
}

fn word(text: &str, before_digit: bool) -> Word {
    let text = match text {
        "a" if before_digit => "alpha",
        "b" if before_digit => "beta",
        "m" if before_digit => "milestone",
        "ga" | "final" | "release" => "",
        "cr" => "rc",
        text => text,
    };
    let known = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"].iter().position(|known| *known == text);
    known.and_then(|at| u8::try_from(at).ok()).map_or_else(|| Word::Other(text.to_owned()), Word::Known)
}

/// Without what means nothing at its end.
fn normal(mut list: Vec<Item>) -> Vec<Item> {
    for at in (0..list.len()).rev() {
        if list[at].is_nothing() {
            list.remove(at);
        } else if !matches!(list[at], Item::List(_)) {
            break;
        }
    }
    list
}

impl Item {
    fn is_nothing(&self) -> bool {
        match self {
            Self::Number(digits) => digits.is_empty(),
            Self::Word(word) => *word == RELEASE,
            Self::List(items) => items.is_empty(),
        }
    }

    /// Compared with nothing at all, where the other version has ended.
    fn with_nothing(&self) -> Ordering {
        match self {
            Self::Number(digits) if digits.is_empty() => Ordering::Equal,
            Self::Number(_) => Ordering::Greater,
            Self::Word(word) => word.cmp(&RELEASE),
            Self::List(items) => {
                items.iter().map(Self::with_nothing).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }
        }
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => lists(a, b),
            // 1.1 is later than 1-1, and that than 1-sp.
            (Self::Number(_), _) | (Self::List(_), Self::Word(_)) => Ordering::Greater,
            (_, Self::Number(_)) | (Self::Word(_), Self::List(_)) => Ordering::Less,
        }
    }
}

fn lists(a: &[Item], b: &[Item]) -> Ordering {
    let longer = a.len().max(b.len());
    let order = |at: usize| match (a.get(at), b.get(at)) {
        (Some(a), Some(b)) => a.cmp(b),
        (Some(a), None) => a.with_nothing(),
        (None, Some(b)) => b.with_nothing().reverse(),
        (None, None) => Ordering::Equal,
    };
    (0..longer).map(order).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

impl Ord for Comparable {
    fn cmp(&self, other: &Self) -> Ordering {
        lists(&self.0, &other.0)
    }
}

macro_rules! by_order {
    ($($name:ident)*) => {
        $(
            impl PartialOrd for $name {
                fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                    Some(self.cmp(other))
                }
            }

            impl PartialEq for $name {
                fn eq(&self, other: &Self) -> bool {
                    self.cmp(other).is_eq()
                }
            }

            impl Eq for $name {}
        )*
    };
}

by_order! { Item Comparable }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_mavens_order() {
        let ordered = [
            "1-alpha2snapshot",
            "1-alpha2",
            "1-alpha-123",
            "1-beta-2",
            "1-beta123",
            "1-m2",
            "1-m11",
            "1-rc",
            "1-cr2",
            "1-rc123",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-sp2",
            "1-sp123",
            "1-abc",
            "1-def",
            "1-pom-1",
            "1-1-snapshot",
            "1-1",
            "1-2",
            "1-123",
        ];
        for (at, earlier) in ordered.iter().enumerate() {
            for later in &ordered[at + 1..] {
                let (earlier_is, later_is) = (Comparable::new(earlier), Comparable::new(later));
                assert!(earlier_is < later_is, "{earlier} comes before {later}");
            }
        }
        let numbers =
            ["2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1"];
        for (at, earlier) in numbers.iter().enumerate() {
            for later in &numbers[at + 1..] {
                assert!(Comparable::new(earlier) < Comparable::new(later), "{earlier} comes before {later}");
            }
        }
    }

    #[test]
    fn versions_that_are_one_to_maven() {
        for (a, b) in [
            ("1", "1.0.0"),
            ("1", "1-0"),
            ("1", "1.0-0"),
            ("1a", "1-a"),
            ("1.0.0x", "1-x"),
            ("1.x", "1.0.0-x"),
            ("1ga", "1"),
            ("1release", "1-FINAL"),
            ("1cr", "1rc"),
            ("1a1", "1-alpha-1"),
            ("1b2", "1-beta-2"),
            ("1m3", "1-milestone-3"),
            ("1X", "1x"),
            ("0001", "1"),
        ] {
            assert!(Comparable::new(a) == Comparable::new(b), "{a} is {b}");
        }
    }

    #[test]
    fn numbers_are_not_bounded_and_anything_is_a_version() {
        assert!(Comparable::new("20190126.230843") < Comparable::new("1234567890.12345678901234567891"));
        assert!(Comparable::new(&"9".repeat(254)) < Comparable::new(&"9".repeat(255)));
        for odd in ["", ".", "-", "--..--", "é1ü", &"-".repeat(255), &"1a".repeat(127)] {
            assert!(Comparable::new(odd).cmp(&Comparable::new(odd)).is_eq());
        }
    }
}
