//! What `npm publish` sends: one JSON document with the tarball in it, in base64. The document is kept, up to a bound;
//! the tarball is taken out and decoded as it comes, so that no tarball is ever in memory as a whole.

use std::ops::Range;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::http::PayloadError;

/// Why a body is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("the attachment is not base64")]
    Base64,
    #[error(
        "a version has one attachment, its tarball: attestations are not kept, publish without them (npm's \
         `--no-provenance`)"
    )]
    Second,
    #[error("the body is not one whole JSON document")]
    Json,
}

/// Reads a body piece by piece.
pub(super) struct Body {
    /// All but the attachment's data.
    document: Vec<u8>,
    limit: usize,
    place: Place,
    attachment: Attachment,
    reading: Reading,
}

/// Where in the document it is.
#[derive(Default)]
struct Place {
    /// Of open objects and arrays.
    depth: usize,
    /// What is at the first three depths is an object.
    objects: [bool; 3],
    /// The last member's name at the first three depths, as the document spells it.
    names: [Range<usize>; 3],
    /// The last string that ended.
    text: Range<usize>,
    /// A member's value comes next.
    value: bool,
}

#[derive(Default)]
struct Attachment {
    name: Option<String>,
    /// Base64 that is not decoded yet: less than four digits.
    digits: Vec<u8>,
    padded: bool,
}

enum Reading {
    Structure,
    Text { begin: usize, escaped: bool },
    Data { escaped: bool },
}

impl Body {
    pub(super) fn new(limit: usize) -> Self {
        let (place, attachment) = (Place::default(), Attachment::default());
        Self { document: Vec::new(), limit, place, attachment, reading: Reading::Structure }
    }

    /// Takes the next piece; gives what of the tarball was in it.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, BodyError> {
        let mut decoded = Vec::new();
        let mut rest = piece;
        while let Some(byte) = rest.first().copied() {
            if let Reading::Data { escaped: false } = self.reading {
                let run = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
                self.attachment.take(&rest[..run], &mut decoded)?;
                rest = &rest[run..];
                if rest.first() == Some(&b'\\') {
                    self.reading = Reading::Data { escaped: true };
                    rest = &rest[1..];
                } else if !rest.is_empty() {
                    self.attachment.end()?;
                    self.document.push(b'"');
                    self.reading = Reading::Structure;
                    rest = &rest[1..];
                }
                continue;
            }
            if let Reading::Text { escaped: false, .. } = self.reading {
                let run = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
                if run > 0 {
                    self.keep(&rest[..run])?;
                    rest = &rest[run..];
                    continue;
                }
            }
            rest = &rest[1..];
            if let Reading::Data { .. } = self.reading {
                // Base64 has one character that JSON may escape.
                if byte != b'/' {
                    return Err(BodyError::Base64);
                }
                self.attachment.take(b"/", &mut decoded)?;
                self.reading = Reading::Data { escaped: false };
                continue;
            }
            self.keep(&[byte])?;
            self.step(byte)?;
        }
        Ok(decoded)
    }

    /// The document, and the name of the attachment if there was one.
    pub(super) fn end(self) -> Result<(Vec<u8>, Option<String>), BodyError> {
        match self.reading {
            Reading::Structure => Ok((self.document, self.attachment.name)),
            Reading::Text { .. } | Reading::Data { .. } => Err(BodyError::Json),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        if self.document.len() + bytes.len() > self.limit {
            return Err(PayloadError::TooLarge { limit: self.limit as u64 }.into());
        }
        self.document.extend_from_slice(bytes);
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), BodyError> {
        let end = self.document.len();
        if let Reading::Text { begin, escaped } = self.reading {
            self.reading = match byte {
                b'"' if !escaped => {
                    self.place.text = begin..end - 1;
                    Reading::Structure
                }
                _ => Reading::Text { begin, escaped: byte == b'\\' && !escaped },
            };
            return Ok(());
        }
        let place = &mut self.place;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(()),
            b':' => {
                if let Some(name) = place.depth.checked_sub(1).and_then(|at| place.names.get_mut(at)) {
                    *name = place.text.clone();
                }
                place.value = true;
                return Ok(());
            }
            b'{' | b'[' => {
                if let Some(object) = place.objects.get_mut(place.depth) {
                    *object = byte == b'{';
                }
                place.depth += 1;
            }
            b'}' | b']' => place.depth = place.depth.checked_sub(1).ok_or(BodyError::Json)?,
            b'"' if self.at_data() => {
                let name = String::from_utf8_lossy(&self.document[self.place.names[1].clone()]).into_owned();
                if self.attachment.name.replace(name).is_some() {
                    return Err(BodyError::Second);
                }
                self.reading = Reading::Data { escaped: false };
            }
            b'"' => self.reading = Reading::Text { begin: end, escaped: false },
            _ => {}
        }
        self.place.value = false;
        Ok(())
    }

    /// `_attachments` / any name / `data`. A name that is spelled with escapes is not seen here; its data then is a
    /// part of the document, and of no use.
    fn at_data(&self) -> bool {
        let Place { depth, objects, names, value, .. } = &self.place;
        let spelled = |at: usize| &self.document[names[at].clone()];
        *value
            && *depth == 3
            && objects.iter().all(|object| *object)
            && spelled(0) == b"_attachments"
            && spelled(2) == b"data"
    }
}

