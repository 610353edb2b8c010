//! Killed at any point, the service loses nothing it acknowledged and shows nothing that is not whole.

use std::{collections::BTreeMap, path::Path, process::Child, sync::Mutex, thread, time::Duration};

use codeartifact::Host;
use local_service::{Clock, Options};
use serde_json::Value;

use crate::{
    child,
    client::{Service, index_path, publish_body, send, sha256, signed},
};

/// Starts the child, under `wrapper` if there is one.
fn start(folder: &Path, wrapper: &[&str]) -> Child {
    child::start_test("child::served", folder, wrapper)
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
    let stored = child::assets(folder);
    let mut expected: Vec<String> = visible.into_values().collect();
    expected.sort();
    expected.dedup();
    assert_eq!(stored, expected, "exactly what is referred to is stored");
}

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    for round in 0..8_u64 {
        let folder = tempfile::tempdir().unwrap();
        let mut process = start(folder.path(), &[]);
        let address = child::address(&mut process).unwrap();
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
            process.kill().unwrap();
        });
        assert!(child::was_killed(process.wait().unwrap()));
        inspect(folder.path(), &acknowledged.into_inner().unwrap());
    }
}

/// SIGKILL at the n-th call of each kind that changes the folder, from the first start on.
#[cfg(target_os = "linux")]
#[test]
fn killed_at_every_step_nothing_acknowledged_is_lost() {
    if !child::strace_is_usable() {
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
            let mut process = start(folder.path(), &wrapper);
            let acknowledged = Mutex::new(Vec::new());
            if let Some(address) = child::address(&mut process) {
                publish_until_killed(address, &acknowledged, &["demo", "demo-same"], 6);
            }
            // A child that got through all its calls ends when its input does.
            drop(process.stdin.take());
            killed += usize::from(child::was_killed(process.wait().unwrap()));
            inspect(folder.path(), &acknowledged.into_inner().unwrap());
        }
    }
    assert!(killed >= 30, "only {killed} runs were killed on the way");
}
