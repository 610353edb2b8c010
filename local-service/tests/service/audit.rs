//! The audit trail: what a line says, what it never says, and that nobody waits for it.

use std::{
    io::{self, Write},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use local_service::{AuditReceiver, Cut, FaultRule, Limits, Notices, Options};
use serde_json::{Value, json};

use crate::client::{Connection, Service, fixed_clock, publish_body, request, send, signed};

/// All lines of a trail, once the service has stopped.
fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Lines without what differs from run to run, each of which is there once.
fn told(mut lines: Vec<Value>) -> Vec<Value> {
    let mut ids = std::collections::BTreeSet::new();
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        for id in ["requestID", "eventID"] {
            assert!(ids.insert(line.remove(id).unwrap().as_str().unwrap().to_owned()));
        }
    }
    lines
}

/// A service that writes its trail to a stream.
fn to_stream(stream: impl Write + Send + 'static, notices: Notices) -> Service {
    let limits = Limits { drain: Duration::from_millis(300), ..Limits::default() };
    let audit = Some(AuditReceiver::Stream(Arc::new(Mutex::new(stream))));
    let service = Service::of(Options { audit, limits, notices, ..Options::ephemeral(fixed_clock()) });
    service.furnish();
    service
}

fn gathered() -> (Notices, Arc<Mutex<Vec<String>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let saying = Arc::clone(&said);
    (Notices::new(move |text| saying.lock().unwrap().push(text.to_owned())), said)
}

#[test]
#[expect(clippy::too_many_lines, reason = "half of them are the lines that are expected")]
fn a_call_and_a_request_become_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::of(Options::durable(folder.path().join("data"), fixed_clock()));
    let tags = json!({ "tags": [{ "key": "team", "value": "web" }], "unknown": "left out" });
    service.ok("POST", "/v1/domain?domain=acme&unknown=left-out", Some(&tags));
    service.ok("POST", "/v1/repository?domain=acme&repository=team", None);
    service.refused("GET", "/v1/repository?domain=acme&repository=none", None);
    let token = service.token();
    assert_eq!(service.publish(&token, "team", "demo", "1.0.0", b"content").status, 200);
    let agent = [("Authorization", token.as_str()), ("User-Agent", "cargo/1.95.0")];
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/demo/1.0.0/download?x=y&q=z";
    assert_eq!(service.send("GET", target, &agent, b"").status, 200);
    assert_eq!(service.send("GET", "/d/acme-111122223333/npm/team/@acme%2fui", &agent, b"").status, 404);
    assert_eq!(service.send("GET", "/d/acme-111122223333/npm/team/-/ping", &[], b"").status, 401);
    assert_eq!(service.send("GET", "/_local/counters", &[], b"").json()["audit"]["lost"], 0);
    service.local.stop();

    let file = folder.path().join("data/audit.jsonl");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let lines = told(lines(&file));
    let root = json!({
        "type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root",
        "accountId": "111122223333",
    });
    let caller = {
        let mut caller = root.clone();
        caller["accessKeyId"] = json!("AKIDEXAMPLE");
        caller
    };
    let line = |name: &str, read_only: bool, identity: &Value, (method, uri): (&str, &str), parameters: Value| {
        json!({
            "eventVersion": "1.05", "userIdentity": identity, "eventTime": "2027-01-15T08:00:00Z",
            "eventSource": "codeartifact.amazonaws.com", "eventName": name, "awsRegion": "eu-west-1",
            "sourceIPAddress": "127.0.0.1", "userAgent": "", "requestParameters": parameters,
            "responseElements": null, "additionalEventData": { "httpMethod": method, "requestUri": uri },
            "readOnly": read_only, "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        })
    };
    let with = |mut line: Value, members: &[(&str, Value)]| {
        for (name, value) in members {
            line[*name] = value.clone();
        }
        line
    };
    let request = |format: &str, rest: &[(&str, &str)]| {
        let parameters = json!({ "domainName": "acme", "domainOwner": "111122223333", "repositoryName": "team", "packageFormat": format });
        with(parameters, &rest.iter().map(|(name, value)| (*name, json!(value))).collect::<Vec<_>>())
    };
    let demo = [("packageName", "demo"), ("packageVersion", "1.0.0")];
    let expected = [
        line(
            "CreateDomain",
            false,
            &caller,
            ("POST", "/v1/domain?domain=acme&***"),
            json!({ "domainName": "acme", "tags": [{ "key": "team", "value": "web" }] }),
        ),
        line(
            "CreateRepository",
            false,
            &caller,
            ("POST", "/v1/repository?domain=acme&repository=team"),
            json!({ "domainName": "acme", "repositoryName": "team" }),
        ),
        with(
            line(
                "DescribeRepository",
                true,
                &caller,
                ("GET", "/v1/repository?domain=acme&repository=none"),
                json!({ "domainName": "acme", "repositoryName": "none" }),
            ),
            &[
                ("errorCode", json!("ResourceNotFoundException")),
                ("errorMessage", json!("repository `none` does not exist")),
            ],
        ),
        with(
            line(
                "GetAuthorizationToken",
                false,
                &caller,
                ("POST", "/v1/authorization-token?domain=acme"),
                json!({ "domainName": "acme" }),
            ),
            &[("responseElements", json!({ "sessionToken": "HIDDEN_DUE_TO_SECURITY_REASONS" }))],
        ),
        line("PublishPackageVersion", false, &root, ("PUT", "/cargo/team/api/v1/crates/new"), request("cargo", &demo)),
        with(
            line(
                "ReadFromRepository",
                true,
                &root,
                ("GET", "/cargo/team/api/v1/crates/demo/1.0.0/download?***&q=z"),
                request("cargo", &demo),
            ),
            &[("userAgent", json!("cargo/1.95.0"))],
        ),
        with(
            line(
                "ReadFromRepository",
                true,
                &root,
                ("GET", "/npm/team/@acme%2fui"),
                request("npm", &[("packageNamespace", "acme"), ("packageName", "ui")]),
            ),
            &[
                ("userAgent", json!("cargo/1.95.0")),
                ("errorCode", json!("ResourceNotFoundException")),
                ("errorMessage", json!("package `@acme/ui` does not exist")),
            ],
        ),
    ];
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(line, expected);
    }
    assert_eq!(lines.len(), expected.len() + 1, "{lines:#?}");
    let refused = lines.last().unwrap();
    assert_eq!((&refused["userIdentity"], refused.get("awsRegion")), (&json!({ "type": "Unknown" }), None));
    assert_eq!(refused["errorCode"], "AccessDeniedException");
}

