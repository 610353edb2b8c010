//! npm's data plane: publishing, documents, tarballs, tags, and a public source.

use std::{collections::BTreeMap, io::Read as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use local_service::{Connection, Options, SourceAddress};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha512};

use crate::{
    client::{Answer, Service, fixed_clock},
    source::Source,
};

const ABBREVIATED: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";

/// The time of the tests' clock.
const NOW: &str = "2027-01-15T08:00:00.000Z";

fn integrity(content: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(Sha512::digest(content)))
}

fn shasum(content: &[u8]) -> String {
    format!("{:x}", Sha1::digest(content))
}

/// What `npm publish` sends, scoped packages' double scope included.
fn publication(name: &str, version: &str, content: &[u8], tag: &str) -> Value {
    let file = format!("{name}-{version}.tgz");
    json!({
        "_id": name, "name": name, "dist-tags": { tag: version }, "access": null,
        "versions": { version: {
            "name": name, "version": version, "description": "A package", "license": "MIT",
            "homepage": "https://left.example", "repository": { "type": "git", "url": "git+https://git.example/left" },
            "readme": format!("# {name} {version}"), "scripts": { "postinstall": "true" },
            "dependencies": { "a": "^1", "@acme/b": "~2", "o": "3" }, "optionalDependencies": { "o": "3" },
            "devDependencies": { "d": "*" }, "peerDependencies": { "p": ">=1" }, "_nodeVersion": "20.0.0",
            "dist": {
                "shasum": shasum(content), "integrity": integrity(content),
                "tarball": format!("http://elsewhere.example/{name}/-/{file}"),
            },
        } },
        "_attachments": { file: {
            "content_type": "application/octet-stream", "data": STANDARD.encode(content), "length": content.len(),
        } },
    })
}

struct Registry<'a> {
    service: &'a Service,
    token: String,
}

impl<'a> Registry<'a> {
    fn new(service: &'a Service) -> Self {
        Self { service, token: service.token() }
    }

    fn ask(&self, method: &str, repository: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let headers = [&[("Authorization", authorization.as_str())][..], headers].concat();
        self.service.send(method, &format!("/d/acme-111122223333/npm/{repository}/{path}"), &headers, body)
    }

    fn get(&self, repository: &str, path: &str) -> Answer {
        self.ask("GET", repository, path, &[], b"")
    }

    fn put(&self, repository: &str, path: &str, body: &Value) -> Answer {
        self.ask("PUT", repository, path, &[], body.to_string().as_bytes())
    }

