//! Signatures that the AWS CLI 1.45.11 (botocore 1.43.11) made, as they were sent to a listener on loopback.

use hyper::{HeaderMap, Method, Uri, header::HeaderValue};

use super::{
    ACCOUNT, Identities, Key, Millis, Principal, Zeroizing, account,
    signature::{Check, Head, Signature},
};
use crate::failure::Failure;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "FwoGZXIvYXdzEXAMPLE//token==";
/// 2026-11-22T19:15:03Z, when they were made.
const NOW: Millis = 1_795_374_903_000;

const RECORDED: [&str; 5] = [
    include_str!("fixtures/list-domains.http"),
    include_str!("fixtures/create-repository.http"),
    include_str!("fixtures/list-sub-package-groups.http"),
    include_str!("fixtures/publish-package-version.http"),
    include_str!("fixtures/get-authorization-token-of-session.http"),
];
const JSON: &str = RECORDED[1];
const PUBLISH: &str = RECORDED[3];
const OF_SESSION: &str = RECORDED[4];

struct Sent {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn sent(text: &str) -> Sent {
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, uri) = (first.next().unwrap().parse().unwrap(), first.next().unwrap().parse().unwrap());
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name: hyper::header::HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    Sent { method, uri, headers, body: body.as_bytes().to_vec() }
}

fn key(session: bool) -> Key {
    Key {
        principal: Principal::of_account(&account()).into(),
        secret: Zeroizing::new(SECRET.to_owned()),
        session_token: session.then(|| Zeroizing::new(SESSION.to_owned())),
        session_ends: None,
    }
}

fn verify_with(sent: &Sent, key: &Key, now: Millis) -> Result<(), Failure> {
    let head = Head { method: &sent.method, uri: &sent.uri, headers: &sent.headers };
    let signature = Signature::of(head)?;
    let check = Check::new(head, &signature, key, now)?;
    if sent.uri.path().ends_with("/publish") { check.with_announced_digest() } else { check.with_body(&sent.body) }
}

fn verify(text: &str) -> Result<(), Failure> {
    verify_with(&sent(text), &key(text.contains("Security-Token")), NOW)
}

#[track_caller]
fn refused(outcome: Result<(), Failure>, words: &str) {
    let failure = outcome.unwrap_err();
    assert!(matches!(failure, Failure::AccessDenied { .. }), "{failure:?}");
    assert!(failure.to_string().contains(words), "`{failure}` does not say `{words}`");
}

#[test]
fn real_signatures_are_verified() {
    for text in RECORDED {
        assert_eq!(verify(text), Ok(()), "{text}");
    }
}

#[test]
fn whatever_was_signed_cannot_be_changed() {
    for (from, to, words) in [
        ("POST /v1/repository", "PUT /v1/repository", "does not match"),
        ("/v1/repository?", "/v1/repositor%79?", "does not match"),
        ("repository=team", "repository=tear", "does not match"),
        ("&repository=team", "", "does not match"),
        ("127.0.0.1:57647", "127.0.0.1:57648", "does not match"),
        ("application/json", "application/jso", "does not match"),
        ("\"shared\"", "\"shaped\"", "does not match"),
        ("20261122T191502Z", "20261122T191503Z", "does not match"),
        ("Signature=6", "Signature=7", "does not match"),
        ("eu-west-1/", "eu-west-2/", "does not match"),
        ("20261122/eu", "20261121/eu", "of another day"),
        ("Content-Type: application/json\n", "", "was not sent"),
        ("content-type;host;", "host;content-type;", "sorted"),
        ("content-type;host;", "content-type;", "`host`"),
        ("Accept-Encoding", "X-Amz-Meta", "`x-amz-meta` was sent and not signed"),
        ("X-Amz-Date: ", "Date: ", "no `x-amz-date`"),
        ("T191502Z", "T191502", "YYYYMMDDTHHMMSSZ"),
        ("T191502Z", "T251502Z", "YYYYMMDDTHHMMSSZ"),
        ("Accept-Encoding: identity", "X-Amz-Content-Sha256: 00", "sent and not signed"),
        ("/v1/repository?", "/v1/repository?X-Amz-Signature=00&", "presigned"),
        ("/v1/repository?", "/v1/repository?x-amz-algorithm=a&", "presigned"),
    ] {
        let changed = JSON.replacen(from, to, 1);
        assert_ne!(changed, JSON, "{from}");
        refused(verify(&changed), words);
    }
    let mut other = key(false);
    other.secret = Zeroizing::new(SECRET.to_lowercase());
    refused(verify_with(&sent(JSON), &other, NOW), "another secret key");
}

