//! Killed at any step, the service loses nothing it acknowledged and shows nothing half done.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tests::{
    Sandbox, SampleWorkspace, Service,
    programs::find,
    sample::{CRATES, sha256},
    service::{index_path, send, try_send},
};

/// The calls at which a durable write can be cut: `strace` kills the process at the n-th of them.
const WRITES: &str = "write,writev,pwrite64,pwritev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat";

/// A crate as cargo uploads it: two lengths, the description, the bytes. The service takes the bytes as they are.
fn upload(name: &str, version: &str, bytes: &[u8]) -> Vec<u8> {
    let description = json!({
        "name": name, "vers": version, "deps": [], "features": {}, "authors": [], "description": "A sample",
        "documentation": null, "homepage": null, "readme": null, "readme_file": null, "keywords": [],
        "categories": [], "license": "MIT", "license_file": null, "repository": null, "badges": {}, "links": null,
    })
    .to_string();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a sample is small").to_le_bytes();
    [&length(description.as_bytes())[..], description.as_bytes(), &length(bytes), bytes].concat()
}

/// A `.crate` file: a compressed archive with one manifest, made by the real tools.
fn packed(sandbox: &Sandbox, name: &str, version: &str) -> Option<Vec<u8>> {
    let folder = format!("{name}-{version}");
    sandbox.write(
        format!("pack/{folder}/Cargo.toml"),
        format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\ndescription = \"A sample\"\n"),
    );
    // So large that it is written in more than one piece.
    let body = (0..40_000).fold(String::new(), |body, line| body + "// " + version + &line.to_string() + "\n");
    sandbox.write(format!("pack/{folder}/src/lib.rs"), body);
    let tar = sandbox.program(&find("tar")?).current_dir(sandbox.path("pack"));
    tar.args(["-czf", &format!("{folder}.crate"), &folder]).run().success();
    Some(std::fs::read(sandbox.path(format!("pack/{folder}.crate"))).expect("tar wrote it"))
}

/// Starts the service so that it is killed at the `point`-th durable write.
fn start_doomed(sandbox: &Sandbox, data: &Path, strace: &Path, point: usize) -> Option<Service> {
    let inject = format!("inject={WRITES}:signal=KILL:when={point}");
    let words = ["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={WRITES}"), "-e", &inject, "--"];
    let tracer: Vec<OsString> = std::iter::once(strace.as_os_str().to_owned()).chain(words.map(OsString::from)).collect();
    Service::try_start_through(sandbox, tracer, &["--data", data.to_str().expect("sandbox paths are text")])
}