    #[track_caller]
    fn publish(&self, repository: &str, name: &str, version: &str, content: &[u8], tag: &str) {
        let answer = self.put(repository, &name.replace('/', "%2f"), &publication(name, version, content, tag));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    #[track_caller]
    fn document(&self, repository: &str, name: &str) -> Value {
        let answer = self.get(repository, &name.replace('/', "%2f"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn base(&self, repository: &str) -> String {
        format!("http://{}/d/acme-111122223333/npm/{repository}", self.service.address)
    }
}

fn versions(document: &Value) -> Vec<&String> {
    document["versions"].as_object().unwrap().keys().collect()
}

fn status(service: &Service, repository: &str, package: &str, version: &str, status: &str) {
    let target =
        format!("/v1/package/versions/update_status?domain=acme&repository={repository}&format=npm&package={package}");
    let body = json!({ "versions": [version], "targetStatus": status });
    let answer = service.ok("POST", &target, Some(&body));
    assert_eq!(answer["failedVersions"], json!({}), "{answer}");
}

#[test]
fn what_is_published_is_shown_and_served() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    assert_eq!(registry.get("team", "@acme%2fleft").status, 404);
    registry.publish("team", "@acme/left", "1.0.0", b"one", "latest");

    let tarball = format!("{}/@acme/left/-/left-1.0.0.tgz", registry.base("team"));
    for path in ["@acme%2fleft", "@acme%2Fleft", "@acme/left", "@acme%2fleft?write=true"] {
        let document = registry.get("team", path).json();
        assert_eq!(document["name"], "@acme/left");
        assert_eq!(document["dist-tags"], json!({ "latest": "1.0.0" }));
        assert_eq!(document["time"], json!({ "created": NOW, "modified": NOW, "1.0.0": NOW }));
        assert_eq!(document["description"], "A package");
        let manifest = &document["versions"]["1.0.0"];
        let dist = json!({ "tarball": tarball, "shasum": shasum(b"one"), "integrity": integrity(b"one") });
        assert_eq!(manifest["dist"], dist);
        assert_eq!(manifest["_id"], "@acme/left@1.0.0");
        assert!(manifest["readme"].is_null() && manifest["scripts"].is_object(), "{manifest}");
    }
    let abbreviated = registry.ask("GET", "team", "@acme%2fleft", &[("Accept", ABBREVIATED)], b"");
    assert_eq!(abbreviated.header("content-type"), Some("application/vnd.npm.install-v1+json"));
    let document = abbreviated.json();
    assert_eq!((&document["modified"], &document["time"]["1.0.0"]), (&json!(NOW), &json!(NOW)));
    let manifest = &document["versions"]["1.0.0"];
    assert!(manifest["scripts"].is_null() && manifest["description"].is_null(), "{manifest}");
    assert_eq!(manifest["hasInstallScript"], true);
    assert_eq!(manifest["dist"]["tarball"], json!(tarball));

    for path in ["@acme/left/-/left-1.0.0.tgz", "@acme%2fleft/-/left-1.0.0.tgz", "@acme%2Fleft/-/left-1.0.0.tgz"] {
        let answer = registry.get("team", path);
        assert_eq!((answer.status, answer.text().as_str()), (200, "one"), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    }
    for path in ["@acme/left/1.0.0", "@acme%2fleft/latest", "@acme%2Fleft/1.0.0"] {
        assert_eq!(registry.get("team", path).json()["dist"]["tarball"], json!(tarball), "{path}");
    }
    for path in ["@acme/left/2.0.0", "@acme/left/next", "@acme/left/-/left-2.0.0.tgz", "left", "@other/left"] {
        let answer = registry.get("team", path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string(), "{}", answer.text());
    }
    // The URL is the client's own.
    let target = "/d/acme-111122223333/npm/team/@acme%2fleft";
    let authorization = format!("Bearer {}", registry.token);
    let localhost = format!("localhost:{}", service.address.port());
    let request = format!("GET {target} HTTP/1.1\r\nHost: {localhost}\r\nAuthorization: {authorization}\r\n\r\n");
    let mut connection = crate::client::Connection::open(service.address).unwrap();
    connection.send(request.as_bytes()).unwrap();
    let document = connection.receive(false).unwrap().json();
    let tarball = format!("http://{localhost}/d/acme-111122223333/npm/team/@acme/left/-/left-1.0.0.tgz");
    assert_eq!(document["versions"]["1.0.0"]["dist"]["tarball"], json!(tarball));
}

#[test]
fn what_the_api_shows_of_a_version() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    registry.publish("team", "@acme/left", "1.0.0", b"one", "latest");
    registry.publish("team", "@acme/left", "2.0.0-rc.1", b"two", "next");
    let package = "domain=acme&repository=team&format=npm&namespace=acme&package=left";
    let version = format!("{package}&version=1.0.0");
    let described = service.ok("GET", &format!("/v1/package/version?{version}"), None)["packageVersion"].clone();
    let expected = json!({
        "displayName": "@acme/left", "summary": "A package", "homePage": "https://left.example",
        "sourceCodeRepository": "git+https://git.example/left", "licenses": [{ "name": "MIT" }],
        "namespace": "acme", "packageName": "left",
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&described[member], value, "{member} of {described}");
    }
    let readme = service.ok("GET", &format!("/v1/package/version/readme?{version}"), None);
    assert_eq!(readme["readme"], "# @acme/left 1.0.0");
    let listed = service.ok("POST", &format!("/v1/package/version/dependencies?{version}"), None);
    let dependencies = json!([
        { "namespace": "acme", "package": "b", "dependencyType": "regular", "versionRequirement": "~2" },
        { "package": "a", "dependencyType": "regular", "versionRequirement": "^1" },
        { "package": "d", "dependencyType": "dev", "versionRequirement": "*" },
        { "package": "p", "dependencyType": "peer", "versionRequirement": ">=1" },
        { "package": "o", "dependencyType": "optional", "versionRequirement": "3" },
    ]);
    assert_eq!(listed["dependencies"], dependencies);
    let assets = service.ok("POST", &format!("/v1/package/version/assets?{version}"), None);
    assert_eq!(assets["assets"].as_array().unwrap().len(), 1);
    assert_eq!(assets["assets"][0]["name"], "package.tgz");
    let list = || service.ok("POST", &format!("/v1/package/versions?{package}"), None);
    assert_eq!(list()["defaultDisplayVersion"], "1.0.0", "`latest` and not the newest");
    status(&service, "team", "left&namespace=acme", "1.0.0", "Archived");
    assert_eq!(list()["defaultDisplayVersion"], "2.0.0-rc.1");
}

#[test]
fn a_version_is_published_once_and_with_its_own_bytes() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    registry.publish("team", "left", "1.0.0", b"one", "latest");
    registry.publish("team", "left", "1.0.0", b"one", "latest");
    let again = registry.put("team", "left", &publication("left", "1.0.0", b"other", "latest"));
    assert_eq!(again.status, 409, "{}", again.text());
    assert!(again.json()["error"].as_str().unwrap().contains("1.0.0"));
    registry.publish("shared", "right", "1.0.0", b"one", "latest");
    let upstream = registry.put("app", "right", &publication("right", "1.0.0", b"mine", "latest"));
    assert_eq!(upstream.status, 409, "{}", upstream.text());

    let refused = |what: &str, change: &dyn Fn(&mut Value)| {
        let mut body = publication("new", "1.0.0", b"content", "latest");
        change(&mut body);
        let answer = registry.put("team", "new", &body);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert!(answer.json()["error"].is_string(), "{what}");
    };
    let other_sum = |body: &mut Value| body["versions"]["1.0.0"]["dist"]["shasum"] = json!(shasum(b"x"));
    refused("another SHA-1", &other_sum);
    refused("another integrity", &|body| body["versions"]["1.0.0"]["dist"]["integrity"] = json!(integrity(b"x")));
    refused("no digest", &|body| body["versions"]["1.0.0"]["dist"]["integrity"] = json!("sha512-x"));
    refused("another length", &|body| body["_attachments"]["new-1.0.0.tgz"]["length"] = json!(3));
    refused("no base64", &|body| body["_attachments"]["new-1.0.0.tgz"]["data"] = json!("?"));
    refused("another name", &|body| body["name"] = json!("left"));
    refused("another manifest", &|body| body["versions"]["1.0.0"]["name"] = json!("left"));
    refused("another version", &|body| body["versions"]["1.0.0"]["version"] = json!("2.0.0"));
    refused("a tag elsewhere", &|body| body["dist-tags"]["latest"] = json!("2.0.0"));
    refused("a tag that is a version", &|body| body["dist-tags"] = json!({ "1.0": "1.0.0" }));
    refused("a second version", &|body| body["versions"]["2.0.0"] = json!({}));
    refused("no version", &|body| body["versions"] = json!({}));
    refused("an odd version", &|body| body["versions"] = json!({ "1": {} }));
    refused("an attestation", &|body| body["_attachments"]["new-1.0.0.sigstore"] = json!({ "data": "e30=" }));
    refused("only an attestation", &|body| {
        body["_attachments"] = json!({ "new-1.0.0.sigstore": { "data": "e30=" } });
    });
    refused("no data", &|body| body["_attachments"] = json!({ "new-1.0.0.tgz": {} }));
    refused("a list", &|body| *body = json!([]));
    assert_eq!(registry.get("team", "new").status, 404);
    let names = ["%2e%2e%2fx", ".x", "a%5cb", "@a%2f.b", "a%20b", "%E2%80%AE"];
    for name in names {
        let answer = registry.put("team", name, &publication("x", "1.0.0", b"x", "latest"));
        assert_eq!(answer.status, 404, "{name}: {}", answer.text());
    }
    assert_eq!(service.ok("GET", "/v1/domain?domain=acme", None)["domain"]["assetSizeBytes"], 3);
}

/// A document without a tarball neither makes a version nor changes more than a deprecation.
#[test]
fn a_document_alone_changes_deprecations_only() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    registry.publish("app", "left", "1.0.0", b"one", "latest");
    registry.publish("app", "left", "2.0.0", b"two", "next");
    let before = registry.document("app", "left");

    let mut sent = before.clone();
    sent["versions"]["1.0.0"]["deprecated"] = json!("use 2.0.0");
    sent["versions"]["1.0.0"]["dependencies"] = json!({ "evil": "*" });
    sent["versions"]["1.0.0"]["dist"]["shasum"] = json!(shasum(b"x"));
    sent["versions"].as_object_mut().unwrap().remove("2.0.0");
    sent["dist-tags"] = json!({ "latest": "2.0.0" });
    let answer = registry.put("app", "left", &sent);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut expected = before.clone();
    expected["versions"]["1.0.0"]["deprecated"] = json!("use 2.0.0");
    assert_eq!(registry.document("app", "left"), expected);
    assert_eq!(registry.get("app", "left/-/left-1.0.0.tgz").text(), "one");

    for (what, version) in [("a new version", "3.0.0"), ("no version", "..")] {
        let mut sent = before.clone();
        sent["versions"][version] = sent["versions"]["1.0.0"].clone();
        assert_eq!(registry.put("app", "left", &sent).status, 400, "{what}");
        // The same beside an attachment.
        let mut sent = publication("left", "4.0.0", b"four", "latest");
        sent["versions"][version] = before["versions"]["1.0.0"].clone();
        assert_eq!(registry.put("app", "left", &sent).status, 400, "{what}");
    }
    assert_eq!(registry.put("app", "none", &json!({ "name": "none", "versions": {} })).status, 404);
    let mut undone = before.clone();
    undone["versions"]["1.0.0"]["deprecated"] = json!("");
    assert_eq!(registry.put("app", "left", &undone).status, 200);
    assert_eq!(registry.document("app", "left"), before);

    // What is only upstream is not changed through the repository downstream.
    registry.publish("shared", "right", "1.0.0", b"one", "latest");
    let mut sent = registry.document("app", "right");
    assert_eq!(registry.put("app", "right", &sent).status, 200, "nothing is asked for");
    sent["versions"]["1.0.0"]["deprecated"] = json!("no");
    assert_eq!(registry.put("app", "right", &sent).status, 409);
    assert_eq!(registry.document("shared", "right")["versions"]["1.0.0"]["deprecated"], Value::Null);
}

#[test]
fn tags_are_merged_and_the_upstreams_win() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    let tags = |repository: &str| registry.get(repository, "-/package/left/dist-tags").json();
    let set = |repository: &str, tag: &str, version: &str| {
        registry.put(repository, &format!("-/package/left/dist-tags/{tag}"), &json!(version)).status
    };
    registry.publish("shared", "left", "1.0.0", b"one", "latest");
    registry.publish("shared", "left", "1.1.0", b"two", "old");
    // The package is open to its upstream, as one is that was retained.
    let controls = json!({ "restrictions": { "publish": "ALLOW", "upstream": "ALLOW" } });
    service.ok("POST", "/v1/package?domain=acme&repository=app&format=npm&package=left", Some(&controls));
    registry.publish("app", "left", "2.0.0", b"three", "latest");
    assert_eq!(set("app", "mine", "2.0.0"), 200);
    assert_eq!(tags("app"), json!({ "latest": "1.0.0", "old": "1.1.0", "mine": "2.0.0" }));
    let document = registry.document("app", "left");
    assert_eq!(document["dist-tags"], tags("app"));
    assert_eq!(versions(&document), ["1.0.0", "1.1.0", "2.0.0"]);

