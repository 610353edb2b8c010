//! Killed at any point, the service loses nothing it acknowledged and shows nothing that is not whole.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use codeartifact::Host;
use local_service::{Clock, LocalService, Options};
use serde_json::{Value, json};

use crate::client::{Connection, Service, index_path, publish_body, request, send, sha256, signed};

/// The folder that the child serves.
pub(crate) const FOLDER: &str = "LOCAL_SERVICE_CRASH_FOLDER";

/// Not a test of its own: what the others start and kill.
#[test]
#[ignore = "started by the crash tests"]
fn child() {
    let host = Host::of_process();
    let folder = host.var(FOLDER).expect("the crash tests say where").to_owned();
    let service = LocalService::start(Options::durable(folder, Clock::of(host))).unwrap();
    writeln!(std::io::stdout(), "\nserving {}", service.address()).unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Starts the child, under `wrapper` if there is one.
fn start(folder: &Path, wrapper: &[&str]) -> Child {
    start_test("crash::child", folder, wrapper)
}

/// The same with a child of another file.
pub(crate) fn start_test(test: &str, folder: &Path, wrapper: &[&str]) -> Child {
    let program = Host::of_process().program().unwrap();
    let arguments = ["--exact", test, "--ignored", "--nocapture", "--test-threads=1"];
    let mut command = match wrapper {
        [] => Command::new(&program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(&program);
            command
        }
    };
    command
        .args(arguments)
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The address that the child serves; `None` if it was killed before.
pub(crate) fn address(child: &mut Child) -> Option<std::net::SocketAddr> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).find_map(|line| line.strip_prefix("serving ")?.parse().ok())
}

fn content(name: &str, version: &str) -> Vec<u8> {
    // More than one piece of a file, and other bytes in every version; every second crate shares its bytes.
    let seed = if name.ends_with("-same") { version.to_owned() } else { format!("{name} {version}") };
    seed.into_bytes().repeat(500)
}

/// Publishes until the service is gone; returns what was acknowledged.
fn publish_until_killed(
    address: std::net::SocketAddr,
    acknowledged: &Mutex<Vec<(String, String)>>,
    names: &[&str],
    limit: usize,
) {
    let call = |method: &str, target: &str| {
        send(address, method, target, &[("Authorization", &signed("eu-west-1"))], b"").map(|answer| answer.json())
    };
    let furnish = || {
        call("POST", "/v1/domain?domain=acme")?;
        call("POST", "/v1/repository?domain=acme&repository=team")?;
        call("POST", "/v1/authorization-token?domain=acme")
    };
    let Ok(token) = furnish() else { return };
    let Some(token) = token["authorizationToken"].as_str().map(str::to_owned) else { return };
    for number in 0..limit {
        for name in names {
            let version = format!("{number}.0.0");
            let body = publish_body(name, &version, &content(name, &version));
            let target = "/d/acme-111122223333/cargo/team/api/v1/crates/new";
            match send(address, "PUT", target, &[("Authorization", &token)], &body) {
                Ok(answer) if answer.status == 200 => {
                    acknowledged.lock().unwrap().push(((*name).to_owned(), version));
                }
                Ok(answer) => panic!("{}", answer.text()),
                Err(_) => return,
            }
        }
    }
}

