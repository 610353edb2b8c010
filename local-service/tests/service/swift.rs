//! The Swift registry, as its client drives it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::client::{Answer, Connection, Service, form, request, sha256, zip};

const JSON: &str = "application/vnd.swift.registry.v1+json";
const MANIFEST: &str = "// swift-tools-version:5.9\nimport PackageDescription\n";

fn archive(more: &str) -> Vec<u8> {
    zip(&[
        ("LinkedList/Package.swift", MANIFEST.as_bytes()),
        ("LinkedList/Package@swift-5.7.swift", b"// swift-tools-version:5.7\n"),
        ("LinkedList/Sources/L/l.swift", more.as_bytes()),
    ])
}

struct Registry<'a> {
    service: &'a Service,
    authorization: String,
}

impl<'a> Registry<'a> {
    /// The client's `.netrc` has the user `token`.
    fn of(service: &'a Service) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("token:{}", service.token())));
        Self { service, authorization }
    }

    fn ask(&self, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers = [&[("Authorization", self.authorization.as_str())], more].concat();
        self.service.send(method, &format!("/d/acme-111122223333/swift/{path}"), &headers, body)
    }

    fn get(&self, path: &str, accept: &str) -> Answer {
        self.ask("GET", path, &[("Accept", accept)], b"")
    }

    /// As `swift package-registry publish` does, but for `Expect`.
    fn publish(&self, path: &str, archive: &[u8], metadata: &str, signature: Option<&[u8]>) -> Answer {
        let mut parts = vec![(
            "name=\"source-archive\"\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: binary",
            archive,
        )];
        if let Some(signature) = signature {
            let headers = "name=\"source-archive-signature\"\r\nContent-Type: application/octet-stream";
            parts.push((headers, signature));
        }
        let headers =
            "name=\"metadata\"\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: quoted-printable";
        parts.push((headers, metadata.as_bytes()));
        let body = form("0F8C", &parts);
        let mut headers = vec![
            ("Content-Type", "multipart/form-data;boundary=\"0F8C\""),
            ("Accept", JSON),
            ("Prefer", "respond-async"),
        ];
        if signature.is_some() {
            headers.push(("X-Swift-Package-Signature-Format", "cms-1.0.0"));
        }
        self.ask("PUT", path, &headers, &body)
    }
}

const METADATA: &str = r#"{"description":"Lists","licenseURL":"https://licenses.example/MIT",
    "repositoryURLs":["https://git.example/acme/LinkedList.git"]}"#;

#[test]
fn what_is_published_can_be_resolved() {
    let service = Service::furnished();
    let registry = Registry::of(&service);
    let bytes = archive("let one = 1");
    let published = registry.publish("shared/Acme/LinkedList/1.1.1", &bytes, METADATA, Some(b"\x00signed"));
    assert_eq!(published.status, 201, "{}", published.text());
    let base = format!("http://{}/d/acme-111122223333/swift", service.address);
    assert_eq!(published.header("location").unwrap(), format!("{base}/shared/acme/linkedlist/1.1.1"));
    assert_eq!(registry.publish("shared/acme/linkedlist/1.0.0", &archive(""), "{}", None).status, 201);

    // Through the repository that has it upstream.
    let releases = registry.get("app/acme/LinkedList", JSON);
    assert_eq!(releases.header("content-version"), Some("1"));
    assert_eq!(releases.header("content-type"), Some("application/json"));
    let release = |version: &str| json!({ "url": format!("{base}/app/acme/linkedlist/{version}") });
    let expected = json!({ "releases": { "1.0.0": release("1.0.0"), "1.1.1": release("1.1.1") } });
    assert_eq!(releases.json(), expected);
    assert!(releases.header("link").unwrap().contains("1.1.1>; rel=\"latest-version\""));

    let described = registry.get("app/acme/linkedlist/1.1.1", JSON);
    let body = described.json();
    assert_eq!((&body["id"], &body["version"]), (&json!("acme.linkedlist"), &json!("1.1.1")));
    assert_eq!(body["resources"][0]["checksum"], sha256(&bytes));
    assert_eq!(body["resources"][0]["signing"]["signatureFormat"], "cms-1.0.0");
    assert_eq!(body["metadata"]["description"], "Lists");
    assert!(described.header("link").unwrap().contains("1.0.0>; rel=\"predecessor-version\""));

    let swift = "application/vnd.swift.registry.v1+swift";
    let manifest = registry.get("app/acme/linkedlist/1.1.1/Package.swift", swift);
    assert_eq!((manifest.text().as_str(), manifest.header("content-type")), (MANIFEST, Some("text/x-swift")));
    let link = manifest.header("link").unwrap();
    assert!(link.contains("filename=\"Package@swift-5.7.swift\"; swift-tools-version=\"5.7\""), "{link}");
    let older = registry.get("app/acme/linkedlist/1.1.1/Package.swift?swift-version=5.7", swift);
    assert_eq!(older.text(), "// swift-tools-version:5.7\n");
    let none = registry.get("app/acme/linkedlist/1.1.1/Package.swift?swift-version=4", swift);
    assert_eq!(none.status, 303);
    assert!(none.header("location").unwrap().ends_with("/1.1.1/Package.swift"));

    let zip = registry.get("app/acme/linkedlist/1.1.1.zip", "application/vnd.swift.registry.v1+zip");
    assert_eq!((zip.status, &zip.body), (200, &bytes));
    assert!(zip.header("digest").unwrap().starts_with("sha-256="));
    assert_eq!(zip.header("x-swift-package-signature"), Some(STANDARD.encode(b"\x00signed").as_str()));
    assert_eq!(zip.header("x-swift-package-signature-format"), Some("cms-1.0.0"));
    let query = "domain=acme&repository=app&format=swift&namespace=ACME&package=LinkedList&version=1.1.1";
    let kept = service.ok("GET", &format!("/v1/package/version?{query}"), None);
    assert_eq!(kept["packageVersion"]["summary"], "Lists", "retained where it was asked for");

    let url = "https://git.example/acme/linkedlist";
    let found = registry.get(&format!("app/identifiers?url={url}"), JSON);
    assert_eq!(found.json(), json!({ "identifiers": ["acme.linkedlist"] }));
    assert_eq!(registry.get("app/identifiers?url=https://git.example/x", JSON).status, 404);
    assert_eq!(registry.get("app/identifiers", JSON).status, 400);
    assert_eq!(registry.ask("POST", "app/login", &[("Accept", JSON)], b"").status, 200);
}