    assert_eq!(set("app", "mine", "1.0.0"), 404, "only what is in the repository");
    assert_eq!(set("app", "1.0", "2.0.0"), 400);
    assert_eq!(registry.put("app", "-/package/left/dist-tags/y", &json!({})).status, 400);
    assert_eq!(registry.put("app", "-/package/none/dist-tags/y", &json!("1.0.0")).status, 404);
    // A tag of the upstream that means a hidden version counts no more.
    status(&service, "shared", "left", "1.0.0", "Unlisted");
    assert_eq!(tags("app"), json!({ "latest": "2.0.0", "old": "1.1.0", "mine": "2.0.0" }));
    assert_eq!(registry.get("app", "left/-/left-1.0.0.tgz").text(), "one", "lock files keep working");
    assert_eq!(versions(&registry.document("app", "left")), ["1.1.0", "2.0.0"]);
    let removed =
        |tag: &str| registry.ask("DELETE", "app", &format!("-/package/left/dist-tags/{tag}"), &[], b"").status;
    assert_eq!((removed("mine"), removed("mine"), removed("old")), (200, 404, 404));
    // Closed to its upstream, only its own count.
    let controls = json!({ "restrictions": { "publish": "ALLOW", "upstream": "BLOCK" } });
    service.ok("POST", "/v1/package?domain=acme&repository=app&format=npm&package=left", Some(&controls));
    assert_eq!(tags("app"), json!({ "latest": "2.0.0" }));
}