/// Opens the folder again: what was acknowledged is whole, what is visible is whole, nothing else is left.
fn inspect(folder: &Path, acknowledged: &[(String, String)]) {
    let service = Service::of(Options::durable(folder, Clock::of(Host::of_process())));
    let left = std::fs::read_dir(folder.join("staging")).unwrap().count();
    assert_eq!(left, 0, "staging is swept");
    let exists = |target: &str| service.call("GET", target, None).status == 200;
    let mut visible: BTreeMap<(String, String), String> = BTreeMap::new();
    if exists("/v1/repository?domain=acme&repository=team") {
        let token = service.token();
        let packages = service.ok("POST", "/v1/packages?domain=acme&repository=team", None);
        for package in packages["packages"].as_array().unwrap() {
            let name = package["package"].as_str().unwrap();
            let index = service.cargo(&token, "GET", "team", &index_path(name), b"");
            for line in index.text().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let version = line["vers"].as_str().unwrap();
                let path = format!("api/v1/crates/{name}/{version}/download");
                let bytes = service.cargo(&token, "GET", "team", &path, b"").body;
                assert_eq!(bytes, content(name, version), "{name} {version}");
                assert_eq!(line["cksum"], sha256(&bytes).as_str());
                visible.insert((name.to_owned(), version.to_owned()), sha256(&bytes));
            }
        }
        // One more goes in: the folder is not only readable.
        assert_eq!(service.publish(&token, "team", "afterwards", "1.0.0", b"afterwards").status, 200);
        visible.insert(("afterwards".to_owned(), "1.0.0".to_owned()), sha256(b"afterwards"));
    }
    for version in acknowledged {
        assert!(visible.contains_key(version), "{version:?} was acknowledged and is lost");
    }
    service.local.stop();
    let mut stored: Vec<String> = files(&folder.join("assets"));
    stored.sort();
    let mut expected: Vec<String> = visible.into_values().collect();
    expected.sort();
    expected.dedup();
    assert_eq!(stored, expected, "exactly what is referred to is stored");
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    found
}

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    for round in 0..8_u64 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start(folder.path(), &[]);
        let address = address(&mut child).unwrap();
        let acknowledged = Mutex::new(Vec::new());
        // All threads furnish: whoever is first makes the domain, the others are told that it is there.
        let names = [["one", "one-same"], ["two", "two-same"], ["three", "three-same"]];
        thread::scope(|scope| {
            let publishers: Vec<_> = names
                .iter()
                .map(|names| scope.spawn(|| publish_until_killed(address, &acknowledged, names, usize::MAX)))
                .collect();
            // The moment is spread over a publish's steps; what is proved does not rest on it.
            while acknowledged.lock().unwrap().len() < 5 + usize::try_from(round).unwrap() {
                assert!(publishers.iter().any(|publisher| !publisher.is_finished()), "the service ended by itself");
                thread::yield_now();
            }
            thread::sleep(Duration::from_micros(700 * round));
            child.kill().unwrap();
        });
        child.wait().unwrap();
        inspect(folder.path(), &acknowledged.into_inner().unwrap());
    }
}

/// SIGKILL at the n-th call of each kind that changes the folder, from the first start on.
#[cfg(target_os = "linux")]
#[test]
fn killed_at_every_step_nothing_acknowledged_is_lost() {
    if !strace_is_usable() {
        return;
    }
    let mut killed = 0;
    for (call, counts) in [
        ("fsync", &[1, 2, 3, 4, 5, 6, 7, 8, 9][..]),
        ("fdatasync", &[1, 2, 4, 6, 8, 10, 12, 14, 16, 18]),
        ("rename", &[1, 2, 3, 4, 5]),
        ("pwrite64", &[1, 3, 5, 8, 13, 21, 34]),
        ("ftruncate", &[1]),
        ("mkdir", &[1, 2, 3, 40]),
        ("unlink", &[1, 2]),
        ("openat", &[20, 30, 40, 50, 60]),
        ("write", &[1, 2, 3, 4]),
    ] {
        for when in counts {
            let folder = tempfile::tempdir().unwrap();
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let trace = format!("trace={call}");
            let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let mut child = start(folder.path(), &wrapper);
            let acknowledged = Mutex::new(Vec::new());
            if let Some(address) = address(&mut child) {
                publish_until_killed(address, &acknowledged, &["demo", "demo-same"], 6);
            }
            // A child that got through all its calls ends when its input does.
            drop(child.stdin.take());
            if !child.wait().unwrap().success() {
                killed += 1;
            }
            inspect(folder.path(), &acknowledged.into_inner().unwrap());
        }
    }
    assert!(killed >= 30, "only {killed} runs were killed on the way");
}

