//! Taking changes back: to the byte where they stand as they were made, and by what they name where others have edited
//! around them since.

use super::super::{Change, Deed, Found, Splice, SyntaxError, TakenBack, Value, in_reverse};
use super::element::{Content, Element};
use super::read::{Document, Kind, Tag, read};
use super::{MARK, Xml, attribute_of, content_at, contents_at, set_text, texts_of};

/// Takes changes back, the last first.
///
/// # Errors
/// The text is not UTF-8, or not XML.
pub(in super::super) fn take_back(bytes: &[u8], changes: &[Change]) -> Result<TakenBack, SyntaxError> {
    let mut xml = Xml::parse(bytes)?;
    let (changes, left) = in_reverse(changes, |change| {
        let keys: Vec<_> = change.keys.iter().map(String::as_str).collect();
        xml.take_back(change, &keys)
    });
    Ok(TakenBack { text: xml.text(), changes, left })
}

impl Xml {
    fn take_back(&mut self, change: &Change, keys: &[&str]) -> Found {
        match &change.deed {
            Deed::Put { element, made, before } => {
                let Some(way) = self.find(keys) else { return Found::Gone };
                let prefix = self.tag(&way).and_then(Tag::prefix);
                let written = parsed(element).map(|element| element.prefixed(prefix));
                if written.is_none() || self.document.plain_element(self.node(&way)) != written {
                    return Found::Changed;
                }
                match before {
                    Some(before) => self.put_back(&way, before),
                    None => self.take_out(&way, made, &change.splice),
                }
            }
            Deed::Set { value: Value::Text(value), before } => match self.get(keys) {
                Ok(None) => Found::Gone,
                Ok(Some(present)) if present == *value => self.set_back(keys, before.as_deref(), &change.splice),
                _ => Found::Changed,
            },
            Deed::Cut { parent, after, twins } => self.put_in(keys, (*parent, *after), *twins, &change.splice),
            _ => Found::Changed,
        }
    }

    /// Replaces an element by what stood there before.
    fn put_back(&mut self, way: &[usize], before: &str) -> Found {
        let Some(element) = parsed(before) else { return Found::Changed };
        let mut expected = self.document.plain();
        if let Some(content) = content_at(&mut expected, way) {
            *content = Content::Element(element);
        }
        let splice = Splice::replace(&self.document.text, self.node(way).span.clone(), before);
        self.try_texts([Some(splice.made(&self.document.text))], &expected)
    }

    /// Cuts an element, with the outermost of its parents that we made and that holds nothing else.
    fn take_out(&mut self, way: &[usize], made: &[String], splice: &Splice) -> Found {
        let first = way.len().saturating_sub(made.len());
        let is_as_made = |(depth, made): &(usize, &String)| {
            let prefix = self.tag(&way[..*depth]).and_then(Tag::prefix);
            let present = self.document.plain_element(self.node(&way[..*depth]));
            present.is_some() && present == parsed(made).map(|made| made.prefixed(prefix))
        };
        let whole = (first..).zip(made).find(is_as_made).map(|(depth, _)| depth);
        let way = &way[..whole.unwrap_or(way.len())];
        let Some((&position, above)) = way.split_last() else { return Found::Changed };
        let mut expected = self.document.plain();
        let Some(contents) = contents_at(&mut expected, above) else { return Found::Changed };
        contents.remove(position);
        // The comment that marks it goes with it.
        let is_marked = position > 0 && matches!(&contents[position - 1], Content::Comment(comment) if comment == MARK);
        if is_marked {
            contents.remove(position - 1);
        }
        let by_hand = self.cut(way, position - usize::from(is_marked)).made(&self.document.text);
        self.try_texts([splice.unmade(&self.document.text), Some(by_hand)], &expected)
    }