/// A tag comes along with the version that it means, and what was published in the repository keeps its own.
#[test]
fn a_version_that_is_retained_brings_its_tags() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    for (version, tag) in [("1.0.0", "old"), ("1.1.0", "latest")] {
        registry.publish("shared", "left", version, version.as_bytes(), tag);
        registry.publish("shared", "right", version, version.as_bytes(), tag);
    }
    let controls = json!({ "restrictions": { "publish": "ALLOW", "upstream": "ALLOW" } });
    service.ok("POST", "/v1/package?domain=acme&repository=app&format=npm&package=right", Some(&controls));
    registry.publish("app", "right", "2.0.0", b"own", "latest");
    for package in ["left", "right"] {
        assert_eq!(registry.get("app", &format!("{package}/-/{package}-1.1.0.tgz")).status, 200);
    }
    assert_eq!(registry.get("app", "right/-/right-1.0.0.tgz").status, 200);
    // The upstream is gone: what was retained can be installed by the tag that it had.
    service.ok("PUT", "/v1/repository?domain=acme&repository=app", Some(&json!({ "upstreams": [] })));
    assert_eq!(registry.document("app", "left")["dist-tags"], json!({ "latest": "1.1.0" }));
    assert_eq!(registry.document("app", "right")["dist-tags"], json!({ "latest": "2.0.0", "old": "1.0.0" }));
}

