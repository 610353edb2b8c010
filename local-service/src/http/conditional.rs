//! `ETag`, `If-None-Match` and `Range`.

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{self, HeaderValue},
};

use super::answer::{AnswerBody, Reply, empty};

/// The bytes of an answer that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    /// The first byte's offset, and how many.
    Part {
        offset: u64,
        length: u64,
    },
    /// No byte of the asset.
    None,
}

/// Does the client have this entity tag already? Weak comparison, as `If-None-Match` asks for.
pub(crate) fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

/// What a `Range` header asks for, of an asset of `size` bytes. One range is served; a header that asks for several,
/// or that is no byte range, is passed over, which the protocol allows.
pub(crate) fn wanted(headers: &HeaderMap, size: u64, etag: &str) -> Wanted {
    let mut ranges = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Wanted::All;
    };
    // A part of another entity than the client has the rest of is of no use to it.
    if headers.get(header::IF_RANGE).is_some_and(|known| known.as_bytes() != etag.as_bytes()) {
        return Wanted::All;
    }
    range.to_str().ok().and_then(|range| parse(range, size)).unwrap_or(Wanted::All)
}

fn parse(range: &str, size: u64) -> Option<Wanted> {
    let (first, last) = range.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |digits: &str| {
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse::<u64>().ok() } else { None }
    };
    if first.is_empty() {
        let length = number(last)?.min(size);
        return Some(if length == 0 { Wanted::None } else { Wanted::Part { offset: size - length, length } });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    let end = last.saturating_add(1).min(size);
    Some(if first >= size { Wanted::None } else { Wanted::Part { offset: first, length: end - first } })
}

/// Does the client take gzip? It is never sent unasked: some clients keep what they get as it is.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// Prepared bytes, or `304` to a client that has them.
pub(crate) fn prepared(headers: &HeaderMap, content_type: &'static str, bytes: Bytes, etag: &str) -> Reply {
    let mut reply = if has_already(headers, etag) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        let mut reply = Response::new(AnswerBody::Bytes(bytes));
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        reply
    };
    if let Ok(etag) = HeaderValue::from_str(etag) {
        reply.headers_mut().insert(header::ETAG, etag);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn ranges() {
        let part = |offset, length| Wanted::Part { offset, length };
        for (range, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-4", part(2, 3)),
            ("bytes=2-", part(2, 8)),
            ("bytes=2-99", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("bytes=10-", Wanted::None),
            ("bytes=-0", Wanted::None),
            ("bytes=4-2", Wanted::All),
            ("bytes=0-1,3-4", Wanted::All),
            ("bytes=+1-2", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=", Wanted::All),
            ("items=0-1", Wanted::All),
            ("bytes=18446744073709551616-", Wanted::All),
            ("bytes=0-18446744073709551615", part(0, 10)),
        ] {
            assert_eq!(wanted(&headers(header::RANGE, range), 10, "\"e\""), expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_entity_is_passed_over() {
        let mut asked = headers(header::RANGE, "bytes=0-1");
        asked.insert(header::IF_RANGE, HeaderValue::from_static("\"other\""));
        assert_eq!(wanted(&asked, 10, "\"e\""), Wanted::All);
        asked.insert(header::IF_RANGE, HeaderValue::from_static("\"e\""));
        assert_ne!(wanted(&asked, 10, "\"e\""), Wanted::All);
    }

    #[test]
    fn gzip_is_sent_to_those_who_ask_for_it() {
        for asked in ["gzip", "deflate, gzip;q=1.0, *;q=0.5", "br,GZIP", "gzip; q=0.5"] {
            assert!(takes_gzip(&headers(header::ACCEPT_ENCODING, asked)), "{asked}");
        }
        for other in ["identity", "br", "gzip;q=0", "gzip; q=0.000", "x-gzipped", "*", ""] {
            assert!(!takes_gzip(&headers(header::ACCEPT_ENCODING, other)), "{other}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn entity_tags_compare_weakly() {
        for known in ["\"e\"", "W/\"e\"", "\"a\", \"e\"", "*"] {
            assert!(has_already(&headers(header::IF_NONE_MATCH, known), "\"e\""), "{known}");
        }
        for unknown in ["\"a\"", "e", ""] {
            assert!(!has_already(&headers(header::IF_NONE_MATCH, unknown), "\"e\""), "{unknown}");
        }
    }
}
