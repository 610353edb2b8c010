//! The way to an element: the names from the root inwards, each with what tells it from its like.
//!
//! `settings`, `mirrors`, `mirror[id=my-team-repo]`, `url`; or `configuration`, `packageSources`,
//! `add[@key=my-team-repo]`, `@value`; or `activeProfile[.=my-team-repo]`. What stands between `=` and the last `]` is
//! taken as it is.

use super::element::Element;
use super::read::{Node, Tag};

/// What tells an element from others of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// Nothing: there is one of its name.
    Name,
    /// The text of an element in it, such as `id`.
    Child(&'a str),
    /// The value of an attribute, such as `key`.
    Attribute(&'a str),
    /// Its text.
    Text,
}

impl By<'_> {
    /// The step to an element.
    pub fn step(self, element: &Element) -> String {
        let name = element.name();
        match self {
            By::Name => name.to_owned(),
            By::Child(key) => {
                format!("{name}[{key}={}]", element.child(key).map(Element::text).unwrap_or_default().trim())
            }
            By::Attribute(key) => format!("{name}[@{key}={}]", element.attribute(key).unwrap_or_default()),
            By::Text => format!("{name}[.={}]", element.text().trim()),
        }
    }
}

/// A step of the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    name: &'a str,
    test: Option<(By<'a>, &'a str)>,
}

impl<'a> Step<'a> {
    pub(super) fn parse(step: &'a str) -> Self {
        let test = step.split_once('[').and_then(|(name, test)| {
            let (key, value) = test.strip_suffix(']')?.split_once('=')?;
            let by = match key.strip_prefix('@') {
                Some(key) => By::Attribute(key),
                None if key == "." => By::Text,
                None => By::Child(key),
            };
            Some((name, by, value))
        });
        match test {
            Some((name, by, value)) => Self { name, test: Some((by, value)) },
            None => Self { name: step, test: None },
        }
    }

    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    pub(super) fn all(keys: &[&'a str]) -> Vec<Self> {
        keys.iter().map(|key| Self::parse(key)).collect()
    }

    pub(super) fn leads_to(&self, tag: &Tag) -> bool {
        tag.is_own
            && tag.local() == self.name
            && match self.test {
                None | Some((By::Name, _)) => true,
                Some((By::Child(key), value)) => {
                    tag.children().any(|child| child.is_own && child.local() == key && child.text().trim() == value)
                }
                Some((By::Attribute(key), value)) => tag.attribute(key).is_some_and(|have| have.value == value),
                Some((By::Text, value)) => tag.text().trim() == value,
            }
    }

    /// The least element that the step leads to.
    pub(super) fn element(&self) -> Element {
        let element = Element::new(self.name);
        match self.test {
            None | Some((By::Name, _)) => element,
            Some((By::Child(key), value)) => element.with(key, value),
            Some((By::Attribute(key), value)) => element.with_attribute(key, value),
            Some((By::Text, value)) => element.with_text(value),
        }
    }
}

/// The longest way from nodes along steps, the first in the order of the file: the position at each level.
pub(super) fn longest_way(nodes: &[Node], steps: &[Step<'_>]) -> Vec<usize> {
    let mut longest = Vec::new();
    let Some((step, rest)) = steps.split_first() else { return longest };
    for (position, node) in nodes.iter().enumerate() {
        let Some(tag) = node.tag().filter(|tag| step.leads_to(tag)) else { continue };
        let mut way = longest_way(&tag.nodes, rest);
        way.insert(0, position);
        if way.len() > longest.len() {
            longest = way;
        }
        if longest.len() == steps.len() {
            break;
        }
    }
    longest
}

/// The way to every element that steps lead to, in the order of the file.
pub(super) fn all_ways(nodes: &[Node], steps: &[Step<'_>]) -> Vec<Vec<usize>> {
    let Some((step, rest)) = steps.split_first() else { return vec![Vec::new()] };
    let fitting = nodes.iter().enumerate().filter_map(|(position, node)| Some((position, node.tag()?)));
    fitting
        .filter(|(_, tag)| step.leads_to(tag))
        .flat_map(|(position, tag)| {
            let inner = all_ways(&tag.nodes, rest).into_iter();
            inner.map(move |way| [&[position], &way[..]].concat())
        })
        .collect()
}