#[test]
fn statuses_decide_what_is_shown_and_served() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    for (version, tag) in [("1.0.0", "latest"), ("1.1.0", "next")] {
        registry.publish("team", "left", version, version.as_bytes(), tag);
    }
    for (target, tarball) in [("Unlisted", 200), ("Archived", 404)] {
        status(&service, "team", "left", "1.0.0", target);
        let document = registry.document("team", "left");
        assert_eq!((versions(&document).len(), &document["dist-tags"]), (1, &json!({ "next": "1.1.0" })));
        assert_eq!(registry.get("team", "left/-/left-1.0.0.tgz").status, tarball, "{target}");
        assert_eq!(registry.get("team", "left/1.0.0").status, 404);
    }
    let again = registry.put("team", "left", &publication("left", "1.0.0", b"1.0.0", "latest"));
    assert_eq!(again.status, 409, "{}", again.text());
}

#[test]
fn a_copy_takes_the_tags_along() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    registry.publish("team", "left", "1.0.0", b"one", "latest");
    registry.publish("team", "left", "2.0.0", b"two", "next");
    registry.put("team", "-/package/left/dist-tags/stable", &json!("1.0.0"));
    let copy = "/v1/package/versions/copy?domain=acme&source-repository=team&destination-repository=shared&format=npm\
                &package=left";
    service.ok("POST", copy, Some(&json!({ "versions": ["1.0.0"] })));
    let document = registry.document("shared", "left");
    assert_eq!(document["dist-tags"], json!({ "latest": "1.0.0", "stable": "1.0.0" }));
    assert_eq!(versions(&document), ["1.0.0"]);
    assert_eq!(registry.get("shared", "left/-/left-1.0.0.tgz").text(), "one");
}

#[test]
fn documents_are_packed_for_those_who_take_that() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    for version in 0..10 {
        registry.publish("team", "left", &format!("1.0.{version}"), b"x", "latest");
    }
    let plain = registry.get("team", "left");
    assert_eq!(plain.header("content-encoding"), None);
    let takes = [("Accept-Encoding", "gzip, deflate")];
    let packed = registry.ask("GET", "team", "left", &takes, b"");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() / 2);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);

    // Other bytes, another tag; each is known again.
    let etag = packed.header("etag").unwrap();
    assert_ne!(Some(etag), plain.header("etag"));
    let again = registry.ask("GET", "team", "left", &[takes[0], ("If-None-Match", etag)], b"");
    assert_eq!((again.status, again.header("content-encoding")), (304, None));
    let asked = registry.ask("HEAD", "team", "left", &takes, b"");
    assert_eq!(asked.header("content-length"), Some(packed.body.len().to_string().as_str()));
    // Assets are what was uploaded.
    let tarball = registry.ask("GET", "team", "left/-/left-1.0.0.tgz", &takes, b"");
    assert_eq!(tarball.header("content-encoding"), None);
}