#[test]
fn every_format_says_what_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trail");
    let audit = Some(AuditReceiver::File(file.clone()));
    let service = Service::of(Options { audit, ..Options::ephemeral(fixed_clock()) });
    service.furnish();
    let before = 5;
    let token = service.token();
    let asked = [
        ("GET", "npm/team/-/package/ui/dist-tags", "ReadFromRepository", "ui", None),
        ("PUT", "npm/team/-/package/ui/dist-tags/next", "PutPackageMetadata", "ui", None),
        ("GET", "pypi/team/simple/Six/1.16.0/six-1.16.0.tar.gz", "ReadFromRepository", "six", Some("1.16.0")),
        ("PUT", "maven/team/com/acme/app/1.0/app-1.0.jar", "PublishPackageVersion", "app", Some("1.0")),
        ("GET", "nuget/team/v3/flatcontainer/a.b/1.0.0/a.b.1.0.0.nupkg", "ReadFromRepository", "a.b", Some("1.0.0")),
        ("HEAD", "ruby/team/gems/rack-2.0.1.gem", "ReadFromRepository", "rack", Some("2.0.1")),
        ("GET", "swift/team/acme/net/1.0.0.zip", "ReadFromRepository", "net", Some("1.0.0")),
        ("GET", "generic/team/ns/app/1.0/app.bin", "ReadFromRepository", "app", Some("1.0")),
        ("DELETE", "cargo/team/api/v1/crates/demo/1.0.0/yank", "UpdatePackageVersionsStatus", "demo", Some("1.0.0")),
    ];
    for (method, path, ..) in &asked {
        service.send(method, &format!("/d/acme-111122223333/{path}"), &[("Authorization", &token)], b"");
    }
    service.local.stop();
    let lines = lines(&file);
    assert_eq!(lines.len(), before + asked.len());
    for (line, (method, path, event, name, version)) in lines[before..].iter().zip(&asked) {
        let parameters = &line["requestParameters"];
        assert_eq!(line["eventName"], *event, "{method} {path}");
        assert_eq!(line["readOnly"], *event == "ReadFromRepository");
        assert_eq!((&parameters["packageName"], &parameters["packageVersion"]), (&json!(name), &json!(version)));
        assert_eq!(line["additionalEventData"]["requestUri"], format!("/{path}"));
    }
}

