//! Events: what is told of each step, in which order, and that none is ever lost.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use codeartifact::Host;
use local_service::{Clock, EventReceiver, LocalService, Options};
use serde_json::{Value, json};

use crate::{
    child as child_process,
    client::{Service, fixed_clock, publish_body, send, signed},
};

/// All events that are kept, page by page.
fn kept(service: &Service) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = service.send("GET", &format!("/_local/events?after={after}&limit=3"), &[], b"").json();
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return all;
        }
        all.extend(events.iter().cloned());
        after = page["next"].as_u64().unwrap();
    }
}

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // The last line may be on its way.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits for what another thread does; a bound in time for the test only.
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{what} does not come");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Repository, version, operation, state and changes of an event, in one line.
fn told(event: &Value) -> String {
    let detail = &event["detail"];
    let text = |name: &str| detail[name].as_str().unwrap().to_owned();
    let changes = &detail["changes"];
    format!(
        "{} {}@{} {} {} +{} -{} ~{} metadata {} status {}",
        text("repositoryName"),
        text("packageName"),
        text("packageVersion"),
        text("operationType"),
        text("packageVersionState"),
        changes["assetsAdded"],
        changes["assetsRemoved"],
        changes["assetsUpdated"],
        changes["metadataUpdated"],
        changes["statusChanged"],
    )
}

/// The content of the stream, step by step.
#[test]
fn every_step_is_told_and_nothing_else() {
    let service = Service::furnished();
    let token = service.token();
    let mut seen = 0;
    let mut step = |expected: &[&str]| {
        let events = kept(&service);
        let new: Vec<String> = events[seen..].iter().map(told).collect();
        assert_eq!(new, expected);
        seen = events.len();
    };
    step(&[]);
    let publish = |repository: &str, version: &str| {
        assert_eq!(service.publish(&token, repository, "demo", version, b"content").status, 200);
    };
    publish("shared", "1.0.0");
    step(&["shared demo@1.0.0 Created Published +1 -0 ~0 metadata true status true"]);
    publish("shared", "1.0.0");
    step(&[]);
    assert_eq!(service.publish(&token, "shared", "demo", "1.0.0", b"other").status, 409);
    step(&[]);
    // A listing tells nothing; a download through the downstream repository is kept there.
    assert_eq!(service.cargo(&token, "GET", "app", "de/mo/demo", b"").status, 200);
    step(&[]);
    assert_eq!(service.cargo(&token, "GET", "app", "api/v1/crates/demo/1.0.0/download", b"").status, 200);
    step(&["app demo@1.0.0 Created Published +1 -0 ~0 metadata true status true"]);

    let of = |repository: &str| format!("domain=acme&repository={repository}&format=cargo&package=demo");
    let copy = "domain=acme&source-repository=shared&destination-repository=team&format=cargo&package=demo";
    service.ok("POST", &format!("/v1/package/versions/copy?{copy}"), Some(&json!({ "versions": ["1.0.0"] })));
    step(&["team demo@1.0.0 Created Published +1 -0 ~0 metadata true status true"]);
    service.ok("POST", &format!("/v1/package/versions/copy?{copy}"), Some(&json!({ "versions": ["1.0.0"] })));
    step(&[]);
    let status = |target: &str| {
        let body = json!({ "versions": ["1.0.0"], "targetStatus": target });
        service.ok("POST", &format!("/v1/package/versions/update_status?{}", of("team")), Some(&body));
    };
    status("Archived");
    step(&["team demo@1.0.0 Updated Archived +0 -0 ~0 metadata false status true"]);
    status("Archived");
    step(&[]);
    service.ok(
        "POST",
        &format!("/v1/package/versions/dispose?{}", of("team")),
        Some(&json!({ "versions": ["1.0.0"] })),
    );
    step(&["team demo@1.0.0 Updated Disposed +0 -1 ~0 metadata false status true"]);
    service.ok("POST", &format!("/v1/package/versions/delete?{}", of("team")), Some(&json!({ "versions": ["1.0.0"] })));
    step(&["team demo@1.0.0 Deleted Disposed +0 -0 ~0 metadata false status false"]);
    publish("shared", "2.0.0");
    seen_two(&mut step);
    service.ok("DELETE", &format!("/v1/package?{}", of("shared")), None);
    step(&[
        "shared demo@1.0.0 Deleted Published +0 -1 ~0 metadata false status false",
        "shared demo@2.0.0 Deleted Published +0 -1 ~0 metadata false status false",
    ]);
    service.ok("DELETE", "/v1/repository?domain=acme&repository=app", None);
    step(&[]);
}