    /// Gives an element or an attribute its earlier text.
    fn set_back(&mut self, keys: &[&str], before: Option<&str>, splice: &Splice) -> Found {
        let mut expected = self.document.plain();
        let text = &self.document.text;
        let by_hand = if let Some((path, name)) = attribute_of(keys) {
            let Some(way) = self.find(path) else { return Found::Gone };
            let Some(tag) = self.tag(&way) else { return Found::Gone };
            let Some(element) = content_at(&mut expected, &way).and_then(Content::element_mut) else {
                return Found::Changed;
            };
            let Some(position) = tag.attributes.iter().position(|have| have.name == name) else { return Found::Gone };
            let attribute = &tag.attributes[position];
            if let Some(before) = before {
                let mark = if before.contains('"') { '\'' } else { '"' };
                let earlier = parsed(&format!("<a v={mark}{before}{mark}/>"))
                    .and_then(|element| element.attribute("v").map(str::to_owned));
                let Some(earlier) = earlier else { return Found::Changed };
                element.set_attribute(name, &earlier);
                Splice::replace(text, attribute.span.clone(), before)
            } else {
                element.remove_attribute(name);
                let from = match position.checked_sub(1) {
                    Some(last) => tag.attributes[last].span.end + 1,
                    None => self.node(&way).span.start + 1 + tag.name.len(),
                };
                Splice::replace(text, from..attribute.span.end + 1, "")
            }
        } else {
            let Some(way) = self.find(keys) else { return Found::Gone };
            let before = before.unwrap_or_default();
            let earlier = parsed(&format!("<a>{before}</a>")).map(|element| element.text());
            let (Some(earlier), Some(contents)) = (earlier, contents_at(&mut expected, &way)) else {
                return Found::Changed;
            };
            set_text(contents, &earlier);
            let Some(tag) = self.tag(&way) else { return Found::Gone };
            match (texts_of(tag).next(), tag.close) {
                (Some(node), _) => Splice::replace(text, node.span.clone(), before),
                (None, Some(close)) => Splice::replace(text, close..close, before),
                (None, None) => Splice::replace(text, tag.tail..tag.open, format!(">{before}</{}>", tag.name)),
            }
        };
        let texts = [splice.unmade(text), Some(by_hand.made(text))];
        self.try_texts(texts, &expected)
    }

    /// Puts an element that was taken out behind the same number of nodes again.
    fn put_in(&mut self, keys: &[&str], (parent, after): (usize, usize), twins: usize, splice: &Splice) -> Found {
        if self.ways(keys).len() > twins {
            return Found::Gone;
        }
        let Some((_, path)) = keys.split_last() else { return Found::Gone };
        let mut parents = self.ways(path);
        let last = parents.len().saturating_sub(1);
        if parents.is_empty() {
            return Found::Gone;
        }
        let way = parents.swap_remove(parent.min(last));
        let Some(element) = parsed(splice.old.trim_start()) else { return Found::Changed };
        let Some(tag) = self.tag(&way) else { return Found::Gone };
        let after = after.min(tag.nodes.len());
        let mut expected = self.document.plain();
        if let Some(contents) = contents_at(&mut expected, &way) {
            contents.insert(after, Content::Element(element));
        }
        let text = &self.document.text;
        let by_place = match (after.checked_sub(1), tag.close) {
            (Some(before), _) => {
                let at = tag.nodes[before].span.end;
                Splice::replace(text, at..at, splice.old.as_str())
            }
            (None, Some(_)) => Splice::replace(text, tag.open..tag.open, splice.old.as_str()),
            (None, None) => Splice::replace(text, tag.tail..tag.open, format!(">{}</{}>", splice.old, tag.name)),
        };
        let text = by_place.made(text);
        self.try_texts([Some(text)], &expected)
    }

    /// Takes the first text that reads as expected.
    fn try_texts<const N: usize>(&mut self, texts: [Option<String>; N], expected: &[Content]) -> Found {
        for text in texts.into_iter().flatten() {
            if let Ok(document) = read(text)
                && document.plain() == expected
            {
                self.document = document;
                return Found::TakenBack;
            }
        }
        Found::Changed
    }
}

/// An element from its text.
fn parsed(text: &str) -> Option<Element> {
    let document: Document = read(text.to_owned()).ok()?;
    let node = document.nodes.iter().find(|node| matches!(node.kind, Kind::Element(_)))?;
    document.plain_element(node)
}