/// A marked token through every door there is.
#[test]
fn no_token_no_signature_and_no_content_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::of(Options::durable(&data, fixed_clock()));
    service.furnish();
    let token = service.token();
    let canary = "cAnArY-s3cr3t-of-nobody";
    let basic = format!("Basic {}", STANDARD.encode(format!("aws:{token}")));
    let other = format!("Basic {}", STANDARD.encode(format!("aws:{canary}")));
    let [bearer, marked] = [&token, canary].map(|it: &str| format!("Bearer {it}"));
    let root = "/d/acme-111122223333/npm/team/ui";
    for authorization in [token.as_str(), canary, &basic, &other, &bearer, &marked] {
        service.send("GET", root, &[("Authorization", authorization)], b"");
    }
    let encoded = STANDARD.encode(format!("aws:{token}"));
    for target in [
        format!("{root}?token={token}"),
        format!("{root}?q={token}"),
        format!("{root}?{canary}"),
        format!("{root}?token={canary}&write=true"),
        format!("{root}/{token}"),
        format!("/d/acme-111122223333/npm/{token}/ui"),
        format!("{root}?q={encoded}"),
        format!("/v1/domain?domain=acme&X-Amz-Signature={canary}&X-Amz-Security-Token={token}"),
        format!("/v1/domain?domain={token}"),
        format!("/v1/domains?next-token={canary}"),
        format!("/v1/{token}"),
    ] {
        let headers = [("Authorization", bearer.as_str()), ("User-Agent", token.as_str())];
        service.send("GET", &target, &headers, b"");
        service.send("GET", &target, &[("Authorization", &signed("eu-west-1"))], b"");
    }
    // The user part of a URL, for a client that leaves it there.
    let absolute = format!("http://aws:{token}@{}{root}", service.address);
    assert_eq!(service.send("GET", &absolute, &[], b"").status, 421);
    let described = json!({ "description": format!("see {token}"), "password": canary });
    service.call("PUT", "/v1/repository?domain=acme&repository=team", Some(&described));
    let session = [("Authorization", signed("eu-west-1")), ("X-Amz-Security-Token", canary.to_owned())];
    let session = session.each_ref().map(|(name, value)| (*name, value.as_str()));
    service.send("GET", "/v1/domain?domain=acme", &session, b"");
    let large = json!({ "description": "x".repeat(20_000), "upstreams": [{ "repositoryName": canary }] });
    service.call("PUT", "/v1/repository?domain=acme&repository=team", Some(&large));
    let content = format!("content {canary}");
    assert_eq!(service.publish(&token, "team", "demo", "1.0.0", content.as_bytes()).status, 200);
    let query = "domain=acme&repository=team&format=generic&namespace=n&package=p&version=1&asset=a";
    let hash = crate::client::sha256(content.as_bytes());
    let signature = signed("eu-west-1");
    let headers = [("Authorization", signature.as_str()), ("x-amz-content-sha256", hash.as_str())];
    let published = service.send("POST", &format!("/v1/package/version/publish?{query}"), &headers, content.as_bytes());
    assert_eq!(published.status, 200, "{}", published.text());
    service.local.stop();

    let text = std::fs::read_to_string(data.join("audit.jsonl")).unwrap();
    // Six and twenty-two requests, four calls, one that was published, and what furnished the service.
    assert_eq!(text.lines().count(), 6 + 22 + 3 + 2 + 5, "{text}");
    let (head, body) = token.split_once('.').unwrap();
    for secret in [canary, &token, head, &body[..24], &body[body.len() - 24..], &encoded[..24], &"0a".repeat(16)] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for encoded in [STANDARD.encode(canary), STANDARD.encode(format!("aws:{canary}"))] {
        assert!(!text.contains(&encoded), "{encoded} in {text}");
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["requestParameters"]["description"] == "see ***"));
    assert!(lines.iter().any(|line| line["requestParameters"]["omitted"] == true));
    assert!(lines.iter().any(|line| line["requestParameters"]["assetName"] == "a"));
}