fn seen_two(step: &mut impl FnMut(&[&str])) {
    step(&["shared demo@2.0.0 Created Published +1 -0 ~0 metadata true status true"]);
}

/// A generic version that grows: open, one more, done.
#[test]
fn a_version_that_grows_is_told_asset_by_asset() {
    let service = Service::furnished();
    let publish = |asset: &str, content: &[u8], unfinished: &str| {
        let target = format!(
            "/v1/package/version/publish?domain=acme&repository=team&format=generic&namespace=tools&package=anvil\
             &version=1.0&asset={asset}{unfinished}"
        );
        let digest = crate::client::sha256(content);
        let headers = [("Authorization", &*signed("eu-west-1")), ("x-amz-content-sha256", &*digest)];
        assert_eq!(service.send("POST", &target, &headers, content).status, 200);
    };
    publish("a", b"a", "&unfinished=true");
    publish("b", b"b", "&unfinished=true");
    publish("c", b"c", "");
    let events = kept(&service);
    let told: Vec<String> = events.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "team anvil@1.0 Created Unfinished +1 -0 ~0 metadata true status true",
            "team anvil@1.0 Updated Unfinished +1 -0 ~0 metadata false status false",
            "team anvil@1.0 Updated Published +1 -0 ~0 metadata false status true",
        ]
    );
    assert_eq!(events[0]["detail"]["packageNamespace"], "tools");
}

/// Every member, as the service documents it.
#[test]
fn an_event_has_the_documented_shape() {
    let service = Service::furnished();
    assert_eq!(service.publish(&service.token(), "team", "Demo", "1.0.0", b"content").status, 200);
    let mut event = kept(&service).remove(0);
    let id = event["id"].take();
    let parts: Vec<usize> = id.as_str().unwrap().split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    let revision = event["detail"]["packageVersionRevision"].take();
    let described = service.ok(
        "GET",
        "/v1/package/version?domain=acme&repository=team&format=cargo&package=Demo&version=1.0.0",
        None,
    );
    assert_eq!(revision, described["packageVersion"]["revision"]);
    assert_eq!(event["detail"]["eventDeduplicationId"].take().as_str().unwrap().len(), 44);
    assert_eq!(
        event,
        json!({
            "version": "0",
            "id": null,
            "detail-type": "CodeArtifact Package Version State Change",
            "source": "aws.codeartifact",
            "account": "111122223333",
            "time": "2027-01-15T08:00:00Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:codeartifact:eu-west-1:111122223333:package/acme/team/cargo//Demo"],
            "detail": {
                "domainName": "acme",
                "domainOwner": "111122223333",
                "repositoryName": "team",
                "repositoryAdministrator": "111122223333",
                "packageFormat": "cargo",
                "packageNamespace": null,
                "packageName": "Demo",
                "packageVersion": "1.0.0",
                "packageVersionState": "Published",
                "packageVersionRevision": null,
                "changes": {
                    "assetsAdded": 1,
                    "assetsRemoved": 0,
                    "metadataUpdated": true,
                    "assetsUpdated": 0,
                    "statusChanged": true,
                },
                "operationType": "Created",
                "sequenceNumber": 1,
                "eventDeduplicationId": null,
            },
        })
    );
    for bad in ["after=x", "after=-1", "limit=0", "limit=1001", "limit=x"] {
        assert_eq!(service.send("GET", &format!("/_local/events?{bad}"), &[], b"").status, 400, "{bad}");
    }
    assert_eq!(service.send("POST", "/_local/events", &[], b"").status, 404);
}