#[test]
fn an_order_of_parameters_or_unsigned_headers_mean_nothing() {
    for (from, to) in [
        ("domain=acme&domain-owner=111122223333", "domain-owner=111122223333&domain=acme"),
        ("Accept-Encoding: identity", "Accept-Encoding: gzip"),
        ("content-type;host;x-amz-date, ", "content-type;host;x-amz-date,"),
        ("repository=team", "repository=te%61m"),
    ] {
        let changed = JSON.replacen(from, to, 1);
        assert_ne!(changed, JSON, "{from}");
        assert_eq!(verify(&changed), Ok(()), "{from}");
    }
}

#[test]
fn clocks_may_be_five_minutes_apart() {
    let sent = sent(JSON);
    let made = NOW - 1_000;
    for now in [made, made - 300_000, made + 300_000] {
        assert_eq!(verify_with(&sent, &key(false), now), Ok(()), "{now}");
    }
    refused(verify_with(&sent, &key(false), made + 301_000), "signed 301 seconds ago");
    refused(verify_with(&sent, &key(false), made - 301_000), "signed 301 seconds ahead");
}

#[test]
fn an_announced_digest_is_what_was_signed() {
    let other = PUBLISH.replace("x-amz-content-sha256: 04", "x-amz-content-sha256: 05");
    refused(verify(&other), "does not match");
    let none = PUBLISH.replace("x-amz-content-sha256: 04", "x-amz-content-md5: 04");
    refused(verify(&none), "sent and not signed");
    let word = PUBLISH.replace("04e9c0db87e7eebbf8123dae64d169c85540d588a38b4f9f3fbc255c7c6c65a9", "UNSIGNED-PAYLOAD");
    refused(verify(&word), "must be the SHA-256");
    // Where the body is at hand it is compared, whatever was signed.
    let mut json = sent(PUBLISH);
    json.uri = json.uri.to_string().replace("/publish", "/other").parse().unwrap();
    json.body = b"gold".to_vec();
    refused(verify_with(&json, &key(false), NOW), "is not the SHA-256 of the request's body");
}

#[test]
fn temporary_keys_come_with_their_token() {
    let sent = sent(OF_SESSION);
    refused(verify_with(&sent, &key(false), NOW), "has no session token");
    let mut other = key(true);
    other.session_token = Some(Zeroizing::new(SESSION.replace("token", "tokem")));
    refused(verify_with(&sent, &other, NOW), "not the one of this access key");
    let mut without = sent;
    without.headers.remove("x-amz-security-token");
    refused(verify_with(&without, &key(true), NOW), "needs its session token");
}

#[test]
fn what_is_not_signed_for_this_service_is_denied() {
    let signature = "0a".repeat(32);
    let header = |scope: &str| {
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={signature}")
    };
    let read = |values: &[&str]| {
        let mut sent = sent(JSON);
        sent.headers.remove("authorization");
        for value in values {
            sent.headers.append("authorization", HeaderValue::from_str(value).unwrap());
        }
        Signature::of(Head { method: &sent.method, uri: &sent.uri, headers: &sent.headers })
    };
    let good = header("AKIDEXAMPLE/20260101/eu-central-1/codeartifact/aws4_request");
    let found = read(&[&good]).unwrap();
    assert_eq!((found.key_id.as_str(), found.region.as_str()), ("AKIDEXAMPLE", "eu-central-1"));
    assert!(read(&[]).is_err());
    assert!(read(&[&good, &good]).is_err());
    let unsigned = good.split(", Signature").next().unwrap().to_owned();
    for bad in [
        String::new(),
        "Bearer x".to_owned(),
        "Basic YTpi".to_owned(),
        "AWS4-HMAC-SHA256 ".to_owned(),
        unsigned,
        format!("{good}, Signature={signature}"),
        header("AKID/20260101/eu-west-1/s3/aws4_request"),
        header("AKID/2026-1-1/eu-west-1/codeartifact/aws4_request"),
        header("AKID/20260101/eu-west-1/codeartifact"),
        header("AKID/20260101/eu-west-1/codeartifact/aws4_request/more"),
        header("/20260101/eu-west-1/codeartifact/aws4_request"),
        header("AK ID/20260101/eu-west-1/codeartifact/aws4_request"),
    ] {
        assert!(matches!(read(&[&bad]), Err(Failure::AccessDenied { .. })), "{bad}");
    }
}

#[test]
fn a_token_stands_for_somebody_who_is_known() {
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let open = Identities::default();
    assert!(open.principal(&root).is_some_and(|principal| principal.assumed));
    assert!(open.principal("arn:aws:iam::444455556666:root").is_none());
    let strict = Identities { strict: true, ..Identities::default() };
    assert!(strict.principal(&root).is_none());
}