#[test]
fn who_goes_away_and_who_is_cut_off_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::of(Options::durable(&data, fixed_clock()));
    service.furnish();
    let token = service.token();
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/new";
    let headers = [("Authorization", token.as_str())];
    let whole = request(service.address, "PUT", target, &headers, &publish_body("demo", "1.0.0", b"content"));
    let second = FaultRule { path: Some("/new".to_owned()), cut: Some(Cut::After), skip: 1, ..FaultRule::default() };
    service.local.set_faults(vec![second]).unwrap();
    let mut connection = Connection::open(service.address).unwrap();
    connection.send(&whole[..whole.len() - 3]).unwrap();
    let patience = Instant::now();
    while service.local.calls("cargo:publish").calls < 1 {
        assert!(patience.elapsed() < Duration::from_secs(30), "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(connection);
    assert!(send(service.address, "PUT", target, &headers, &publish_body("demo", "1.0.0", b"content")).is_err());
    service.local.stop();
    let lines = lines(&data.join("audit.jsonl"));
    let of_publish: Vec<_> = lines.iter().filter(|line| line["eventName"] == "PublishPackageVersion").collect();
    assert_eq!(of_publish.len(), 2, "{lines:#?}");
    let (cut, left): (Vec<&Value>, Vec<&Value>) =
        of_publish.iter().partition(|line| line["errorCode"] == "ConnectionCut");
    assert_eq!((cut.len(), left.len()), (1, 1), "{of_publish:#?}");
    assert!(left[0]["errorMessage"].is_string());
    assert_eq!(cut[0]["requestParameters"]["packageVersion"], "1.0.0");
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_written_is_counted_and_told_once() {
    let (notices, said) = gathered();
    let service = to_stream(Full, notices);
    let lost = || service.send("GET", "/_local/counters", &[], b"").json()["audit"].clone();
    for calls in 1..=3 {
        service.ok("GET", "/v1/domain?domain=acme", None);
        let patience = Instant::now();
        while lost()["lost"] != 4 + calls {
            assert!(patience.elapsed() < Duration::from_secs(30), "{}", lost());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert_eq!(lost()["written"], 0);
    service.local.stop();
    let said = said.lock().unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("/_local/counters"), "{said:?}");
}

/// Takes nothing before it may.
struct Stuck(Receiver<()>, Sender<Vec<u8>>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The sender is gone when the test is over.
        let _ = self.0.recv();
        let _ = self.1.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn nobody_waits_for_a_receiver_that_hangs() {
    let (let_go, gate) = channel();
    let (taken, all) = channel();
    let (notices, said) = gathered();
    let service = to_stream(Stuck(gate, taken), notices);
    for _ in 0..200 {
        service.ok("GET", "/v1/domain?domain=acme", None);
    }
    let stopping = Instant::now();
    service.local.stop();
    assert!(stopping.elapsed() < Duration::from_secs(10), "{:?}", stopping.elapsed());
    assert!(said.lock().unwrap().iter().any(|said| said.contains("unfinished")), "{said:?}");
    // Once it takes them, all of them are there.
    drop(let_go);
    let text: Vec<u8> = all.iter().flatten().collect();
    assert_eq!(String::from_utf8(text).unwrap().lines().count(), 204);
}

#[test]
fn a_trail_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for starts in 1..=2 {
        let service = Service::of(Options::durable(&data, fixed_clock()));
        service.call("POST", "/v1/domains", None);
        service.local.stop();
        assert_eq!(told(lines(&data.join("audit.jsonl"))).len(), starts);
    }
    let service = Service::of(Options { audit: None, ..Options::durable(&data, fixed_clock()) });
    service.call("POST", "/v1/domains", None);
    let counters = service.send("GET", "/_local/counters", &[], b"").json();
    assert!(counters["audit"].is_null(), "{counters}");
    service.local.stop();
    assert_eq!(lines(&data.join("audit.jsonl")).len(), 2);
    let nowhere = AuditReceiver::File(folder.path().join("none/audit.jsonl"));
    let refused = local_service::LocalService::start(Options {
        audit: Some(nowhere),
        ..Options::durable(folder.path().join("other"), fixed_clock())
    });
    assert!(matches!(refused, Err(local_service::StartError::Audit { .. })), "{refused:?}");
}