/// The disk is full, or fails, at the n-th write or flush: the request says so, what is stored is served, and the next
/// request succeeds.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_the_request_and_nothing_else() {
    if !strace_is_usable() {
        return;
    }
    let (mut refused_by_store, mut refused_by_database) = (0, 0);
    for (call, error, database, counts) in [
        ("write", "ENOSPC", false, &[1, 2, 3][..]),
        ("fsync", "EIO", false, &[1, 2]),
        ("pwrite64", "ENOSPC", true, &[8, 12, 16, 20, 24]),
        ("fdatasync", "EIO", true, &[3, 5, 6, 7]),
    ] {
        for when in counts {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().canonicalize().unwrap();
            // Made before, so that the counted calls are those of requests.
            drop(LocalService::start(Options::durable(&data, Clock::of(Host::of_process()))).unwrap());
            let inject = format!("inject={call}:error={error}:when={when}");
            let trace = format!("trace={call}");
            let staged: Vec<String> = (0..10).map(|number| format!("{}/staging/{number}", data.display())).collect();
            let file = format!("{}/service.redb", data.display());
            let mut wrapper = vec!["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let paths = if database { vec![file.as_str()] } else { staged.iter().map(String::as_str).collect() };
            wrapper.extend(paths.iter().flat_map(|path| ["-P", path]));
            let mut child = start(&data, &wrapper);
            let mut acknowledged = Vec::new();
            if let Some(address) = address(&mut child) {
                let refused = publish_again_and_again(address, &mut acknowledged);
                *if database { &mut refused_by_database } else { &mut refused_by_store } += refused;
            }
            drop(child.stdin.take());
            child.wait().unwrap();
            inspect(&data, &acknowledged);
        }
    }
    assert!(refused_by_store >= 3, "{refused_by_store}");
    assert!(refused_by_database >= 3, "{refused_by_database}");
}

/// Publishes six versions, each until it is accepted; returns how often one was not.
#[cfg(target_os = "linux")]
fn publish_again_and_again(address: std::net::SocketAddr, acknowledged: &mut Vec<(String, String)>) -> usize {
    let authorization = signed("eu-west-1");
    let headers = [("Authorization", authorization.as_str())];
    let mut refused = 0;
    let mut until_accepted = |method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]| {
        for _ in 0..3 {
            let answer = send(address, method, target, headers, body).unwrap();
            match answer.status {
                200 | 409 => return answer.json(),
                500 | 507 => refused += 1,
                _ => panic!("{}", answer.text()),
            }
        }
        panic!("{method} {target} is refused again and again");
    };
    until_accepted("POST", "/v1/domain?domain=acme", &headers, b"");
    until_accepted("POST", "/v1/repository?domain=acme&repository=team", &headers, b"");
    let token = until_accepted("POST", "/v1/authorization-token?domain=acme", &headers, b"");
    let token = token["authorizationToken"].as_str().unwrap().to_owned();
    for number in 0..6 {
        let version = format!("{number}.0.0");
        let body = publish_body("demo", &version, &content("demo", &version));
        let headers = [("Authorization", token.as_str())];
        let target = "/d/acme-111122223333/cargo/team/";
        until_accepted("PUT", &format!("{target}api/v1/crates/new"), &headers, &body);
        acknowledged.push(("demo".to_owned(), version));
        for (name, version) in acknowledged.iter() {
            let path = format!("{target}api/v1/crates/{name}/{version}/download");
            assert_eq!(send(address, "GET", &path, &headers, b"").unwrap().body, content(name, version));
        }
    }
    refused
}

#[cfg(target_os = "linux")]
#[expect(clippy::print_stderr, reason = "a test that could not be run says so")]
pub(crate) fn strace_is_usable() -> bool {
    let usable = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).status();
    let usable = usable.is_ok_and(|status| status.success());
    if !usable {
        eprintln!("strace is not usable here: the steps were not tried one by one");
    }
    usable
}

