//! The `Accept` header, which names the protocol's version.

use hyper::{HeaderMap, StatusCode, header};

const OURS: &str = "application/vnd.swift.registry";

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Zip,
    Swift,
}

impl Media {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Zip => "zip",
            Self::Swift => "swift",
        }
    }
}

/// Does the client take version 1 of the protocol, and this kind of answer? A header that does not name the protocol
/// at all leaves the choice to the server.
pub(super) fn check(headers: &HeaderMap, media: Media) -> Result<(), (StatusCode, &'static str)> {
    let mut problem = None;
    for value in headers.get_all(header::ACCEPT) {
        for item in value.to_str().unwrap_or_default().split(',') {
            let kind = item.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let Some(rest) = kind.strip_prefix(OURS) else { continue };
            match read(rest, media) {
                Ok(()) => return Ok(()),
                Err(found) => problem = problem.or(Some(found)),
            }
        }
    }
    problem.map_or(Ok(()), Err)
}

/// `[.vVERSION][+MEDIA]`.
fn read(rest: &str, media: Media) -> Result<(), (StatusCode, &'static str)> {
    let (version, wanted) = rest.split_once('+').map_or((rest, None), |(version, media)| (version, Some(media)));
    if !version.is_empty() {
        let number = version.strip_prefix(".v").and_then(|digits| digits.parse::<u32>().ok());
        match number {
            Some(1) => {}
            Some(2..) => return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported API version")),
            Some(0) | None => return Err((StatusCode::BAD_REQUEST, "invalid API version")),
        }
    }
    if wanted.is_none_or(|wanted| wanted == media.suffix()) {
        Ok(())
    } else {
        Err((StatusCode::NOT_ACCEPTABLE, "this resource is not of the accepted media type"))
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn versions_and_media_types() {
        let status = |accept: &str, media| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]);
            check(&headers, media).map_or_else(|(status, _)| status.as_u16(), |()| 200)
        };
        for (accept, expected) in [
            ("application/vnd.swift.registry.v1+json", 200),
            ("application/vnd.swift.registry+json", 200),
            ("application/vnd.swift.registry.v1", 200),
            ("application/vnd.swift.registry", 200),
            ("Application/vnd.Swift.registry.v1+JSON; q=0.5", 200),
            ("application/vnd.swift.registry.v2+json, application/vnd.swift.registry.v1+json", 200),
            ("*/*", 200),
            ("application/json", 200),
            ("application/vnd.swift.registry.v2+json", 415),
            ("application/vnd.swift.registry.v0+json", 400),
            ("application/vnd.swift.registry.vx+json", 400),
            ("application/vnd.swift.registryx", 400),
            ("application/vnd.swift.registry.v1+zip", 406),
        ] {
            assert_eq!(status(accept, Media::Json), expected, "{accept}");
        }
        assert_eq!(status("application/vnd.swift.registry.v1+zip", Media::Zip), 200);
        assert_eq!(check(&HeaderMap::new(), Media::Swift), Ok(()));
    }
}
