//! XML as POMs and `maven-metadata.xml` use it: elements and text. Attributes, processing instructions and document
//! types are passed over, so that no entity is ever defined; depth and text are bounded, the size by who reads.

use std::borrow::Cow;

use quick_xml::{Reader, events::Event};

/// Elements inside one another.
const DEPTH: usize = 64;
/// Bytes of text in one element.
const TEXT: usize = 64 << 10;

/// Not XML that is read here.
#[derive(Debug, thiserror::Error)]
pub(super) enum XmlError {
    #[error("it is not well-formed XML: {0}")]
    Form(#[from] quick_xml::Error),
    #[error("it is not UTF-8")]
    Encoding(#[from] quick_xml::encoding::EncodingError),
    #[error("its elements are more than {DEPTH} deep")]
    Depth,
    #[error("an element has more than {TEXT} bytes of text")]
    Text,
    #[error("it ends inside an element")]
    End,
}

/// What a walk comes past.
pub(super) enum Step<'a> {
    Open,
    /// With the element's own text, without the white space around it.
    Close(&'a str),
}

/// Walks through all elements. The path has the names from the root to the element.
pub(super) fn walk(bytes: &[u8], mut visit: impl FnMut(&[&str], &Step<'_>)) -> Result<(), XmlError> {
    let text = decoded(bytes);
    let mut reader = Reader::from_str(&text);
    let mut open: Vec<(String, String)> = Vec::new();
    loop {
        match reader.read_event()? {
            Event::Start(element) => {
                begin(&mut open, element.local_name().as_ref(), &mut visit)?;
            }
            Event::Empty(element) => {
                begin(&mut open, element.local_name().as_ref(), &mut visit)?;
                end(&mut open, &mut visit);
            }
            Event::End(_) => end(&mut open, &mut visit),
            Event::Text(piece) => add(&mut open, &piece.decode()?)?,
            Event::CData(piece) => add(&mut open, &piece.decode()?)?,
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref()? {
                    Some(character) => Some(character),
                    None => predefined(&reference.decode()?),
                };
                // Maven knows HTML's names of accented letters, too; without them a text is only less pretty.
                if let Some(character) = character {
                    add(&mut open, character.encode_utf8(&mut [0; 4]))?;
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof if open.is_empty() => return Ok(()),
            Event::Eof => return Err(XmlError::End),
        }
    }
}

/// Old POMs are in Latin-1, whether they say so or not; what is not UTF-8 is read as that.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

fn begin(
    open: &mut Vec<(String, String)>,
    name: &[u8],
    visit: &mut impl FnMut(&[&str], &Step<'_>),
) -> Result<(), XmlError> {
    if open.len() == DEPTH {
        return Err(XmlError::Depth);
    }
    open.push((String::from_utf8_lossy(name).into_owned(), String::new()));
    visit(&path(open), &Step::Open);
    Ok(())
}

fn end(open: &mut Vec<(String, String)>, visit: &mut impl FnMut(&[&str], &Step<'_>)) {
    // The reader itself refuses an end without a beginning.
    if let Some((_, text)) = open.last() {
        visit(&path(open), &Step::Close(text.trim()));
    }
    open.pop();
}

fn path(open: &[(String, String)]) -> Vec<&str> {
    open.iter().map(|(name, _)| name.as_str()).collect()
}

fn add(open: &mut [(String, String)], piece: &str) -> Result<(), XmlError> {
    let Some((_, text)) = open.last_mut() else { return Ok(()) };
    if text.len() + piece.len() > TEXT {
        return Err(XmlError::Text);
    }
    text.push_str(piece);
    Ok(())
}

fn predefined(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// Text as it stands between tags.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    quick_xml::escape::escape(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(xml: &[u8]) -> Result<Vec<(String, String)>, XmlError> {
        let mut texts = Vec::new();
        walk(xml, |path, step| {
            if let Step::Close(text) = step
                && !text.is_empty()
            {
                texts.push((path.join("/"), (*text).to_owned()));
            }
        })?;
        Ok(texts)
    }

    #[test]
    fn elements_and_their_text() {
        let xml = b"\xef\xbb\xbf<?xml version='1.0'?><!-- c --><a x='1'> <b>1 &lt; 2 &#65;<![CDATA[<&>]]></b><c/><p:d>t</p:d></a>";
        let pair = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        assert_eq!(texts(xml).unwrap(), [pair("a/b", "1 < 2 A<&>"), pair("a/d", "t")]);
        assert_eq!(texts(b"<a>caf\xe9</a>").unwrap(), [pair("a", "caf\u{e9}")]);
    }

    #[test]
    fn no_entity_is_expanded() {
        let bomb =
            b"<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;\"><!ENTITY f SYSTEM \"file:///f\">]>\
            <a>1&y;&f;2&eacute;</a>";
        assert_eq!(texts(bomb).unwrap(), [("a".to_owned(), "12".to_owned())]);
    }

    #[test]
    fn what_is_too_deep_too_long_or_broken_is_refused() {
        assert!(matches!(texts("<a>".repeat(100_000).as_bytes()), Err(XmlError::Depth)));
        assert!(matches!(texts(format!("<a>{}</a>", "x".repeat(TEXT + 1)).as_bytes()), Err(XmlError::Text)));
        for broken in ["<a>", "<a></b>", "</a>", "<a", "<a>&#xfffffff;</a>"] {
            assert!(texts(broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(texts(b"").unwrap().is_empty());
        assert!(texts(b"\0\xff\xfe").unwrap().is_empty());
    }
}