#[test]
fn documents_are_known_by_their_tag_and_tarballs_by_range() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    registry.publish("team", "left", "1.0.0", b"0123456789", "latest");
    let first = registry.get("team", "left");
    let etag = first.header("etag").unwrap();
    assert_eq!(first.header("vary"), Some("accept-encoding"));
    let again = registry.ask("GET", "team", "left", &[("If-None-Match", etag)], b"");
    assert_eq!((again.status, again.header("etag")), (304, Some(etag)));
    registry.publish("team", "left", "1.0.1", b"x", "latest");
    assert_eq!(registry.ask("GET", "team", "left", &[("If-None-Match", etag)], b"").status, 200);
    let part = registry.ask("GET", "team", "left/-/left-1.0.0.tgz", &[("Range", "bytes=2-4")], b"");
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    let head = registry.ask("HEAD", "team", "left/-/left-1.0.0.tgz", &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
}

#[test]
fn what_is_not_supported_is_not_found() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    registry.publish("team", "left", "1.0.0", b"one", "latest");
    let ping = registry.get("team", "-/ping?write=true");
    assert_eq!((ping.status, ping.json()), (200, json!({})));
    let gzip = [("Content-Encoding", "gzip"), ("Content-Type", "application/json")];
    let audit = registry.ask("POST", "team", "-/npm/v1/security/advisories/bulk", &gzip, &[0x1f, 0x8b, 8, 0, 0]);
    assert_eq!(audit.status, 404);
    assert!(audit.json()["error"].is_string());
    for path in ["-/whoami", "-/v1/search?text=left", "-/npm/v1/user", "-/org/acme/package"] {
        assert_eq!(registry.get("team", path).status, 404, "{path}");
    }
    for (method, path) in [
        ("DELETE", "left/-rev/1-0"),
        ("PUT", "left/-rev/1-0"),
        ("DELETE", "left/-/left-1.0.0.tgz/-rev/1-0"),
        ("PUT", "-/user/org.couchdb.user:me"),
        ("POST", "-/package/left/access"),
    ] {
        let status = registry.ask(method, "team", path, &[], b"{}").status;
        assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
    }
    assert_eq!(registry.get("team", "left").status, 200);
}

#[test]
fn a_token_is_asked_for_and_must_be_the_domains() {
    let service = Service::furnished();
    let ask = |authorization: Option<&str>| {
        let headers: Vec<_> = authorization.into_iter().map(|it| ("Authorization", it)).collect();
        service.send("GET", "/d/acme-111122223333/npm/team/left", &headers, b"")
    };
    for bad in [None, Some("Bearer nonsense")] {
        let answer = ask(bad);
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "));
        assert!(answer.json()["error"].is_string());
    }
    service.ok("POST", "/v1/domain?domain=other", None);
    let token = service.ok("POST", "/v1/authorization-token?domain=other", None)["authorizationToken"].clone();
    let answer = ask(Some(&format!("Bearer {}", token.as_str().unwrap())));
    assert_eq!(answer.status, 403);
    assert!(answer.json()["error"].is_string());
}

/// A service whose `store` is connected to the source; `middle` has `store` upstream and `team` has `middle`.
fn chain(source: &Source) -> Service {
    let address = SourceAddress::parse(&source.url()).unwrap();
    let service = Service::of(Options {
        external: BTreeMap::from([(Connection::Npmjs, address)]),
        ..Options::ephemeral(fixed_clock())
    });
    service.ok("POST", "/v1/domain?domain=acme", None);
    service.ok("POST", "/v1/repository?domain=acme&repository=store", None);
    service.ok("POST", CONNECT, None);
    for (name, upstream) in [("middle", "store"), ("team", "middle")] {
        let upstreams = json!({ "upstreams": [{ "repositoryName": upstream }] });
        service.ok("POST", &format!("/v1/repository?domain=acme&repository={name}"), Some(&upstreams));
    }
    service
}

const CONNECT: &str =
    "/v1/repository/external-connection?domain=acme&repository=store&external-connection=public:npmjs";

