//! What an npm client sends beside a tarball, or in place of one: nothing of it becomes a version, and no secret in it is
//! kept anywhere.

use codeartifact::Host;
use local_service::{Clock, Options};
use serde_json::json;

use crate::{
    child,
    client::{Answer, Service},
    formats::{Format, Release, npm_document},
};

const CANARY: &str = "canary-6f0a1c-of-an-identity-token";

fn ask(service: &Service, token: &str, method: &str, path: &str, body: &[u8]) -> Answer {
    let authorization = format!("Bearer {token}");
    service.send(method, &format!("/d/acme-111122223333/npm/team/{path}"), &[("Authorization", &authorization)], body)
}

/// In a CI job npm offers an identity token to whatever registry is configured.
#[test]
fn an_offered_identity_token_is_not_found_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::of(Options::durable(folder.path(), Clock::of(Host::of_process())));
    service.furnish();
    let token = service.token();
    let body = json!({ "oidcToken": CANARY, "token": CANARY }).to_string();
    for path in [
        "-/npm/v1/oidc/token/exchange/package/left",
        "-/npm/v1/oidc/token/exchange/package/@acme%2fleft",
        "-/npm/v1/tokens",
        "-/package/left/access",
    ] {
        for method in ["POST", "PUT"] {
            let answer = ask(&service, &token, method, path, body.as_bytes());
            assert!(matches!(answer.status, 404 | 405), "{method} {path}: {}", answer.status);
            assert!(!answer.text().contains(CANARY), "{method} {path}: {}", answer.text());
        }
        // As the client sends it: the identity token is the credential.
        let answer = ask(&service, CANARY, "POST", path, b"{}");
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.text().contains(CANARY));
    }
    for path in ["-/package/left/visibility", "-/package/@acme%2fleft/visibility"] {
        assert_eq!(ask(&service, &token, "GET", path, b"").status, 404, "{path}");
    }
    let counters = service.send("GET", "/_local/counters", &[], b"").text();
    assert!(!counters.contains(CANARY), "{counters}");
    service.local.stop();
    for file in child::files(folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "{}", file.display());
    }
}

/// An attestation beside the tarball, before or after it, is refused with words: it is not mistaken for the tarball, and
/// not dropped in silence.
#[test]
fn an_attestation_is_refused_and_said_so() {
    let service = Service::furnished();
    let token = service.token();
    let tarball = json!({ "content_type": "application/octet-stream", "data": "Y29udGVudA==", "length": 7 });
    let bundle = json!({ "content_type": "application/vnd.dev.sigstore.bundle.v0.3+json", "data": "{}", "length": 2 });
    let document = npm_document("left", "1.0.0", b"content");
    for name in ["left-1.0.0.sigstore", "a.sigstore", "zzz.sigstore"] {
        // As npm sends it the bundle is text; as the format has it, base64.
        for data in ["{}", "e30="] {
            let mut sent = document.clone();
            let mut bundle = bundle.clone();
            bundle["data"] = json!(data);
            sent["_attachments"] = json!({ "left-1.0.0.tgz": tarball, name: bundle });
            let refused = ask(&service, &token, "PUT", "left", sent.to_string().as_bytes());
            assert_eq!(refused.status, 400, "{name}: {}", refused.text());
            let said = refused.json()["error"].as_str().unwrap().to_owned();
            assert!(said.contains("attestation") || said.contains("base64"), "{said}");
            assert_eq!(ask(&service, &token, "GET", "left", b"").status, 404, "{name}");
        }
    }
    assert_eq!(ask(&service, &token, "PUT", "left", document.to_string().as_bytes()).status, 200);
}

/// Versions without a tarball neither come in beside one nor change one that is there.
#[test]
fn metadata_alone_smuggles_nothing() {
    let service = Service::furnished();
    let token = service.token();
    let release = Release::new(Format::Npm, "team", "left", "1.0.0");
    assert_eq!(release.publish(service.address, &token).unwrap().status, 200);
    let before = ask(&service, &token, "GET", "left", b"").json();
    let evil = npm_document("left", "1.0.0", b"evil");
    let next = npm_document("left", "2.0.0", b"next");
    let mut overwritten = evil.clone();
    overwritten["_attachments"] = json!({});
    let mut new = next.clone();
    new.as_object_mut().unwrap().remove("_attachments");
    let mut beside = next.clone();
    beside["versions"]["1.0.0"] = evil["versions"]["1.0.0"].clone();
    let mut elsewhere = next.clone();
    elsewhere["versions"] = json!({ "1.0.0": evil["versions"]["1.0.0"] });
    let mut tag = next.clone();
    tag["_attachments"] = json!({});
    tag["versions"] = json!({});
    for (what, sent) in [
        ("another", &evil),
        ("overwritten", &overwritten),
        ("new", &new),
        ("beside", &beside),
        ("elsewhere", &elsewhere),
        ("a tag", &tag),
    ] {
        let answer = ask(&service, &token, "PUT", "left", sent.to_string().as_bytes());
        // What asks for no change of what may change is no error.
        assert!(matches!(answer.status, 200 | 400 | 409), "{what}: {}", answer.text());
        assert_eq!(ask(&service, &token, "GET", "left", b"").json(), before, "{what}");
        let (ask, bytes) = release.reading().swap_remove(0);
        assert_eq!(ask.send(service.address, &token).unwrap().body, bytes, "{what}");
    }
}