/// Over restarts the file gets each once, and in order; what happens in a run without it comes later.
#[test]
fn a_file_gets_all_events_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("events.jsonl"));
    let run = |receiver: bool, number: u64| {
        let receiver = receiver.then(|| EventReceiver::File(file.clone()));
        let service = Service::of(Options { events: receiver, ..Options::durable(&data, fixed_clock()) });
        if number == 0 {
            service.furnish();
        }
        let token = service.token();
        for minor in 0..3 {
            let version = format!("{number}.{minor}.0");
            assert_eq!(service.publish(&token, "team", "demo", &version, b"content").status, 200);
        }
        service.local.stop();
    };
    let versions = || -> Vec<u64> {
        lines(&file).iter().map(|event| event["detail"]["sequenceNumber"].as_u64().unwrap()).collect()
    };
    run(false, 0);
    // Named for the first time: what was before is not told to it.
    run(true, 1);
    assert_eq!(versions(), [4, 5, 6]);
    run(false, 2);
    assert_eq!(versions(), [4, 5, 6]);
    run(true, 3);
    assert_eq!(versions(), [4, 5, 6, 7, 8, 9, 10, 11, 12]);
}

/// A stream, as `--events -` has it.
#[test]
fn a_stream_gets_one_line_for_each() {
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let written = Shared::default();
    let receiver = EventReceiver::Stream(Arc::new(Mutex::new(written.clone())));
    let service = Service::of(Options { events: Some(receiver), ..Options::ephemeral(fixed_clock()) });
    service.furnish();
    let token = service.token();
    for version in ["1.0.0", "2.0.0"] {
        service.publish(&token, "team", "demo", version, b"content");
    }
    let expected = kept(&service);
    service.local.stop();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, expected);
}

/// Reads one POST and answers it; the event.
fn accept_post(stream: &mut BufReader<TcpStream>, status: &str) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    write!(stream.get_mut(), "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").ok()?;
    serde_json::from_slice(&body).ok()
}

/// A receiver that is slow, refuses and breaks off holds nobody up, and gets every event in order.
#[test]
fn a_receiver_that_fails_holds_nobody_up_and_misses_nothing() {
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let receiver = EventReceiver::hook(&format!("http://{}/events", hook.local_addr().unwrap())).unwrap();
    let service = Service::of(Options { events: Some(receiver), ..Options::ephemeral(fixed_clock()) });
    service.furnish();
    let token = service.token();
    // Nobody accepts yet: every publish is answered all the same.
    for number in 0..20 {
        assert_eq!(service.publish(&token, "team", "demo", &format!("{number}.0.0"), b"content").status, 200);
    }
    let page = service.send("GET", "/_local/events", &[], b"").json();
    assert_eq!((&page["last"], &page["delivered"]), (&json!(20), &json!(0)));

    let mut accepted: Vec<u64> = Vec::new();
    let mut posts = 0;
    while accepted.len() < 20 {
        let (stream, _) = hook.accept().unwrap();
        let mut stream = BufReader::new(stream);
        loop {
            posts += 1;
            // The first of each five is refused, the third cut off before its answer.
            let status = if posts % 5 == 1 { "503 Busy" } else { "204 Done" };
            if posts % 5 == 3 {
                break;
            }
            let Some(event) = accept_post(&mut stream, status) else { break };
            if status.starts_with('2') {
                accepted.push(event["detail"]["sequenceNumber"].as_u64().unwrap());
            }
            if accepted.len() >= 20 {
                break;
            }
        }
    }
    assert_eq!(accepted, (1..=20).collect::<Vec<_>>());
    until("the position", || {
        let page = service.send("GET", "/_local/events", &[], b"").json();
        (page["delivered"] == 20).then_some(())
    });
}