#[test]
fn refusals_are_problems() {
    let service = Service::furnished();
    let registry = Registry::of(&service);
    let bytes = archive("");
    let path = "team/acme/list/1.0.0";
    assert_eq!(registry.publish(path, &bytes, "{}", None).status, 201);
    assert_eq!(registry.publish(path, &bytes, "{}", None).status, 201, "the same again");
    let anonymous = service.send("POST", "/d/acme-111122223333/swift/team/login", &[], b"");
    assert!(anonymous.header("www-authenticate").unwrap().starts_with("Basic "));
    for (answer, status) in [
        (anonymous, 401),
        (registry.publish(path, &archive("other"), "{}", None), 409),
        (registry.publish(path, &bytes, "{\"description\":\"x\"}", None), 409),
        (registry.publish("team/acme/list/1.0", &bytes, "{}", None), 400),
        (registry.publish("team/acme/list/1.0.0-a.zip", &bytes, "{}", None), 400),
        (registry.publish("team/acme/list/2.0.0", b"no archive", "{}", None), 422),
        (registry.publish("team/acme/list/2.0.0", &zip(&[("x", b"")]), "{}", None), 422),
        (registry.publish("team/acme/list/2.0.0", &bytes, "[]", None), 422),
        (registry.get("team/acme/none", JSON), 404),
        (registry.get("team/acme/list/2.0.0", JSON), 404),
        (registry.get("team/acme/list", "application/vnd.swift.registry.v2+json"), 415),
        (registry.get("team/acme/list", "application/vnd.swift.registry.vx+json"), 400),
        (registry.ask("DELETE", path, &[], b""), 405),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("content-version"), Some("1"));
        assert!(answer.json()["detail"].is_string());
    }
}

#[test]
fn a_client_that_waits_to_be_asked_is_asked() {
    let service = Service::furnished();
    let registry = Registry::of(&service);
    let body = form("b", &[("name=\"source-archive\"", &archive(""))]);
    let headers = [
        ("Authorization", registry.authorization.as_str()),
        ("Content-Type", "multipart/form-data;boundary=\"b\""),
        ("Expect", "100-continue"),
    ];
    for (version, expected) in [("1.0.0", 100), ("one", 400)] {
        let target = format!("/d/acme-111122223333/swift/team/acme/list/{version}");
        let whole = request(service.address, "PUT", &target, &headers, &body);
        let (head, content) = whole.split_at(whole.len() - body.len());
        let mut connection = Connection::open(service.address).unwrap();
        connection.send(head).unwrap();
        assert_eq!(connection.receive(false).unwrap().status, expected);
        if expected == 100 {
            connection.send(content).unwrap();
            assert_eq!(connection.receive(false).unwrap().status, 201);
        }
    }
}

