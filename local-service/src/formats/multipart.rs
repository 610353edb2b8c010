//! `multipart/form-data` bodies (RFC 7578), as they come: no part is ever held in memory as a whole unless its
//! reader asks for that, with a bound. (The usual parser takes in whatever has arrived, which from a client on the
//! same machine is everything.)

use bytes::{Bytes, BytesMut};
use hyper::{HeaderMap, StatusCode, header};

use crate::http::{Payload, PayloadError};

/// Longest boundary: the standard's.
const BOUNDARY: usize = 70;
/// Bytes of a part's headers, and of what stands before the first part.
const HEADERS: usize = 16 << 10;
/// Parts of one body: a Python distribution may have hundreds of requirements and classifiers, each a part.
const PARTS: usize = 10_000;

/// A body, part by part.
pub(crate) struct Multipart<'a> {
    payload: &'a mut Payload,
    buffer: BytesMut,
    /// Line break, two dashes, boundary: ends every part.
    delimiter: Vec<u8>,
    place: Place,
    parts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a part, or before the first one.
    Part,
    /// After a delimiter.
    Delimiter,
    End,
}

/// What a part's headers say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartHeaders {
    /// The form's name for it.
    pub(crate) name: String,
    /// What the client calls the file. Not to be used as a path.
    pub(crate) file_name: Option<String>,
}

/// A body that is no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    #[error("the body must be multipart/form-data with a boundary of 1 to {BOUNDARY} characters")]
    NotAForm,
    #[error("the form is malformed: {0}")]
    Malformed(&'static str),
    #[error("the part `{name}` has more than {limit} bytes")]
    TooLarge { name: String, limit: u64 },
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

impl MultipartError {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NotAForm | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Payload(error) => error.status(),
        }
    }
}

impl<'a> Multipart<'a> {
    /// The form in a request with these headers.
    pub(crate) fn new(headers: &HeaderMap, payload: &'a mut Payload) -> Result<Self, MultipartError> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(boundary).ok_or(MultipartError::NotAForm)?;
        // As if a line break stood before the first delimiter: then all are alike.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        Ok(Self { payload, buffer, delimiter, place: Place::Part, parts: 0 })
    }

