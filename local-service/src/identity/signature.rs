//! AWS Signature Version 4: the form of the header, and its verification.
//!
//! What is signed: method, path, query, the headers named in `SignedHeaders` and the digest of the body. Demanded here
//! as there: `host` and all `x-amz-*` headers that were sent are among the signed, the request was signed less than
//! five minutes from now, the digest of the body is the header `x-amz-content-sha256` where that was sent. Signatures
//! in the query ("presigned" requests) are refused: the service's clients make none.

use hmac::{Hmac, Mac};
use hyper::{HeaderMap, Method, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;
use time::{Date, Month, PrimitiveDateTime, Time};
use zeroize::Zeroizing;

use super::Key;
use crate::{assets::Digest, failure::Failure, state::Millis};

/// Milliseconds between the signing of a request and its arrival, either way.
const SKEW: Millis = 5 * 60 * 1000;
const DATE: &str = "x-amz-date";
const CONTENT: &str = "x-amz-content-sha256";
const SESSION: &str = "x-amz-security-token";

/// RFC 3986's unreserved characters stay.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// In a path the slashes, too.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// What of a request is signed, beside its body.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    headers: Vec<String>,
    digits: String,
}

/// Everything of a verification but the digest of the body.
pub(super) struct Check {
    /// The canonical request up to that digest.
    canonical: String,
    /// What is signed, up to the digest of the canonical request.
    string_to_sign: String,
    key: Hmac<Sha256>,
    signature: Vec<u8>,
    announced: Option<String>,
}

impl Signature {
    /// Reads `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/codeartifact/aws4_request, SignedHeaders=…, Signature=…`.
    ///
    /// A page in a browser cannot send it without a request that browsers ask permission for first, and an ordinary
    /// program not without meaning to.
    pub(super) fn of(head: Head<'_>) -> Result<Self, Failure> {
        let presigned = ["x-amz-signature", "x-amz-algorithm", "x-amz-credential"];
        let names = head.uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or(pair));
        if names.into_iter().any(|name| presigned.contains(&name.to_ascii_lowercase().as_str())) {
            return Err(Failure::denied("presigned requests are not accepted: sign with the Authorization header"));
        }
        let mut given = head.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(Failure::denied("Missing Authentication Token"));
        };
        Self::parse(value.as_bytes())
    }

    fn parse(value: &[u8]) -> Result<Self, Failure> {
        let unsigned =
            || Failure::denied("Missing Authentication Token: the request is not signed with AWS Signature Version 4");
        let text = std::str::from_utf8(value).map_err(|_| unsigned())?;
        let members = text.trim().strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(unsigned)?;
        let (mut scope, mut headers, mut signature) = (None, None, None);
        for member in members.split(',') {
            let known = match member.trim().split_once('=') {
                Some(("Credential", value)) => scope.replace(value),
                Some(("SignedHeaders", value)) => headers.replace(value),
                Some(("Signature", value)) => signature.replace(value),
                _ => return Err(unsigned()),
            };
            if known.is_some() {
                return Err(unsigned());
            }
        }
        let hexadecimal = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (Some(scope), Some(headers), Some(signature)) =
            (scope, headers.filter(|headers| !headers.is_empty()), signature.filter(hexadecimal))
        else {
            return Err(unsigned());
        };
        let parts: Vec<&str> = scope.split('/').collect();
        let [key, date, region, service, terminator] = parts.as_slice() else { return Err(unsigned()) };
        let key_holds =
            (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let date_holds = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        if !key_holds || !date_holds || *terminator != "aws4_request" {
            return Err(Failure::denied(
                "the credential scope of the signature is not KEY/DATE/REGION/SERVICE/aws4_request",
            ));
        }
        if *service != "codeartifact" {
            return Err(Failure::denied("the request is signed for another service than codeartifact"));
        }
        Ok(Self {
            key_id: (*key).to_owned(),
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            headers: headers.split(';').map(str::to_owned).collect(),
            digits: signature.to_owned(),
        })
    }
}

impl Check {
    /// Looks at everything but the body.
    pub(super) fn new(head: Head<'_>, signature: &Signature, key: &Key, now: Millis) -> Result<Self, Failure> {
        let headers = head.headers;
        let signed_at = once(headers, DATE)?
            .ok_or_else(|| Failure::denied(format!("the request has no `{DATE}` header: when was it signed?")))?;
        check_date(&signed_at, &signature.date, now)?;
        check_session(headers, key)?;
        let canonical = canonical(head, &signature.headers)?;
        let scope = format!("{}/{}/codeartifact/aws4_request", signature.date, signature.region);
        Ok(Self {
            canonical,
            string_to_sign: format!("AWS4-HMAC-SHA256\n{signed_at}\n{scope}\n"),
            key: signing_key(&key.secret, &signature.date, &signature.region),
            signature: bytes_of(&signature.digits).unwrap_or_default(),
            announced: once(headers, CONTENT)?,
        })
    }

    /// Verifies for a body that is there.
    pub(super) fn with_body(self, body: &[u8]) -> Result<(), Failure> {
        let digest = Digest::of(body).to_string();
        if self.announced.as_ref().is_some_and(|announced| *announced != digest) {
            return Err(Failure::denied(format!("the header `{CONTENT}` is not the SHA-256 of the request's body")));
        }
        self.verify(&digest)
    }

    /// Verifies for the digest that the request announces, whatever the body turns out to be.
    pub(super) fn with_announced_digest(self) -> Result<(), Failure> {
        let announced = self.announced.clone().unwrap_or_default();
        let digest = announced.len() == 64 && announced.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !digest {
            return Err(Failure::denied(format!("the header `{CONTENT}` must be the SHA-256 of the body, and signed")));
        }
        self.verify(&announced)
    }