/// What the client asks for before and beside resolving.
#[test]
fn signing_in_probing_and_reading_in_parts() {
    let service = Service::furnished();
    let registry = Registry::of(&service);
    // A netrc whose user is `token` is sent as a bearer's.
    let login = |authorization: &str| {
        let headers = [("Authorization", authorization), ("Accept", JSON)];
        service.send("POST", "/d/acme-111122223333/swift/team/login", &headers, b"")
    };
    let good = login(&format!("Bearer {}", service.token()));
    assert_eq!((good.status, good.header("content-version")), (200, Some("1")));
    let bad = login("Bearer nonsense");
    assert_eq!((bad.status, bad.header("content-type")), (401, Some("application/problem+json")));
    // A registry that does not say whether it is available is used all the same.
    let probed = registry.get("team/availability", JSON);
    assert_eq!((probed.status, probed.header("content-type")), (404, Some("application/problem+json")));

    let bytes = archive("let one = 1");
    assert_eq!(registry.publish("shared/acme/list/1.0.0", &bytes, METADATA, None).status, 201);
    for path in ["list", "list/1.0.0", "list/1.0.0/Package.swift", "list/1.0.0.zip"] {
        let target = format!("app/acme/{path}");
        let (head, got) = (registry.ask("HEAD", &target, &[], b""), registry.ask("GET", &target, &[], b""));
        assert_eq!((head.status, got.status), (200, 200), "{path}");
        assert_eq!(head.header("content-version"), Some("1"), "{path}");
        assert_eq!(head.header("content-length"), got.header("content-length"), "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
    }
    let zip = |name, value| registry.ask("GET", "app/acme/list/1.0.0.zip", &[(name, value)], b"");
    let part = zip("Range", "bytes=2-5");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[2..6]));
    let etag = part.header("etag").unwrap();
    assert_eq!(zip("If-None-Match", etag).status, 304);
}

#[test]
fn lists_are_whole_and_show_what_is_published() {
    let service = Service::furnished();
    let registry = Registry::of(&service);
    let bytes = archive("");
    let versions: Vec<String> = (0..120).map(|minor| format!("1.{minor}.0")).chain(["2.0.0-rc.1".to_owned()]).collect();
    for version in &versions {
        assert_eq!(registry.publish(&format!("shared/acme/list/{version}"), &bytes, "{}", None).status, 201);
    }
    let listed = || {
        let answer = registry.get("app/acme/list", JSON);
        let count = answer.json()["releases"].as_object().unwrap().len();
        (count, answer.header("link").unwrap().to_owned())
    };
    // One page: nothing leads to another.
    let (count, link) = listed();
    assert_eq!(count, versions.len());
    assert!(link.ends_with("/app/acme/list/2.0.0-rc.1>; rel=\"latest-version\"") && !link.contains("next"), "{link}");

    let status = |version: &str, status: &str| {
        let target = "/v1/package/versions/update_status?domain=acme&repository=shared&format=swift&namespace=acme\
                      &package=list";
        service.ok("POST", target, Some(&json!({ "versions": [version], "targetStatus": status })));
    };
    let zip = |version: &str| registry.get(&format!("app/acme/list/{version}.zip"), "*/*").status;
    status("2.0.0-rc.1", "Unlisted");
    assert_eq!((listed().0, zip("2.0.0-rc.1")), (120, 200), "who has it in a lock file gets it");
    status("1.119.0", "Archived");
    assert_eq!((listed().0, zip("1.119.0")), (119, 404));
    let (_, link) = listed();
    assert!(link.contains("/list/1.118.0>; rel=\"latest-version\""), "{link}");
}

/// A signature of the metadata counts as the rest does.
#[test]
fn what_is_signed_stays_as_it_was() {
    let service = Service::furnished();
    let registry = Registry::of(&service);
    let bytes = archive("");
    let publish = |more: &[(&str, &[u8])]| {
        let parts = [&[("name=\"source-archive\"", bytes.as_slice())], more].concat();
        let headers = [
            ("Content-Type", "multipart/form-data;boundary=\"0F8C\""),
            ("X-Swift-Package-Signature-Format", "cms-1.0.0"),
        ];
        registry.ask("PUT", "team/acme/list/1.0.0", &headers, &form("0F8C", &parts)).status
    };
    let metadata = ("name=\"metadata\"", METADATA.as_bytes());
    let signed = |signature| {
        [("name=\"source-archive-signature\"", b"a".as_slice()), metadata, ("name=\"metadata-signature\"", signature)]
    };
    assert_eq!(publish(&signed(b"m")), 201);
    assert_eq!(publish(&signed(b"m")), 201);
    assert_eq!(publish(&signed(b"other")), 409);
    assert_eq!(publish(&[metadata]), 409);
    // Without the name of the form it is in, a signature is none.
    let unnamed = [("Content-Type", "multipart/form-data;boundary=\"0F8C\"")];
    let parts = [("name=\"source-archive\"", bytes.as_slice()), ("name=\"source-archive-signature\"", b"a")];
    assert_eq!(registry.ask("PUT", "team/acme/list/2.0.0", &unnamed, &form("0F8C", &parts)).status, 422);
}