/// An upload that ends early leaves nothing: no version, and no byte on the disk.
#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::of(Options::durable(folder.path(), Clock::of(Host::of_process())));
    service.furnish();
    let token = service.token();
    let body = publish_body("demo", "1.0.0", &vec![7; 4 << 20]);
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/new";
    let whole = request(service.address, "PUT", target, &[("Authorization", &token)], &body);
    for part in [1, 50, 99] {
        let mut connection = Connection::open(service.address).unwrap();
        connection.send(&whole[..whole.len() * part / 100]).unwrap();
        drop(connection);
    }
    // The service notices when it notices; a bound in time for the test only.
    let began = std::time::Instant::now();
    while service.local.calls("cargo:publish").failures < 3 {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", service.local.calls("cargo:publish"));
        thread::yield_now();
    }
    assert_eq!(std::fs::read_dir(folder.path().join("staging")).unwrap().count(), 0);
    assert_eq!(files(&folder.path().join("assets")), Vec::<String>::new());
    let packages = service.ok("POST", "/v1/packages?domain=acme&repository=team", None);
    assert_eq!(packages["packages"], json!([]));
}

/// Names that would leave the folder, hide in it or collide in it, wherever a name can be given.
#[test]
fn no_name_reaches_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::of(Options::durable(&data, Clock::of(Host::of_process())));
    service.furnish();
    let token = service.token();
    let hostile = [
        "..",
        ".",
        "../../x",
        "..%2f..%2fx",
        "%2e%2e%2fx",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "c:x",
        "c:\\x",
        "con",
        "nul.txt",
        "a\\b",
        "aux",
        "a%00b",
        "a%0ab",
        "~root",
        "-rf",
        "$(x)",
        "`x`",
        "a;b",
        "a|b",
        "a&b",
        "*",
        "?",
        "\u{202e}x",
        "é",
        "e\u{301}",
        ".hidden",
        "trailing.",
        "trailing%20",
        "%ff%fe",
        "%c0%ae",
        "staging",
        "assets",
        "service.redb",
        "token.key",
        "lock",
    ];
    let content = b"hostile";
    let digest = sha256(content);
    let authorization = signed("eu-west-1");
    let headers = [("Authorization", authorization.as_str()), ("x-amz-content-sha256", digest.as_str())];
    for name in hostile {
        let encoded: String = name
            .bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() || b"%.-_~".contains(&byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect();
        for parameter in ["namespace", "package", "version", "asset"] {
            let value = |of: &str| if of == parameter { encoded.clone() } else { "plain".to_owned() };
            let target = format!(
                "/v1/package/version/publish?domain=acme&repository=team&format=generic&namespace={}&package={}&version={}&asset={}",
                value("namespace"),
                value("package"),
                value("version"),
                value("asset"),
            );
            let status = service.send("POST", &target, &headers, content).status;
            assert!(matches!(status, 200 | 400 | 409), "{target}: {status}");
        }
        for target in
            [format!("/v1/domain?domain={encoded}"), format!("/v1/repository?domain=acme&repository={encoded}")]
        {
            let status = service.call("POST", &target, None).status;
            assert!(matches!(status, 200 | 400 | 402), "{target}: {status}");
        }
        let document = json!({ "name": name, "vers": "1.0.0" }).to_string();
        let body = crate::client::frame(document.as_bytes(), content);
        let status = service.cargo(&token, "PUT", "team", "api/v1/crates/new", &body).status;
        assert!(matches!(status, 200 | 400), "{name}: {status}");
        let target = format!("/d/{encoded}-111122223333/cargo/{encoded}/{encoded}");
        let status = service.send("GET", &target, &[("Authorization", &token)], b"").status;
        assert!(matches!(status, 400 | 403 | 404), "{target}: {status}");
    }
    service.local.stop();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing beside the folder");
    let mut top: Vec<_> =
        std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    top.sort();
    assert_eq!(top, ["assets", "lock", "service.redb", "staging", "token.key"]);
    let mut stored = files(&data.join("assets"));
    stored.dedup();
    assert_eq!(stored, [digest]);
}