/// A hook that never answers does not keep the service from stopping.
#[test]
fn a_receiver_that_hangs_does_not_keep_the_service() {
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let receiver = EventReceiver::hook(&format!("http://{}/", hook.local_addr().unwrap())).unwrap();
    let mut options = Options { events: Some(receiver), ..Options::ephemeral(fixed_clock()) };
    options.limits.drain = Duration::from_millis(300);
    let service = Service::of(options);
    service.furnish();
    assert_eq!(service.publish(&service.token(), "team", "demo", "1.0.0", b"content").status, 200);
    let began = Instant::now();
    service.local.stop();
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// Not a test of its own: what the next ones start and kill.
#[test]
#[ignore = "started by the crash tests"]
fn child() {
    let host = Host::of_process();
    let folder = Path::new(host.var(child_process::FOLDER).expect("the crash tests say where")).to_owned();
    let receiver = EventReceiver::File(folder.join("events.jsonl"));
    let options = Options { events: Some(receiver), ..Options::durable(folder.join("data"), Clock::of(host)) };
    let service = LocalService::start(options).unwrap();
    writeln!(std::io::stdout(), "\nserving {}", service.address()).unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Publishes versions until the service is gone, or all are published; returns those that were acknowledged.
fn publish(address: std::net::SocketAddr, round: usize, count: usize) -> Vec<String> {
    let call = |target: &str| {
        send(address, "POST", target, &[("Authorization", &signed("eu-west-1"))], b"").map(|answer| answer.json())
    };
    let furnish = || {
        call("/v1/domain?domain=acme")?;
        call("/v1/repository?domain=acme&repository=team")?;
        call("/v1/authorization-token?domain=acme")
    };
    let mut acknowledged = Vec::new();
    let Ok(token) = furnish() else { return acknowledged };
    let Some(token) = token["authorizationToken"].as_str() else { return acknowledged };
    for number in 0..count {
        let version = format!("{round}.{number}.0");
        let body = publish_body("demo", &version, version.as_bytes());
        let target = "/d/acme-111122223333/cargo/team/api/v1/crates/new";
        match send(address, "PUT", target, &[("Authorization", token)], &body) {
            Ok(answer) if answer.status == 200 => acknowledged.push(version),
            _ => break,
        }
    }
    acknowledged
}

/// The versions that the file tells of: each line whole, the numbers in order but for what was told again.
fn told_of(file: &Path) -> Vec<String> {
    let events = lines(file);
    let mut newest = 0;
    let mut versions = Vec::new();
    for event in &events {
        let number = event["detail"]["sequenceNumber"].as_u64().unwrap();
        assert!(number <= newest + 1, "after {newest} comes {number}");
        if number > newest {
            newest = number;
            versions.push(event["detail"]["packageVersion"].as_str().unwrap().to_owned());
        }
    }
    versions
}

/// A clean run, which hands over what is left.
fn finish(folder: &Path) {
    let receiver = EventReceiver::File(folder.join("events.jsonl"));
    let clock = Clock::of(Host::of_process());
    let options = Options { events: Some(receiver), ..Options::durable(folder.join("data"), clock) };
    crate::client::start(&options).unwrap().stop();
}

/// SIGKILL between commit and delivery, again and again on one folder.
#[test]
fn killed_at_any_moment_no_event_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let mut child = child_process::start_test("events::child", folder.path(), &[]);
        let address = child_process::address(&mut child).unwrap();
        // The kill comes right after an answer: the commit is done, the delivery most likely not.
        acknowledged.extend(publish(address, round, 1 + round % 4));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    finish(folder.path());
    let told = told_of(&folder.path().join("events.jsonl"));
    assert_eq!(told, acknowledged);
}

/// SIGKILL, a full disk or a failing one at the n-th write or flush of the file of events.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_fails_or_breaks_off_gets_every_event() {
    if !child_process::strace_is_usable() {
        return;
    }
    let (mut killed, mut survived) = (0, 0);
    for (call, fault, counts) in [
        ("write", "signal=KILL", &[1, 2, 4][..]),
        ("fdatasync", "signal=KILL", &[1, 2, 4]),
        ("write", "error=ENOSPC", &[1, 3]),
        ("fdatasync", "error=EIO", &[1, 3]),
    ] {
        for when in counts {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().canonicalize().unwrap();
            let file = path.join("events.jsonl");
            let inject = format!("inject={call}:{fault}:when={when}");
            let trace = format!("trace={call}");
            let traced = file.to_str().unwrap();
            let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject, "-P", traced];
            let mut child = child_process::start_test("events::child", &path, &wrapper);
            let address = child_process::address(&mut child).unwrap();
            let mut acknowledged = publish(address, 0, 8);
            drop(child.stdin.take());
            // The tracer ends as the traced did.
            *if child_process::was_killed(child.wait().unwrap()) { &mut killed } else { &mut survived } += 1;
            finish(&path);
            let told = told_of(&file);
            // A publish that was committed and not answered any more is told of, too.
            acknowledged.extend(told.get(acknowledged.len()).cloned());
            assert_eq!(told, acknowledged, "{call} {fault} {when}");
        }
    }
    assert!(killed >= 5 && survived >= 4, "{killed} killed, {survived} not");
}