/// What a client sees of a crate: each version in the index with the digest of what it downloads.
fn visible(service: &Service, name: &str) -> BTreeMap<String, String> {
    let token = service.token("acme");
    let answer = service.cargo_get("acme", "team", &index_path(name), &token);
    if answer.status == 404 {
        return BTreeMap::new();
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut seen = BTreeMap::new();
    for line in answer.text().lines() {
        let line: Value = serde_json::from_str(line).expect("the index is lines of JSON");
        let version = line["vers"].as_str().expect("a version is text").to_owned();
        let file = service.cargo_get("acme", "team", &format!("api/v1/crates/{name}/{version}/download"), &token);
        assert_eq!(file.status, 200, "{name} {version} is in the index and cannot be downloaded");
        let digest = sha256(&file.body);
        assert_eq!(line["cksum"], *digest, "{name} {version} is half there");
        let path = format!("package/version?domain=acme&repository=team&format=cargo&package={name}&version={version}");
        let described: Value = serde_json::from_slice(&service.call("GET", &path, "").body).expect("JSON");
        assert_eq!(described["packageVersion"]["status"], "Published", "{name} {version}");
        seen.insert(version, digest);
    }
    seen
}

#[test]
fn killed_at_every_write_it_keeps_what_it_acknowledged() {
    let Some(strace) = find("strace") else { return };
    let sandbox = Sandbox::new();
    let Some(first) = packed(&sandbox, "anvil", "1.0.0") else { return };
    let Some(second) = packed(&sandbox, "anvil", "1.1.0") else { return };
    let versions = [("1.0.0", &first), ("1.1.0", &second)];
    let mut kills = 0;
    // Until a run is not killed any more: then every point was one.
    for point in 1.. {
        let data = sandbox.path(format!("crash-{point}"));
        let service = Service::start_durable(&sandbox, &data);
        service.make("acme", &["team"]);
        service.stop().success();

        let mut acknowledged = Vec::new();
        let mut died = true;
        if let Some(service) = start_doomed(&sandbox, &data, &strace, point) {
            let index = service.cargo_index("acme", "team");
            let base = index.strip_prefix("sparse+").expect("the index is sparse").to_owned();
            let token = service.try_token("acme");
            for (version, bytes) in versions {
                let Some(token) = &token else { break };
                let body = upload("anvil", version, bytes);
                match try_send("PUT", &format!("{base}api/v1/crates/new"), Some(token), &body) {
                    Ok(answer) => {
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        acknowledged.push(version);
                    }
                    Err(_) => break,
                }
            }
            died = !service.survived();
        }

        let service = Service::start_durable(&sandbox, &data);
        let seen = visible(&service, "anvil");
        for version in &acknowledged {
            assert!(seen.contains_key(*version), "{version} was acknowledged before write {point} and is lost");
        }
        for (version, bytes) in versions {
            if let Some(digest) = seen.get(version) {
                assert_eq!(*digest, sha256(bytes), "{version} after a kill at write {point}");
                continue;
            }
            // What is not there goes up now.
            let index = service.cargo_index("acme", "team");
            let base = index.strip_prefix("sparse+").expect("the index is sparse");
            let token = service.token("acme");
            let again =
                send("PUT", &format!("{base}api/v1/crates/new"), Some(&token), &upload("anvil", version, bytes));
            assert_eq!(again.status, 200, "{version} after a kill at write {point}: {}", again.text());
        }
        assert_eq!(visible(&service, "anvil").len(), versions.len());
        service.stop().success();
        std::fs::remove_dir_all(&data).expect("the sandbox lets go of folders");
        if !died {
            break;
        }
        kills += 1;
    }
    println!("killed at {kills} points");
    assert!(kills >= 10, "only {kills} points: is the trace still about the right calls?");
}

/// The versions of the sample that are visible, and whole.
fn sample_versions(service: &Service) -> usize {
    CRATES.iter().map(|name| visible(service, name).len()).sum()
}

#[test]
fn a_publish_cut_by_a_dead_service_is_finished_by_the_next() {
    let Some(strace) = find("strace") else { return };
    let sandbox = Sandbox::new();
    let Some(sample) = SampleWorkspace::write(&sandbox, "work/sample") else { return };
    let publish = ["publish", "--domain", "acme", "--repository", "team"];
    for point in [5, 20, 45, 80] {
        let data = sandbox.path(format!("cut-{point}"));
        let service = Service::start_durable(&sandbox, &data);
        service.make("acme", &["team"]);
        service.stop().success();
        if let Some(service) = start_doomed(&sandbox, &data, &strace, point) {
            let outcome = sandbox.codeartifact(&publish).current_dir(sample.path()).run();
            assert!(matches!(outcome.code(), Some(0 | 5)), "{}", outcome.show());
            drop(service);
        }
        let service = Service::start_durable(&sandbox, &data);
        let before = sample_versions(&service);
        let outcome = sandbox.codeartifact(&publish).current_dir(sample.path()).run().success();
        assert_eq!(sample_versions(&service), CRATES.len(), "after {before} of them: {}", outcome.show());
        service.stop().success();
    }
}

#[test]
fn a_publish_that_is_killed_is_finished_by_the_next() {
    let Some(strace) = find("strace") else { return };
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    let Some(sample) = SampleWorkspace::write(&sandbox, "work/sample") else { return };
    let before = sample.fingerprint();
    let sends = "write,writev,sendto,sendmsg,rename,renameat,renameat2";
    let mut cut = 0;
    for (number, point) in [1, 3, 10, 30, 60, 90, 120, 150, 200, 300].into_iter().enumerate() {
        let domain = format!("acme-{number}");
        service.make(&domain, &["team"]);
        let publish = ["publish", "--domain", &domain, "--repository", "team", "--no-verify"];
        let inject = format!("inject={sends}:signal=KILL:when={point}");
        // Not its children: cargo has its own ways to die.
        let words = ["-qq", "-o", "/dev/null", "-e", &format!("trace={sends}"), "-e", &inject, "--"];
        let program = sandbox.codeartifact(&publish).current_dir(sample.path());
        let outcome = program.through(std::iter::once(strace.as_os_str()).chain(words.iter().map(std::ffi::OsStr::new))).run();
        cut += usize::from(outcome.code() != Some(0));
        assert_eq!(sample.fingerprint(), before, "the working tree is as it was");
        sandbox.codeartifact(&publish).current_dir(sample.path()).run().success();
        let token = service.token(&domain);
        for name in CRATES {
            let file = service.cargo_get(&domain, "team", &format!("api/v1/crates/{name}/0.1.0/download"), &token);
            assert_eq!(file.status, 200, "{name} after a kill at {point}");
        }
    }
    assert!(cut >= 3, "only {cut} runs were cut");
    let leftovers: Vec<PathBuf> = std::fs::read_dir(sandbox.path("work/sample"))
        .expect("the sample is there")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(".tmp"))
        .collect();
    assert_eq!(leftovers, Vec::<PathBuf>::new());
}

#[test]
fn two_services_do_not_share_a_folder() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("shared");
    let service = Service::start_durable(&sandbox, &data);
    service.make("acme", &["team"]);
    let second = ["local", "--listen", "127.0.0.1:0", "--data", data.to_str().expect("sandbox paths are text")];
    sandbox.codeartifact(&second).run().exit(1).says("shared").says("hint:");
    assert_eq!(service.call("GET", "domain?domain=acme", "").status, 200, "the first goes on");
    service.stop().success();
}
