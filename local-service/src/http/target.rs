//! The request target: split at slashes first, then every part decoded, exactly once.

use std::collections::BTreeMap;

use hyper::Uri;
use percent_encoding::percent_decode_str;

/// Path segments and query of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// Decoded. A segment may hold a slash that was sent as `%2F`; it never is `.` or `..`, and has no control
    /// characters. What else it may hold is for whoever takes it to say.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Query,
}

/// Query parameters by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(BTreeMap<String, String>);

/// A target that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("a part of the path or the query is not percent-encoded UTF-8")]
    Encoding,
    #[error("a part of the path is `.` or `..`, or has a control character")]
    Segment,
    #[error("the query parameter `{0}` is given twice")]
    Twice(String),
}

impl Target {
    pub(crate) fn parse(uri: &Uri) -> Result<Self, TargetError> {
        Self::of(uri.path(), uri.query())
    }

    /// Of a path and a query, as they were sent.
    pub(crate) fn of(path: &str, asked: Option<&str>) -> Result<Self, TargetError> {
        let path = path.strip_prefix('/').ok_or(TargetError::Segment)?;
        let segments = path.split('/').map(segment).collect::<Result<_, _>>()?;
        let mut query = BTreeMap::new();
        for pair in asked.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            if query.insert(name.clone(), decode(value)?).is_some() {
                return Err(TargetError::Twice(name));
            }
        }
        Ok(Self { segments, query: Query(query) })
    }

    /// The segments as text slices, for matching.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

impl Query {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn segment(raw: &str) -> Result<String, TargetError> {
    let decoded = decode(raw)?;
    if matches!(decoded.as_str(), "." | "..") || decoded.chars().any(char::is_control) {
        return Err(TargetError::Segment);
    }
    Ok(decoded)
}

/// Strict: the lenient decoder takes `%zz` as it stands, and two readers would then differ. A plus sign is itself:
/// the AWS tools write a space as `%20`, and versions have plus signs.
fn decode(raw: &str) -> Result<String, TargetError> {
    let bytes = raw.as_bytes();
    let whole = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'%' && !whole(at)) {
        return Err(TargetError::Encoding);
    }
    percent_decode_str(raw).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| TargetError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<Target, TargetError> {
        Target::parse(&uri.parse().unwrap())
    }

    #[test]
    fn the_path_is_split_before_it_is_decoded() {
        let target = parse("/npm/@scope%2fname/x%2By/").unwrap();
        assert_eq!(target.parts(), ["npm", "@scope/name", "x+y", ""]);
    }

    #[test]
    fn nothing_is_decoded_twice() {
        assert_eq!(parse("/%252e%252e").unwrap().parts(), ["%2e%2e"]);
        assert_eq!(parse("/v?a=%2525").unwrap().query.get("a"), Some("%25"));
    }

    #[test]
    fn a_plus_sign_is_itself() {
        assert_eq!(parse("/v?version=1.0+b").unwrap().query.get("version"), Some("1.0+b"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in ["/a/../b", "/a/%2e%2e/b", "/a/.", "/%2E", "/a%00b", "/a%0d%0ab", "/%7f", "/%c2%85"] {
            assert_eq!(parse(bad), Err(TargetError::Segment), "{bad}");
        }
        for bad in ["/%", "/%2", "/%zz", "/%+1", "/a%", "/%ff", "/v?a=%f0%28"] {
            assert_eq!(parse(bad), Err(TargetError::Encoding), "{bad}");
        }
        assert_eq!(parse("/v?a=1&a=2"), Err(TargetError::Twice("a".to_owned())));
    }
}