    fn verify(self, digest: &str) -> Result<(), Failure> {
        let Self { canonical, string_to_sign, mut key, signature, .. } = self;
        key.update(string_to_sign.as_bytes());
        key.update(Digest::of(format!("{canonical}{digest}").as_bytes()).to_string().as_bytes());
        // In constant time.
        key.verify_slice(&signature).map_err(|_| {
            Failure::denied(
                "the signature does not match the request: another secret key, or something changed what was signed",
            )
        })
    }
}

/// A header that is sent at most once, as text.
fn once(headers: &HeaderMap, name: &str) -> Result<Option<String>, Failure> {
    let wrong = || Failure::denied(format!("the header `{name}` is not one line of text"));
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.trim().to_owned())).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// `YYYYMMDDTHHMMSSZ`, of the day of the credential scope, and near enough.
fn check_date(signed_at: &str, day: &str, now: Millis) -> Result<(), Failure> {
    let time = basic_time(signed_at)
        .ok_or_else(|| Failure::denied(format!("the header `{DATE}` is not of the form YYYYMMDDTHHMMSSZ")))?;
    if signed_at.get(..8) != Some(day) {
        return Err(Failure::denied(format!("the header `{DATE}` is of another day than the credential scope")));
    }
    let off = time.abs_diff(now);
    if off > SKEW {
        let direction = if time < now { "ago" } else { "ahead" };
        return Err(Failure::denied(format!(
            "the request was signed {} seconds {direction} by this service's clock, 300 are allowed: set the clock of \
             the client's machine",
            off / 1000
        )));
    }
    Ok(())
}

fn basic_time(text: &str) -> Option<Millis> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<u16> {
        let digits = text.get(range)?;
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let small = |range| number(range).and_then(|number| u8::try_from(number).ok());
    let month = Month::try_from(small(4..6)?).ok()?;
    let date = Date::from_calendar_date(number(0..4)?.into(), month, small(6..8)?).ok()?;
    let time = Time::from_hms(small(9..11)?, small(11..13)?, small(13..15)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    u64::try_from(seconds).ok().map(|seconds| seconds * 1000)
}

fn check_session(headers: &HeaderMap, key: &Key) -> Result<(), Failure> {
    let given = once(headers, SESSION)?.map(Zeroizing::new);
    match (&key.session_token, given) {
        (None, None) => Ok(()),
        (Some(expected), Some(given)) if same(expected.as_bytes(), given.as_bytes()) => Ok(()),
        (Some(_), Some(_)) => Err(Failure::denied("the session token is not the one of this access key")),
        (Some(_), None) => Err(Failure::denied(format!("this access key needs its session token in `{SESSION}`"))),
        (None, Some(_)) => Err(Failure::denied("this access key has no session token, and one was sent")),
    }
}

/// Takes the same time for any two: both are digested under one key, and digests are compared in constant time.
fn same(one: &[u8], other: &[u8]) -> bool {
    let digest =
        |bytes: &[u8]| Hmac::<Sha256>::new_from_slice(b"session").expect("any key length serves").chain_update(bytes);
    digest(one).verify_slice(&digest(other).finalize().into_bytes()).is_ok()
}

/// Method, path, query, headers and their names, each on its line; the digest of the body follows.
fn canonical(request: Head<'_>, names: &[String]) -> Result<String, Failure> {
    let lowercase = names.iter().all(|name| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase()));
    if !lowercase || !names.is_sorted() || !names.iter().any(|name| name == "host") {
        return Err(Failure::denied("`SignedHeaders` must be lowercase, sorted, and have `host` in it"));
    }
    let unsigned = request
        .headers
        .keys()
        .find(|name| name.as_str().starts_with("x-amz-") && !names.iter().any(|signed| signed == name.as_str()));
    if let Some(unsigned) = unsigned {
        return Err(Failure::denied(format!("the header `{unsigned}` was sent and not signed")));
    }
    let mut canonical =
        format!("{}\n{}\n{}\n", request.method, canonical_path(request.uri), canonical_query(request.uri)?);
    for name in names {
        let mut values = Vec::new();
        for value in request.headers.get_all(name.as_str()) {
            let text = value.to_str().map_err(|_| Failure::denied(format!("the header `{name}` is not text")))?;
            values.push(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        }
        if values.is_empty() {
            return Err(Failure::denied(format!("the header `{name}` is signed and was not sent")));
        }
        canonical.extend([name.as_str(), ":", &values.join(","), "\n"]);
    }
    canonical.extend(["\n", &names.join(";"), "\n"]);
    Ok(canonical)
}

/// Encoded once more than it was sent, as for every service but one.
fn canonical_path(uri: &Uri) -> String {
    utf8_percent_encode(uri.path(), PATH).to_string()
}

/// Pairs sorted by name and value, each encoded once.
fn canonical_query(uri: &Uri) -> Result<String, Failure> {
    let encoded = |text: &str| -> Result<String, Failure> {
        let decoded = percent_decode_str(text).decode_utf8();
        let decoded = decoded.map_err(|_| Failure::denied("the query is not percent-encoded UTF-8"))?;
        Ok(utf8_percent_encode(&decoded, UNRESERVED).to_string())
    };
    let mut pairs = Vec::new();
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((encoded(name)?, encoded(value)?));
    }
    pairs.sort();
    Ok(pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

fn signing_key(secret: &str, day: &str, region: &str) -> Hmac<Sha256> {
    let mac = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("any key length serves");
    let start = Zeroizing::new(format!("AWS4{secret}"));
    let mut key = mac(start.as_bytes());
    for part in [day, region, "codeartifact", "aws4_request"] {
        key.update(part.as_bytes());
        key = mac(&key.finalize().into_bytes());
    }
    key
}

/// Hexadecimal digits, in pairs.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}