    /// The next part; what is left of the one before is passed over. `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<PartHeaders>, MultipartError> {
        let mut passed = 0;
        while let Some(piece) = self.piece().await? {
            passed += piece.len();
            if self.parts == 0 && passed > HEADERS {
                return Err(MultipartError::Malformed("it does not begin with its boundary"));
            }
        }
        if self.place == Place::End {
            return Ok(None);
        }
        // After a boundary: spaces, and the end of the line or two dashes.
        while self.buffer.len() < 2 {
            self.more().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.place = Place::End;
            return Ok(None);
        }
        self.parts += 1;
        if self.parts > PARTS {
            return Err(MultipartError::Malformed("it has too many parts"));
        }
        let end = loop {
            // The line break before the headers belongs to the search: a part may have none.
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > HEADERS {
                return Err(MultipartError::Malformed("the headers of a part are too long"));
            }
            self.more().await?;
        };
        let head = self.buffer.split_to(end);
        let _ = self.buffer.split_to(4);
        self.place = Place::Part;
        headers_of(&head).map(Some)
    }

    /// The next bytes of the part; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, MultipartError> {
        loop {
            if self.place != Place::Part {
                return Ok(None);
            }
            if let Some(end) = find(&self.buffer, &self.delimiter) {
                if end > 0 {
                    return Ok(Some(self.buffer.split_to(end).freeze()));
                }
                let _ = self.buffer.split_to(self.delimiter.len());
                self.place = Place::Delimiter;
                return Ok(None);
            }
            // The end may be the beginning of a delimiter.
            let whole = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if whole > 0 {
                return Ok(Some(self.buffer.split_to(whole).freeze()));
            }
            self.more().await?;
        }
    }

    /// What is left of the part, if it is not more than this.
    pub(crate) async fn read_all(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, MultipartError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            if (whole.len() + piece.len()) as u64 > limit {
                return Err(MultipartError::TooLarge { name: name.to_owned(), limit });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    async fn more(&mut self) -> Result<(), MultipartError> {
        match self.payload.next().await? {
            Some(bytes) => {
                self.buffer.extend_from_slice(&bytes);
                Ok(())
            }
            None => Err(MultipartError::Malformed("it ends before its last boundary")),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(wanted.len())?;
    let mut at = 0;
    while at <= last {
        // Line breaks are rare in packed bytes.
        at += bytes[at..=last].iter().position(|byte| *byte == wanted[0])?;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The boundary that a content type names, quoted or not.
fn boundary(content_type: &str) -> Option<String> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let good = (1..=BOUNDARY).contains(&boundary.len()) && boundary.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    good.then_some(boundary)
}

fn headers_of(head: &[u8]) -> Result<PartHeaders, MultipartError> {
    let head =
        std::str::from_utf8(head).map_err(|_| MultipartError::Malformed("the headers of a part are not text"))?;
    let mut lines = head.split("\r\n");
    // What stands after the boundary on its line.
    if lines.next().is_some_and(|rest| !rest.trim().is_empty()) {
        return Err(MultipartError::Malformed("a boundary does not end its line"));
    }
    let disposition = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let parameters = disposition
        .and_then(|value| value.split_once(';'))
        .filter(|(kind, _)| kind.trim().eq_ignore_ascii_case("form-data"))
        .map(|(_, parameters)| parameters)
        .ok_or(MultipartError::Malformed("a part has no Content-Disposition of form-data"))?;
    let name = parameter(parameters, "name").ok_or(MultipartError::Malformed("a part has no name"))?;
    Ok(PartHeaders { name, file_name: parameter(parameters, "filename") })
}

/// A parameter of a header: `name=value` or `name="value"`, where a backslash stands before a quote that is meant.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            quoted_value(quoted)?
        } else {
            let (value, next) = after.split_once(';').unwrap_or((after, ""));
            (value.trim().to_owned(), next)
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
    None
}

fn quoted_value(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted[at + 1..].trim_start().trim_start_matches(';'))),
            // Browsers write file names of Windows with single backslashes: only a quote is ever escaped.
            '\\' if quoted[at + 1..].starts_with('"') => {
                value.push('"');
                characters.next();
            }
            character => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("multipart/form-data;boundary=\"a b\"", Some("a b")),
            ("Multipart/Form-Data; charset=utf-8; Boundary=x; y=z", Some("x")),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"", None),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=abc", None),
            ("text/plain", None),
        ] {
            assert_eq!(boundary(content_type).as_deref(), expected, "{content_type}");
        }
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }

    #[test]
    fn part_headers() {
        let read = |head: &str| headers_of(head.as_bytes()).ok().map(|part| (part.name, part.file_name));
        let part = |name: &str, file: Option<&str>| Some((name.to_owned(), file.map(ToOwned::to_owned)));
        for (head, expected) in [
            ("\r\nContent-Disposition: form-data; name=\"a\"", part("a", None)),
            (
                "\r\ncontent-disposition: form-data; name=package; filename=package.nupkg",
                part("package", Some("package.nupkg")),
            ),
            (
                "  \r\nX: y\r\nContent-Disposition: form-data; filename=\"a;b\\\"c\"; name=\"n\"",
                part("n", Some("a;b\"c")),
            ),
            ("\r\nContent-Disposition: form-data; name=\"a\"; filename=\"C:\\x\\y\"", part("a", Some("C:\\x\\y"))),
            ("x\r\nContent-Disposition: form-data; name=\"a\"", None),
            ("\r\nContent-Disposition: attachment; name=\"a\"", None),
            ("\r\nContent-Disposition: form-data; filename=\"a\"", None),
            ("\r\nContent-Type: text/plain", None),
            ("", None),
        ] {
            assert_eq!(read(head), expected, "{head:?}");
        }
        assert!(headers_of(b"\r\n\xff").is_err());
    }

    #[test]
    fn finding() {
        assert_eq!(find(b"", b"\r\n--x"), None);
        assert_eq!(find(b"\r\n--x", b"\r\n--x"), Some(0));
        assert_eq!(find(b"a\r\r\n-\r\n--x", b"\r\n--x"), Some(5));
        assert_eq!(find(b"a\r\n--", b"\r\n--x"), None);
    }
}