/// Puts a package with these versions, each of the content `NAME-VERSION`; the last one is `latest`.
fn put(source: &Source, name: &str, versions: &[&str]) -> Value {
    let mut document = json!({
        "name": name, "dist-tags": { "latest": versions.last() }, "versions": {}, "readme": "# of the source",
        "time": { "created": "2020-01-01T00:00:00.000Z", "modified": "2021-01-01T00:00:00.000Z" },
    });
    for (at, version) in versions.iter().enumerate() {
        let content = format!("{name}-{version}");
        let path = format!("/files/{}-{version}.tgz", name.replace('/', "-"));
        document["versions"][version] = json!({
            "name": name, "version": version, "license": "ISC", "dependencies": { "x": "1" },
            "dist": {
                "tarball": format!("{}{}", source.url(), &path[1..]), "shasum": shasum(content.as_bytes()),
                "integrity": integrity(content.as_bytes()), "signatures": [{ "keyid": "k", "sig": "s" }],
            },
        });
        document["time"][version] = json!(format!("2020-01-0{}T00:00:00.000Z", at + 1));
        source.put(&path, "application/octet-stream", content);
    }
    source.put(&format!("/{}", name.replace('/', "%2f")), "application/json", document.to_string());
    document
}

fn stored(service: &Service, repository: &str, package: &str) -> Vec<String> {
    let query = format!("/v1/package/versions?domain=acme&repository={repository}&format=npm&package={package}");
    let answer = service.call("POST", &query, None);
    if answer.status == 404 {
        return Vec::new();
    }
    let listed = answer.json()["versions"].as_array().unwrap().clone();
    listed.iter().map(|version| version["version"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_public_source_is_read_through_and_what_is_fetched_stays() {
    let source = Source::start();
    put(&source, "@acme/left", &["1.0.0", "1.1.0"]);
    let service = chain(&source);
    let registry = Registry::new(&service);
    let document = registry.document("team", "@acme/left");
    assert_eq!(versions(&document), ["1.0.0", "1.1.0"]);
    assert_eq!(document["dist-tags"], json!({ "latest": "1.1.0" }));
    let time = json!({
        "created": "2020-01-01T00:00:00.000Z", "modified": "2021-01-01T00:00:00.000Z",
        "1.0.0": "2020-01-01T00:00:00.000Z", "1.1.0": "2020-01-02T00:00:00.000Z",
    });
    assert_eq!(document["time"], time);
    let dist = &document["versions"]["1.1.0"]["dist"];
    assert_eq!(dist["tarball"], json!(format!("{}/@acme/left/-/left-1.1.0.tgz", registry.base("team"))));
    assert_eq!(dist["integrity"], json!(integrity(b"@acme/left-1.1.0")));
    assert_eq!(dist["signatures"][0]["keyid"], "k");
    for repository in ["team", "middle", "store"] {
        assert!(stored(&service, repository, "left&namespace=acme").is_empty(), "documents retain nothing");
    }
    let fetched = registry.get("team", "@acme%2fleft/-/left-1.1.0.tgz");
    assert_eq!((fetched.status, fetched.text().as_str()), (200, "@acme/left-1.1.0"));
    for (repository, there) in [("team", 1), ("middle", 0), ("store", 1)] {
        assert_eq!(stored(&service, repository, "left&namespace=acme").len(), there, "{repository}");
    }
    let version = "domain=acme&repository=team&format=npm&namespace=acme&package=left&version=1.1.0";
    let described = service.ok("GET", &format!("/v1/package/version?{version}"), None)["packageVersion"].clone();
    assert_eq!(described["licenses"], json!([{ "name": "ISC" }]));
    assert_eq!(described["origin"]["originType"], "EXTERNAL");
    let readme = service.ok("GET", &format!("/v1/package/version/readme?{version}"), None);
    assert_eq!(readme["readme"], "# of the source");
    assert_eq!(registry.document("team", "@acme/left"), document, "kept or not, it looks the same");

    // With the source away, what was fetched is served, and listed with the time it had; the rest is gone.
    source.stop();
    service.ok("DELETE", CONNECT, None);
    let offline = registry.document("team", "@acme/left");
    assert_eq!(versions(&offline), ["1.1.0"]);
    assert_eq!(offline["time"]["1.1.0"], "2020-01-02T00:00:00.000Z");
    assert_eq!(offline["dist-tags"], json!({ "latest": "1.1.0" }));
    assert_eq!(offline["versions"]["1.1.0"], document["versions"]["1.1.0"]);
    assert_eq!(registry.get("team", "@acme/left/-/left-1.1.0.tgz").text(), "@acme/left-1.1.0");
    assert_eq!(registry.get("team", "@acme/left/-/left-1.0.0.tgz").status, 404);
}

#[test]
fn a_source_is_not_trusted() {
    let source = Source::start();
    let mut document = put(&source, "left", &["1.0.0", "1.1.0", "1.2.0", "1.3.0"]);
    source.put("/files/left-1.0.0.tgz", "application/octet-stream", "other bytes");
    document["versions"]["1.1.0"]["dist"] = json!({ "tarball": format!("{}files/left-1.1.0.tgz", source.url()) });
    document["versions"]["1.2.0"]["dist"]["tarball"] = json!("http://169.254.169.254/latest/meta-data");
    document["versions"]["1.3.0"] = json!("no manifest");
    document["versions"]["../../x"] = document["versions"]["1.0.0"].clone();
    source.put("/left", "application/json", document.to_string());
    source.put("/broken", "text/html", "<html>");
    let service = chain(&source);
    let registry = Registry::new(&service);
    let target = "/d/acme-111122223333/npm/team/left/-/left-1.0.0.tgz";
    let authorization = format!("Bearer {}", registry.token);
    let cut = crate::client::send(service.address, "GET", target, &[("Authorization", &authorization)], b"");
    assert!(cut.is_err(), "the client must not take it for whole: {cut:?}");
    for version in ["1.1.0", "1.2.0", "1.3.0", "1.4.0"] {
        let status = registry.get("team", &format!("left/-/left-{version}.tgz")).status;
        assert!(matches!(status, 400 | 404), "{version}: {status}");
    }
    assert!(stored(&service, "team", "left").is_empty());
    assert_eq!(registry.get("team", "broken").status, 404);
    assert_eq!(registry.get("team", "none").status, 404);
}

#[test]
fn what_a_public_source_has_cannot_be_published_beside_it() {
    let source = Source::start();
    put(&source, "left", &["1.0.0"]);
    let service = chain(&source);
    let registry = Registry::new(&service);
    let refused = registry.put("team", "left", &publication("left", "1.0.0", b"mine", "latest"));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("public:npmjs"), "{}", refused.text());
    registry.publish("team", "left", "2.0.0", b"mine", "latest");
    // The first version that was published closed the package to upstreams.
    let document = registry.document("team", "left");
    assert_eq!(
        (versions(&document), &document["dist-tags"]),
        (vec![&"2.0.0".to_owned()], &json!({ "latest": "2.0.0" }))
    );
    assert_eq!(versions(&registry.document("store", "left")), ["1.0.0"]);
    // A source that cannot be asked, and nothing stored: the answer says why.
    source.stop();
    let answer = registry.get("team", "right");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("public:npmjs"), "{}", answer.text());
}

/// Ten thousand versions of one package are one document.
#[test]
fn a_package_may_have_many_versions() {
    let source = Source::start();
    let versions: Vec<String> = (0..10_000).map(|at| format!("1.{}.{}", at / 100, at % 100)).collect();
    let mut document = json!({ "name": "left", "dist-tags": { "latest": "1.99.99" }, "versions": {}, "time": {} });
    for version in &versions {
        document["versions"][version] = json!({ "name": "left", "version": version, "dist": { "shasum": "00" } });
    }
    source.put("/left", "application/json", document.to_string());
    let service = chain(&source);
    let registry = Registry::new(&service);
    let document = registry.document("team", "left");
    assert_eq!(document["versions"].as_object().unwrap().len(), 10_000);
    let etag = registry.get("team", "left").header("etag").unwrap().to_owned();
    assert_eq!(registry.ask("GET", "team", "left", &[("If-None-Match", &etag)], b"").status, 304);
    assert_eq!(source.asked("/left"), 1);
}

/// More in the attachment than the document may have: it never is in memory as a whole, and nothing stays of it.
#[test]
fn a_tarball_streams_through_and_a_document_is_bounded() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    let content: Vec<u8> = (0..(9_u32 << 20)).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    registry.publish("team", "large", "1.0.0", &content, "latest");
    assert_eq!(registry.get("team", "large/-/large-1.0.0.tgz").body, content);
    let mut body = publication("huge", "1.0.0", b"x", "latest");
    body["readme"] = json!("x".repeat(65 << 20));
    let answer = registry.put("team", "huge", &body);
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.json()["error"].as_str().unwrap().contains("bytes"), "{}", answer.text());
}