impl Attachment {
    fn take(&mut self, digits: &[u8], decoded: &mut Vec<u8>) -> Result<(), BodyError> {
        if digits.is_empty() {
            return Ok(());
        }
        if self.padded {
            return Err(BodyError::Base64);
        }
        self.digits.extend_from_slice(digits);
        let whole = self.digits.len() / 4 * 4;
        self.padded = self.digits[..whole].last() == Some(&b'=');
        STANDARD.decode_vec(&self.digits[..whole], decoded).map_err(|_| BodyError::Base64)?;
        self.digits.drain(..whole);
        Ok(())
    }

    fn end(&self) -> Result<(), BodyError> {
        if self.digits.is_empty() { Ok(()) } else { Err(BodyError::Base64) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = (Vec<u8>, Vec<u8>, Option<String>);

    fn read_in(text: &[u8], piece: usize) -> Result<Read, BodyError> {
        let mut body = Body::new(1 << 20);
        let mut data = Vec::new();
        for piece in text.chunks(piece) {
            data.extend(body.push(piece)?);
        }
        let (document, name) = body.end()?;
        Ok((document, data, name))
    }

    fn read(text: &str) -> Result<Read, BodyError> {
        read_in(text.as_bytes(), 7)
    }

    #[test]
    fn the_tarball_is_taken_out() {
        let text = r#"{"name":"a\"b","_attachments" : {"a-1.tgz": {"length":3, "data":"YWJj","x":[{"data":"no"}]}},
            "versions":{"_attachments":{"data":"stays"}}}"#;
        for piece in 1..20 {
            let (document, data, name) = read_in(text.as_bytes(), piece).unwrap();
            assert_eq!(data, b"abc");
            assert_eq!(name.as_deref(), Some("a-1.tgz"));
            assert_eq!(String::from_utf8(document).unwrap(), text.replace("YWJj", ""));
        }
    }

    #[test]
    fn escapes_padding_and_nothing() {
        let body = |data: &str| format!(r#"{{"_attachments":{{"a":{{"data":"{data}"}}}}}}"#);
        assert_eq!(read(&body(r"\/\/\/\/")).unwrap().1, [0xff, 0xff, 0xff]);
        assert_eq!(read(&body("YQ==")).unwrap().1, b"a");
        assert_eq!(read(&body("")).unwrap(), (body("").into_bytes(), Vec::new(), Some("a".to_owned())));
        for bad in ["YQ", "YQ=", "YQ==YQ==", "Y Q=", "Y\\u0051==", "====", "é"] {
            assert_eq!(read(&body(bad)), Err(BodyError::Base64), "{bad}");
        }
    }

    #[test]
    fn a_second_attachment_is_refused() {
        let two = r#"{"_attachments":{"a.tgz":{"data":"YWJj"},"a.sigstore":{"data":"e30="}}}"#;
        assert_eq!(read(two), Err(BodyError::Second));
        let twice = r#"{"_attachments":{"a":{"data":"YWJj"}},"_attachments":{"a":{"data":"YWJj"}}}"#;
        assert_eq!(read(twice), Err(BodyError::Second));
    }

    #[test]
    fn data_elsewhere_is_not_the_tarball() {
        for text in [
            r#"[{"_attachments":{"a":{"data":"YWJj"}}}]"#,
            r#"{"_attachments":[{"data":"YWJj"}]}"#,
            r#"{"_attachments":{"data":"YWJj"}}"#,
            r#"{"_attachments":{"a":{"b":{"data":"YWJj"}}}}"#,
            r#"{"_attachments":{"a":["data","YWJj"]}}"#,
            r#"{"\u005fattachments":{"a":{"data":"YWJj"}}}"#,
            r#"{"x":{"_attachments":{"data":"YWJj"}}}"#,
        ] {
            assert_eq!(read(text).unwrap(), (text.as_bytes().to_vec(), Vec::new(), None), "{text}");
        }
    }

    #[test]
    fn a_document_is_bounded_and_whole() {
        let mut body = Body::new(16);
        let pushed = body.push(br#"{"_attachments":{"a":{"data":""#);
        assert_eq!(pushed, Err(PayloadError::TooLarge { limit: 16 }.into()));
        for cut in [r#"{"a"#, r#"{"_attachments":{"a":{"data":"YW"#, "}", r#"{"a":"\"#] {
            assert_eq!(read(cut).unwrap_err(), BodyError::Json, "{cut}");
        }
        let deep = "[".repeat(100_000);
        assert!(read(&deep).is_ok(), "whoever parses it refuses it");
    }

    proptest! {
        /// However a body is cut, and whatever it holds, the same comes out.
        #[test]
        fn pieces_make_no_difference(content in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..50) {
            let data = STANDARD.encode(&content);
            let text = serde_json::json!({ "_attachments": { "a.tgz": { "data": data } }, "z": "\\\"" }).to_string();
            let (_, decoded, _) = read_in(text.as_bytes(), piece).unwrap();
            prop_assert_eq!(decoded, content);
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..50) {
            drop(read_in(&bytes, piece));
        }
    }
}
